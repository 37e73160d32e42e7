// What the self-tests of the CUDA kernels stand on: the same numbers in host and device memory, and the comparison of a
// kernel's results with its specification's.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>

#include <cmath>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "ops/cuda_self_test.h"

namespace soragen::ops {

template <typename T>
struct Type;
template <>
struct Type<float> {
  static constexpr at::ScalarType scalar = at::kFloat;
  static constexpr double place = 0x1p-23;  // of a number of this type, relative: one apart is rounding
  static constexpr const char* name = "fp32";
};
template <>
struct Type<kernels::Bf16> {
  static constexpr at::ScalarType scalar = at::kBFloat16;
  static constexpr double place = 0x1p-7;
  static constexpr const char* name = "bf16";
};
template <>
struct Type<kernels::Half> {
  static constexpr at::ScalarType scalar = at::kHalf;
  static constexpr double place = 0x1p-10;
  static constexpr const char* name = "fp16";
};

// Float arithmetic before the rounding to T: the depth of a row's tree of sums and as many operations around it.
inline constexpr double kFloatError = 16 * 0x1p-23;

inline std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

inline double largest(const at::Tensor& x) { return x.to(at::kDouble).abs().max().item<double>(); }

template <typename T>
T* data(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

// The same numbers in host memory, for the specification, and on the device.
struct Twin {
  at::Tensor host, device;
};

// The largest difference that rounding explains: `relative` to the largest of the results, or of the numbers that they
// are averages of.
struct Bound {
  double relative;
  double largest = 0;  // 0: of the results
};

class Bench {
 public:
  explicit Bench(const CudaKernelSet& set) : set_(set), generator_(at::make_generator<at::CPUGeneratorImpl>(1)) {}

  Twin drawn(at::IntArrayRef shape, at::ScalarType type) {
    return twin(at::randn(shape, generator_, at::kFloat).to(type));
  }
  Twin twin(const at::Tensor& host) const {
    return {.host = host, .device = host.to(set_.device, host.scalar_type(), false, true)};
  }

  // Runs the kernel, then the specification, and compares what each left in `result`.
  template <typename Kernel, typename Specification>
  void compare(const std::string& name, CudaKernel kernel, const Twin& result, const Bound& bound, Kernel&& run,
               Specification&& specify) {
    CudaKernelTest test{.name = name, .kernel = kernel, .error = 0, .problem = ""};
    try {
      kernels::CudaFailure failure;
      run(stream_of(result.device), failure);
      check_launch(failure);
      specify();
      const at::Tensor truth = result.host.to(at::kDouble), found = result.device.to(at::kCPU, at::kDouble);
      const double largest_number = bound.largest > 0 ? bound.largest : largest(truth);
      test.error = largest(found - truth) / (bound.relative * largest_number);
      if (!std::isfinite(test.error)) test.problem = "its numbers are not finite";
    } catch (const std::exception& error) {  // LibTorch's too: a kernel's fault can show at the next copy
      test.problem = first_line(error.what());
    }
    tests.push_back(std::move(test));
  }

  std::vector<CudaKernelTest> tests;

 private:
  CudaKernelSet set_;
  at::Generator generator_;
};

}  // namespace soragen::ops
