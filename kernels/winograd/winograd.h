// Winograd's minimal filtering F(m, 3) along time, m = 4 or 2: m output frames of a 3-tap filter from
// m + 2 products instead of 3 m, so a causal 3x3x3 convolution becomes m + 2 plain 3x3 ones.
//
//   products[j] = (sum_i B[j][i] frame[i]) conv (sum_k G[j][k] tap[k]),   out[t] = sum_j A[t][j] products[j] + bias
//
// Exact in real arithmetic; in float32 the error grows by a small factor (measured in the tests). The last
// row of G is (0, 0, 1): its filter is the last tap itself. Lavin & Gray, arXiv 1509.09308.
#pragma once

#include <cstdint>

namespace soragen::kernels {

constexpr int kMaxWinogradProducts = 6;

struct WinogradInputArgs {
  int outputs = 4;                // m: 4 or 2
  const float* frames = nullptr;  // m + 2 frames, frame_stride elements apart
  int64_t frame_stride = 0;
  float* transformed[kMaxWinogradProducts] = {};  // m + 2 destinations
};
// Elements [begin, end) of each.
void winograd_input(const WinogradInputArgs& args, int64_t begin, int64_t end);

struct WinogradOutputArgs {
  int outputs = 4;
  const float* products[kMaxWinogradProducts] = {};  // [pixels, channels] each
  const float* bias = nullptr;                       // [channels]
  float* frames = nullptr;                           // m frames, frame_stride elements apart
  int64_t frame_stride = 0;
  int64_t channels = 0;
};
// Pixels [begin, end) of each.
void winograd_output(const WinogradOutputArgs& args, int64_t begin, int64_t end);

// G: [m + 2][3].
const double (*winograd_filter_rows(int outputs))[3];

}  // namespace soragen::kernels
