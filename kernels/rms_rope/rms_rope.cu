// One block a row, read and written once; queries and keys of the same rows in one launch.
#include "kernels/rms_rope/rms_rope_row.cuh"

namespace soragen::kernels {
namespace {

// One parameter: to choose between two the compiler would copy both to local memory.
template <typename T>
struct Matrices {
  RmsRopeArgs<T> matrix[2];
};

template <typename T, int vectors>
__global__ void __launch_bounds__(kRowThreads, 4) rms_rope_kernel(const Matrices<T> matrices) {
  const RmsRopeArgs<T>& args = matrices.matrix[block_y()];
  float x[vectors][kVector];
  rms_rope_row<T, vectors>(args, block_x(), shared_memory(), x);
#pragma unroll
  for (int v = 0; v < vectors; ++v)
    if (row_column(v) < args.heads * args.head_dim)
      store_numbers(args.x + block_x() * args.stride + row_column(v), x[v]);
}

template <typename T>
void launch_rows(const RmsRopeArgs<T>& first, const RmsRopeArgs<T>* second, int64_t rows, Stream stream) {
  const LaunchShape shape{.grid = {static_cast<int>(rows), second ? 2 : 1},
                          .threads = kRowThreads,
                          .shared_bytes = sizeof(float) * kRowWarps};
  dispatch_row_width(first.heads * first.head_dim, [&](auto vectors) {
    launch<rms_rope_kernel<T, vectors>>(shape, stream, Matrices<T>{{first, second ? *second : first}});
  });
}

}  // namespace

void rms_rope_cuda(const RmsRopeArgs<float>& first, const RmsRopeArgs<float>* second, int64_t rows, Stream stream) {
  launch_rows(first, second, rows, stream);
}
void rms_rope_cuda(const RmsRopeArgs<Bf16>& first, const RmsRopeArgs<Bf16>* second, int64_t rows, Stream stream) {
  launch_rows(first, second, rows, stream);
}
void rms_rope_cuda(const RmsRopeArgs<Half>& first, const RmsRopeArgs<Half>* second, int64_t rows, Stream stream) {
  launch_rows(first, second, rows, stream);
}

}  // namespace soragen::kernels
