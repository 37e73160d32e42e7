#include "tests/kernels/cuda/check.h"

#include <ATen/ops/eq.h>
#include <ATen/ops/isinf.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace soragen::kernels {
namespace {

double largest(const at::Tensor& x) { return x.numel() == 0 ? 0 : x.to(at::kDouble).abs().max().item<double>(); }

double rounding(at::ScalarType type) {
  if (type == at::kFloat) return 16 * 0x1p-23;
  return type == at::kHalf ? 0x1p-10 : 0x1p-7;
}

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", x);
  return text;
}

}  // namespace

void Report::judge(const std::string& name, bool passed, const std::string& found) {
  ++cases_;
  if (passed) return;
  ++failures_;
  std::printf("FAILED %s: %s\n", name.c_str(), found.c_str());
}

void Report::compare(const std::string& name, const at::Tensor& actual, const at::Tensor& aten,
                     const at::Tensor& exact) {
  const at::Tensor difference = (actual.to(at::kDouble) - exact).abs();
  const double error = largest(difference), of_aten = largest(aten.to(at::kDouble) - exact);
  const double bound = 2 * of_aten + rounding(actual.scalar_type()) * largest(exact);
  const auto where = difference.flatten().argmax().item<int64_t>();
  // NaN compares false, so it fails.
  judge(name, error <= bound,
        "misses by " + number(error) + " at " + std::to_string(where) + "; ATen misses by " + number(of_aten) +
            " and up to " + number(bound) + " would be valid");
}

void Report::within(const std::string& name, const at::Tensor& actual, const at::Tensor& exact, double bound) {
  const at::Tensor difference = (actual.to(at::kDouble) - exact).abs();
  const double error = largest(at::where(exact.isinf(), at::where(actual == exact, 0.0, INFINITY), difference));
  judge(name, error <= bound, "misses by " + number(error) + "; up to " + number(bound) + " would be valid");
}

void Report::equal(const std::string& name, const at::Tensor& actual, const at::Tensor& expected) {
  const auto unequal = (actual != expected).sum().item<int64_t>();
  judge(name, unequal == 0, std::to_string(unequal) + " of " + std::to_string(actual.numel()) + " differ");
}

bool Report::takes(const std::string& name, const Support& support) {
  if (support) return true;
  judge(name, false, "refused: " + support.why);
  return false;
}

void Report::leave_out(const std::string& name, const std::string& why) {
  const std::string line = name + ": " + why;
  if (std::find(left_out_.begin(), left_out_.end(), line) != left_out_.end()) return;
  left_out_.push_back(line);
  std::printf("left out: %s\n", line.c_str());
}

const char* fill_name(Fill fill) {
  constexpr const char* kNames[] = {"ones", "identity", "ramp", "random"};
  return kNames[static_cast<int>(fill)];
}

const char* type_name(at::ScalarType type) {
  if (type == at::kFloat) return "float";
  return type == at::kHalf ? "half" : "bf16";
}

at::Tensor normal(at::IntArrayRef shape, at::ScalarType type) {
  return at::randn(shape, at::TensorOptions(device_type()).dtype(at::kFloat)).to(type);
}

at::Tensor filled(Fill fill, at::IntArrayRef shape, at::ScalarType type) {
  const at::TensorOptions floats = at::TensorOptions(device_type()).dtype(at::kFloat);
  if (fill == Fill::random) return normal(shape, type);
  if (fill == Fill::ones) return at::ones(shape, floats.dtype(type));
  at::Tensor x = at::zeros(shape, floats);
  if (fill == Fill::ramp) return at::linspace(-1, 1, x.numel(), floats).view(shape).to(type);
  const int64_t width = shape.back(), rows = shape.size() > 1 ? x.numel() / width : 1;
  at::Tensor matrix = x.view({rows, width});
  for (int64_t row = 0; row < std::min(rows, width); ++row)  // every width-th row from there on is the same
    matrix.narrow(0, row, 1).select(1, row).fill_(1);
  for (int64_t row = width; row < rows; row += width) {
    const int64_t count = std::min(width, rows - row);
    matrix.narrow(0, row, count).copy_(matrix.narrow(0, 0, count));
  }
  return x.to(type);
}

AttentionParams attention_params(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& out,
                                 const at::Tensor& bias, const at::Tensor& log_sum_exp) {
  const auto strides = [](const at::Tensor& x) {
    return Strides{.batch = x.stride(0), .token = x.stride(1), .head = x.stride(2)};
  };
  return {.query = q.data_ptr(),
          .key = k.data_ptr(),
          .value = v.data_ptr(),
          .out = out.data_ptr(),
          .query_strides = strides(q),
          .key_strides = strides(k),
          .value_strides = strides(v),
          .out_strides = strides(out),
          .key_bias = floats(bias),
          .log_sum_exp = const_cast<float*>(floats(log_sum_exp)),
          .batch = static_cast<int>(q.size(0)),
          .heads = static_cast<int>(q.size(2)),
          .queries = static_cast<int>(q.size(1)),
          .keys = static_cast<int>(k.size(1)),
          .head_dim = static_cast<int>(q.size(3)),
          .element = q.scalar_type() == at::kHalf ? Element::half : Element::bf16,
          .scale = 1.0f / std::sqrt(static_cast<float>(q.size(3)))};
}

}  // namespace soragen::kernels
