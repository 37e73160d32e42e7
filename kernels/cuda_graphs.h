// The handshake between soragen and libsoragen_cuda_graphs.so, which records what is started on a card and starts it
// again as one launch.
//
// A file of its own: LibTorch's allocator has to know of a recording, so it links LibTorch's CUDA half, which
// libsoragen_cuda.so must not (cuda_plugin.h). It is opened after that half. Nothing thrown crosses the border.
// `version` and `torch` stay first in every version of the table.
#pragma once

#include "kernels/cuda_plugin.h"

namespace soragen::kernels {

constexpr int kCudaGraphsVersion = 1;
constexpr const char* kCudaGraphsSymbol = "soragen_cuda_graphs";

struct CudaGraphs {
  int version;
  const char* torch;
  // Calls work(context), which must not throw, and records what it starts on the current stream without running it.
  // Memory that LibTorch hands out meanwhile belongs to the recording. Null with a failure.
  void* (*record)(void (*work)(void* context), void* context, CudaFailure*);
  void (*replay)(void* recording, CudaFailure*);  // on the current stream
  void (*destroy)(void* recording);
};

using CudaGraphsFn = const CudaGraphs* (*)();

}  // namespace soragen::kernels
