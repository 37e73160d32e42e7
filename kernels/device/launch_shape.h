// What a contract header needs of CUDA without including it: the stream, and the shape of a launch.
#pragma once

#include <cstddef>

struct CUstream_st;  // CUDA's own name; cudaStream_t is a pointer to it

namespace soragen::kernels {

using Stream = CUstream_st*;  // the emulator ignores it

struct Dim {
  int x = 1, y = 1, z = 1;
};

struct LaunchShape {
  Dim grid;
  int threads = 1;  // a multiple of 32
  size_t shared_bytes = 0;
};

}  // namespace soragen::kernels
