#include "ops/cuda_kernels.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <map>

#include "core/fail.h"
#include "ops/cuda_self_test.h"

namespace soragen::ops {
namespace {

CudaKernelSet installed;
std::map<CudaKernel, bool> passed;  // those whose self-test ran

}  // namespace

std::string_view name_of(CudaKernel kernel) {
  switch (kernel) {
    case CudaKernel::attention_sm80:
      return "attention_sm80";
    case CudaKernel::attention_sm90:
      return "attention_sm90";
    case CudaKernel::attention_int8:
      return "attention_int8";
    case CudaKernel::layer_norm:
      return "layer_norm";
    case CudaKernel::rms_rope:
      return "rms_rope";
    case CudaKernel::rms_silu:
      return "rms_silu";
    case CudaKernel::gelu:
      return "gelu";
    case CudaKernel::causal_cache:
      return "causal_cache";
    case CudaKernel::rgb8:
      return "rgb8";
  }
  SORAGEN_ASSERT(!"a kernel without a name");
}

void install_cuda_kernels(const CudaKernelSet& set) {
  installed = set;
  passed.clear();
}

void remove_cuda_kernels() { install_cuda_kernels({}); }

std::vector<CudaKernelTest> test_cuda_kernels() {
  if (!installed.table) return {};
  std::vector<CudaKernelTest> tests = run_cuda_self_tests(installed);
  passed.clear();
  for (const CudaKernelTest& test : tests)  // a kernel serves in all its types or in none
    passed[test.kernel] = test.passed() && (!passed.contains(test.kernel) || passed.at(test.kernel));
  return tests;
}

std::string why_not(CudaKernel kernel, const at::Tensor& x) {
  if (!installed.table) return "it runs on a CUDA card; none is in use";
  if (x.device().type() != installed.device)
    return fmt::format("it runs on a CUDA card; these tensors are on {}", x.device().str());
  if (kernel == CudaKernel::attention_sm90)
    if (std::string why = kernels::attention_sm90_card_support(installed.card).why; !why.empty()) return why;
  if (!passed.contains(kernel)) return "its self-test has not run on this card";
  if (!passed.at(kernel)) return "its self-test failed on this card; 'soragen doctor' shows by how much";
  return "";
}

const CudaKernelSet& cuda_kernels() { return installed; }

kernels::Stream stream_of(const at::Tensor& x) {
  if (!x.is_cuda()) return nullptr;
  return static_cast<kernels::Stream>(c10::impl::VirtualGuardImpl(at::kCUDA).getStream(x.device()).native_handle());
}

void check_launch(const kernels::CudaFailure& failure) {
  if (failure.kind != 0) fail(static_cast<ErrorKind>(failure.kind), "{}", failure.message);
}

template <>
const kernels::FusedCudaKernels<float>& fused_cuda_kernels() {
  return installed.table->float32;
}
template <>
const kernels::FusedCudaKernels<kernels::Bf16>& fused_cuda_kernels() {
  return installed.table->bf16;
}
template <>
const kernels::FusedCudaKernels<kernels::Half>& fused_cuda_kernels() {
  return installed.table->half;
}

}  // namespace soragen::ops
