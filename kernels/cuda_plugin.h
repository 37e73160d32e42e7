// The handshake between soragen and libsoragen_cuda.so, the file that holds the CUDA kernels.
//
// The plug-in exports one C function, which hands out a table of C functions; nothing thrown crosses the border.
// It links CUDA's runtime and no LibTorch, so that it can say what the driver and the card are before
// LibTorch's CUDA half, a gigabyte, is brought in. Pointers in arguments are the device's, streams the caller's.
// `version` and `torch` stay first in every version of the table: whoever meets an unknown version reads no further.
#pragma once

#include "kernels/attention/attention.h"
#include "kernels/attention_int8/attention_int8.h"
#include "kernels/causal_cache/causal_cache.h"
#include "kernels/gelu/gelu.h"
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/rgb8/rgb8.h"
#include "kernels/rms_rope/rms_rope.h"
#include "kernels/rms_rope_int8/rms_rope_int8.h"
#include "kernels/rms_silu/rms_silu.h"

namespace soragen::kernels {

// One more with every change of the table or of a struct that it takes.
constexpr int kCudaPluginVersion = 3;
constexpr const char* kCudaPluginSymbol = "soragen_cuda_plugin";

struct CudaDriver {
  int status = 0;          // 0, or CUDA's number of what went wrong when devices were counted
  char problem[256] = {};  // in CUDA's words; "": none
  int version = 0;         // the newest CUDA that the driver speaks, 13000 for 13.0; 0: no driver
  int needed = 0;          // the CUDA that the plug-in was built for
  int devices = 0;
};

struct CudaCard {
  char name[256] = {};
  Card card;
  int64_t memory = 0, free_memory = 0;  // bytes
};

struct CudaFailure {
  int kind = 0;  // 0: none, else an ErrorKind
  char message[512] = {};
};

template <typename T>
struct FusedCudaKernels {
  void (*layer_norm)(const LayerNormArgs<T>*, int64_t rows, Stream, CudaFailure*);
  void (*rms_rope)(const RmsRopeArgs<T>*, int64_t rows, Stream, CudaFailure*);
  void (*rms_silu)(const RmsSiluArgs<T>*, int64_t pixels, Stream, CudaFailure*);
  void (*gelu)(const GeluArgs<T>*, Stream, CudaFailure*);
  void (*rgb8)(const Rgb8Args<T>*, Stream, CudaFailure*);
};

template <typename T>
struct Int8CudaKernels {
  void (*key_centre)(const KeyCentreArgs<T>*, Stream, CudaFailure*);
  void (*rms_rope_int8)(const RmsRopeInt8Args<T>*, int64_t rows, Stream, CudaFailure*);
};

struct CudaPlugin {
  int version;
  const char* torch;  // the LibTorch that this soragen was built with: "2.11.0"
  void (*driver)(CudaDriver*);
  void (*card)(int device, CudaCard*, CudaFailure*);
  void (*attention_sm80)(const AttentionParams*, const Card*, Stream, CudaFailure*);
  void (*attention_sm90)(const AttentionParams*, const Card*, Stream, CudaFailure*);
  void (*attention_int8)(const AttentionInt8Params*, Stream, CudaFailure*);
  void (*causal_cache)(const CausalCacheArgs*, Stream, CudaFailure*);
  FusedCudaKernels<float> float32;
  FusedCudaKernels<Bf16> bf16;
  FusedCudaKernels<Half> half;
  Int8CudaKernels<Bf16> int8_bf16;
  Int8CudaKernels<Half> int8_half;
};

using CudaPluginFn = const CudaPlugin* (*)();

}  // namespace soragen::kernels
