#include "kernels/element.h"
#include "kernels/winograd/winograd.h"

namespace soragen::kernels {
namespace {

// Points 0, 1, -1, 2, -2, infinity for m = 4; 0, 1, -1, infinity for m = 2.
constexpr double kFilter4[6][3] = {{0.25, 0, 0},
                                   {-1. / 6, -1. / 6, -1. / 6},
                                   {-1. / 6, 1. / 6, -1. / 6},
                                   {1. / 24, 1. / 12, 1. / 6},
                                   {1. / 24, -1. / 12, 1. / 6},
                                   {0, 0, 1}};
constexpr double kFilter2[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

SORAGEN_INLINE void input4(const WinogradInputArgs& args, int64_t begin, int64_t end) {
  const float *d0 = args.frames, *d1 = d0 + args.frame_stride, *d2 = d1 + args.frame_stride,
              *d3 = d2 + args.frame_stride, *d4 = d3 + args.frame_stride, *d5 = d4 + args.frame_stride;
  float *v0 = args.transformed[0], *v1 = args.transformed[1], *v2 = args.transformed[2], *v3 = args.transformed[3],
        *v4 = args.transformed[4], *v5 = args.transformed[5];
  for (int64_t i = begin; i < end; ++i) {
    const float even_near = d4[i] - 4 * d2[i], odd_near = d3[i] - 4 * d1[i];
    const float even_far = d4[i] - d2[i], odd_far = 2 * (d3[i] - d1[i]);
    v0[i] = 4 * d0[i] - 5 * d2[i] + d4[i];
    v1[i] = even_near + odd_near;
    v2[i] = even_near - odd_near;
    v3[i] = even_far + odd_far;
    v4[i] = even_far - odd_far;
    v5[i] = 4 * d1[i] - 5 * d3[i] + d5[i];
  }
}

SORAGEN_INLINE void input2(const WinogradInputArgs& args, int64_t begin, int64_t end) {
  const float *d0 = args.frames, *d1 = d0 + args.frame_stride, *d2 = d1 + args.frame_stride,
              *d3 = d2 + args.frame_stride;
  float *v0 = args.transformed[0], *v1 = args.transformed[1], *v2 = args.transformed[2], *v3 = args.transformed[3];
  for (int64_t i = begin; i < end; ++i) {
    v0[i] = d0[i] - d2[i];
    v1[i] = d1[i] + d2[i];
    v2[i] = d2[i] - d1[i];
    v3[i] = d3[i] - d1[i];
  }
}

SORAGEN_INLINE void output4(const WinogradOutputArgs& args, int64_t begin, int64_t end) {
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    const int64_t at = pixel * args.channels;
    const float *m0 = args.products[0] + at, *m1 = args.products[1] + at, *m2 = args.products[2] + at,
                *m3 = args.products[3] + at, *m4 = args.products[4] + at, *m5 = args.products[5] + at,
                *bias = args.bias;
    float *y0 = args.frames + at, *y1 = y0 + args.frame_stride, *y2 = y1 + args.frame_stride,
          *y3 = y2 + args.frame_stride;
    for (int64_t c = 0; c < args.channels; ++c) {
      const float near_sum = m1[c] + m2[c], near_difference = m1[c] - m2[c], far_sum = m3[c] + m4[c],
                  far_difference = m3[c] - m4[c];
      y0[c] = m0[c] + near_sum + far_sum + bias[c];
      y1[c] = near_difference + 2 * far_difference + bias[c];
      y2[c] = near_sum + 4 * far_sum + bias[c];
      y3[c] = near_difference + 8 * far_difference + m5[c] + bias[c];
    }
  }
}

SORAGEN_INLINE void output2(const WinogradOutputArgs& args, int64_t begin, int64_t end) {
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    const int64_t at = pixel * args.channels;
    const float *m0 = args.products[0] + at, *m1 = args.products[1] + at, *m2 = args.products[2] + at,
                *m3 = args.products[3] + at, *bias = args.bias;
    float *y0 = args.frames + at, *y1 = y0 + args.frame_stride;
    for (int64_t c = 0; c < args.channels; ++c) {
      y0[c] = m0[c] + m1[c] + m2[c] + bias[c];
      y1[c] = m1[c] - m2[c] + m3[c] + bias[c];
    }
  }
}

}  // namespace

const double (*winograd_filter_rows(int outputs))[3] { return outputs == 4 ? kFilter4 : kFilter2; }

SORAGEN_CPU_KERNEL void winograd_input(const WinogradInputArgs& args, int64_t begin, int64_t end) {
  args.outputs == 4 ? input4(args, begin, end) : input2(args, begin, end);
}
SORAGEN_CPU_KERNEL void winograd_output(const WinogradOutputArgs& args, int64_t begin, int64_t end) {
  args.outputs == 4 ? output4(args, begin, end) : output2(args, begin, end);
}

}  // namespace soragen::kernels
