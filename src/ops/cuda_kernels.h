// The plug-in's kernels behind the front doors of ops, and the rule of when they serve.
//
// The rule: a kernel serves tensors on the device for which the kernels were installed, after its self-test passed
// there in this process; an attention kernel moreover only when --attention names it. The self-tests run for
// `soragen doctor` and when --attention names one of these kernels: whoever asks for none gets ATen everywhere.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <vector>

#include "kernels/cuda_plugin.h"

namespace soragen::ops {

enum class CudaKernel {
  attention_sm80,
  attention_sm90,
  attention_int8,
  layer_norm,
  rms_rope,
  rms_silu,
  gelu,
  causal_cache,
  rgb8
};
std::string_view name_of(CudaKernel kernel);

// For the whole process, like the choice of the attention. With device kCPU the table's pointers are this process's own
// memory: the kernels' source on the emulated device (kernels/device/emulator), in tests.
struct CudaKernelSet {
  const kernels::CudaPlugin* table = nullptr;
  kernels::Card card;
  at::DeviceType device = at::kCUDA;
};
void install_cuda_kernels(const CudaKernelSet& set);  // none of them serves yet
void remove_cuda_kernels();

// Every kernel that this card can run, on small random data against its specification; what passes serves from here
// on.
struct CudaKernelTest {
  std::string name;  // "layer_norm bf16"
  CudaKernel kernel;
  double error = 0;     // largest difference, in units of what is allowed
  std::string problem;  // that the kernel could not run, in words
  bool passed() const { return problem.empty() && error <= 1.0; }
};
std::vector<CudaKernelTest> test_cuda_kernels();

// "": the kernel serves x. Else why not.
std::string why_not(CudaKernel kernel, const at::Tensor& x);

// For the front doors, after why_not() was empty.
const CudaKernelSet& cuda_kernels();
kernels::Stream stream_of(const at::Tensor& x);  // the current one of x's device
void check_launch(const kernels::CudaFailure& failure);

template <typename T>
const kernels::FusedCudaKernels<T>& fused_cuda_kernels();
template <>
const kernels::FusedCudaKernels<float>& fused_cuda_kernels();
template <>
const kernels::FusedCudaKernels<kernels::Bf16>& fused_cuda_kernels();
template <>
const kernels::FusedCudaKernels<kernels::Half>& fused_cuda_kernels();

}  // namespace soragen::ops
