// libsoragen_cuda_graphs.so: kernels/cuda_graphs.h by LibTorch's own CUDAGraph, which keeps the memory of a recording.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>

#include <cstdio>
#include <memory>

#include "kernels/cuda_graphs.h"
#include "soragen/error.h"

namespace {

using soragen::kernels::CudaFailure, soragen::kernels::CudaGraphs;

void report_failure(CudaFailure* failure, const char* doing, const char* message) {
  failure->kind = static_cast<int>(soragen::ErrorKind::unsupported);
  std::snprintf(failure->message, sizeof failure->message, "%s: %s", doing, message);
}

void* record(void (*work)(void*), void* context, CudaFailure* failure) {
  try {
    auto graph = std::make_unique<at::cuda::CUDAGraph>();
    c10::cuda::device_synchronize();  // the stream that records does not wait for the one that wrote the inputs
    const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool());  // the default stream cannot be recorded
    // Of this thread alone: another one may be asking for memory.
    graph->capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    work(context);
    graph->capture_end();
    return graph.release();
  } catch (const std::exception& error) {
    report_failure(failure, "a step cannot be recorded as a CUDA graph", error.what());
    return nullptr;
  }
}

void replay(void* recording, CudaFailure* failure) {
  try {
    static_cast<at::cuda::CUDAGraph*>(recording)->replay();
  } catch (const std::exception& error) {
    report_failure(failure, "a recorded CUDA graph cannot be started", error.what());
  }
}

void destroy(void* recording) { delete static_cast<at::cuda::CUDAGraph*>(recording); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const CudaGraphs* soragen_cuda_graphs() {
  static const CudaGraphs table = {.version = soragen::kernels::kCudaGraphsVersion,
                                   .torch = SORAGEN_TORCH_VERSION,
                                   .record = record,
                                   .replay = replay,
                                   .destroy = destroy};
  return &table;
}
