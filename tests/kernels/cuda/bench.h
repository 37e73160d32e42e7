// Times every kernel on the card, beside ATen's form of it and the card's own measured peaks, and writes a
// table in Markdown. Nothing here judges: checks do, and scripts/gpu_check.sh runs them first.
#pragma once

#include <cstdio>
#include <functional>
#include <string>

namespace soragen::kernels {

// The median over rounds of `run`'s time on the card, after a warm-up. Milliseconds.
double milliseconds(const std::function<void()>& run);

struct Peaks {
  double gemm = 0;  // bf16 8192^3 through ATen, FLOP/s
  double copy = 0;  // bytes read and written a second
};
Peaks measure_peaks();

// Prints what it cannot time as a row with the reason instead.
void bench_attention(std::FILE* table, const Peaks& peaks);
void bench_fused(std::FILE* table, const Peaks& peaks);

}  // namespace soragen::kernels
