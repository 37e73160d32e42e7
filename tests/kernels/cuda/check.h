// A kernel on the card against ATen. Each check runs cases and reports the failed ones; a case passes when
//
//   max |kernel - exact| <= 2 max |ATen - exact| + the rounding that both do, at the largest exact number
//
// where exact is ATen in double on the same inputs, and ATen computes in the precision that the kernel
// promises (float arithmetic, the element type in and out). The last term is for inputs on which ATen is
// exact by luck: one place of the element type for the result, or, of float, 16: a row's sum misses by some
// units for the depth of its tree and as many for the arithmetic after it.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/element.h"
#include "tests/kernels/cuda/device.h"

namespace soragen::kernels {

class Report {
 public:
  explicit Report(bool is_small) : is_small_(is_small) {}

  // Few and short cases: for compute-sanitizer, which slows a kernel down by a hundred times.
  bool is_small() const { return is_small_; }

  void compare(const std::string& name, const at::Tensor& actual, const at::Tensor& aten, const at::Tensor& exact);
  // |actual - exact| <= bound everywhere; infinities must be equal.
  void within(const std::string& name, const at::Tensor& actual, const at::Tensor& exact, double bound);
  void equal(const std::string& name, const at::Tensor& actual, const at::Tensor& expected);
  // The kernel must take this problem; or, where the card cannot be helped, the reason is printed once.
  bool takes(const std::string& name, const Support& support);
  void leave_out(const std::string& name, const std::string& why);

  int cases() const { return cases_; }
  int failures() const { return failures_; }

 private:
  void judge(const std::string& name, bool passed, const std::string& found);

  bool is_small_;
  int cases_ = 0, failures_ = 0;
  std::vector<std::string> left_out_;
};

struct Check {
  const char* name;
  void (*run)(Report&);
};
extern const std::vector<Check> kChecks;

void check_attention(Report&);
void check_attention_int8(Report&);
void check_layer_norm(Report&);
void check_rms_rope(Report&);
void check_rms_rope_int8(Report&);
void check_rms_silu(Report&);
void check_gelu(Report&);
void check_causal_cache(Report&);
void check_rgb8(Report&);

// Inputs on the device: ones, identity (1 where the row is the column, modulo the width), ramp (from -1 to 1
// over all numbers), random (normal).
enum class Fill { ones, identity, ramp, random };
constexpr Fill kFills[] = {Fill::ones, Fill::identity, Fill::ramp, Fill::random};
const char* fill_name(Fill fill);
at::Tensor filled(Fill fill, at::IntArrayRef shape, at::ScalarType type);
at::Tensor normal(at::IntArrayRef shape, at::ScalarType type = at::kFloat);
const char* type_name(at::ScalarType type);

// Calls f with a null T* of the kernel's element type.
template <typename F>
void with_element(at::ScalarType type, const F& f) {
  if (type == at::kFloat) return f(static_cast<float*>(nullptr));
  if (type == at::kHalf) return f(static_cast<Half*>(nullptr));
  f(static_cast<Bf16*>(nullptr));
}
template <typename T>
T* data(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}
inline const float* floats(const at::Tensor& tensor) { return tensor.defined() ? data<float>(tensor) : nullptr; }

// [B, L, N, D] views; out and bias ([S], float) and log_sum_exp ([B, N, L], float) may be undefined.
AttentionParams attention_params(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& out,
                                 const at::Tensor& bias = {}, const at::Tensor& log_sum_exp = {});

}  // namespace soragen::kernels
