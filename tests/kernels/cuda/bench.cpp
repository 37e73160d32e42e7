#include "tests/kernels/cuda/bench.h"

#include <ATen/Context.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/matmul.h>

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/device/ptx/check_cuda.h"
#include "tests/kernels/cuda/check.h"

namespace soragen::kernels {
namespace {

constexpr int kRounds = 5;
constexpr float kRoundMilliseconds = 60;  // long enough for the clock of CUDA events, short enough for the whole

class Event {
 public:
  Event() { check_cuda(cudaEventCreate(&event_), "create an event"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record() { check_cuda(cudaEventRecord(event_, nullptr), "record an event"); }
  float since(const Event& start) {
    float elapsed = 0;
    check_cuda(cudaEventSynchronize(event_), "wait for an event");
    check_cuda(cudaEventElapsedTime(&elapsed, start.event_, event_), "read an event");
    return elapsed;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

float time_runs(const std::function<void()>& run, int count) {
  Event start, end;
  start.record();
  for (int i = 0; i < count; ++i) run();
  end.record();
  return end.since(start);
}

}  // namespace

double milliseconds(const std::function<void()>& run) {
  time_runs(run, 2);  // plans, caches, clocks
  const float once = std::max(time_runs(run, 1), 1e-3f);
  const int count = std::clamp(static_cast<int>(kRoundMilliseconds / once), 1, 2000);
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round) rounds.push_back(time_runs(run, count) / count);
  std::nth_element(rounds.begin(), rounds.begin() + kRounds / 2, rounds.end());
  return rounds[kRounds / 2];
}

Peaks measure_peaks() {
  constexpr int64_t kSide = 8192;
  const at::Tensor a = normal({kSide, kSide}, at::kBFloat16), b = normal({kSide, kSide}, at::kBFloat16);
  const double gemm = milliseconds([&] { at::matmul(a, b); });
  const at::Tensor from = normal({int64_t{1} << 28}, at::kFloat), to = at::empty_like(from);  // 1 GiB each
  const double copy = milliseconds([&] { to.copy_(from); });
  return {.gemm = 2.0 * kSide * kSide * kSide / (gemm * 1e-3), .copy = 2.0 * from.nbytes() / (copy * 1e-3)};
}

bool run_bench(const std::string& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(file == "-" ? nullptr : std::fopen(file.c_str(), "w"),
                                                               std::fclose);
  if (file != "-" && !opened) {
    std::fprintf(stderr, "soragen_gpu_check: cannot write %s: %s\n", file.c_str(), std::strerror(errno));
    return false;
  }
  std::FILE* const table = opened ? opened.get() : stdout;
  const Card card = this_card();
  cudaDeviceProp properties;
  check_cuda(cudaGetDeviceProperties(&properties, 0), "read the card's properties");
  const Peaks peaks = measure_peaks();
  int driver = 0, runtime = 0;
  check_cuda(cudaDriverGetVersion(&driver), "ask for the driver's version");
  check_cuda(cudaRuntimeGetVersion(&runtime), "ask for the runtime's version");
  std::fprintf(table,
               "%s (sm_%d), driver for CUDA %d.%d, runtime %d.%d, cuDNN %ld. Measured peaks: bf16 product 8192^3 %.0f "
               "TFLOP/s, copy %.0f GB/s read and written. Medians of %d rounds.\n\n",
               properties.name, card.capability, driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10,
               at::globalContext().versionCuDNN(), peaks.gemm * 1e-12, peaks.copy * 1e-9, kRounds);
  bench_attention(table, peaks);
  bench_fused(table, peaks);
  return std::fflush(table) == 0;
}

}  // namespace soragen::kernels
