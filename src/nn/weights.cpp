#include "nn/weights.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <cstring>

#include "core/fail.h"

namespace soragen::nn {
namespace {

at::ScalarType scalar_type(weights::DType dtype) {
  using weights::DType;
  switch (dtype) {
    case DType::f64:
      return at::kDouble;
    case DType::f32:
      return at::kFloat;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
    case DType::f8_e4m3:
      return at::kFloat8_e4m3fn;
    case DType::f8_e5m2:
      return at::kFloat8_e5m2;
    case DType::i64:
      return at::kLong;
    case DType::i32:
      return at::kInt;
    case DType::i16:
      return at::kShort;
    case DType::i8:
      return at::kChar;
    case DType::u8:
      return at::kByte;
    case DType::boolean:
      return at::kBool;
  }
  SORAGEN_ASSERT(!"a dtype without a scalar type");
}

at::Tensor borrow(const weights::TensorView& view) {
  auto* data = const_cast<std::byte*>(view.bytes.data());
  const auto options = at::TensorOptions().dtype(scalar_type(view.dtype));
  if (view.bytes.empty()) return at::empty(view.shape, options);
  if (reinterpret_cast<uintptr_t>(data) % weights::size_of(view.dtype) != 0) {
    at::Tensor copy = at::empty(view.shape, options);
    std::memcpy(copy.data_ptr(), data, view.bytes.size());
    return copy;
  }
  return at::from_blob(
      data, view.shape, [file = view.file](void*) {}, options);
}

// What LoRA files add to a weight is summed in float32, whatever the dtypes on disk and of the run.
at::Tensor merged(const at::Tensor& on_disk, const std::vector<weights::WeightDelta>& deltas, const Target& target) {
  const auto wide = [&](const at::Tensor& tensor, bool copy = false) {
    return tensor.to(target.device, at::kFloat, /*non_blocking=*/false, copy);
  };
  const at::Tensor sum = wide(on_disk, /*copy=*/true);
  for (const weights::WeightDelta& delta : deltas) {
    if (delta.is_pair()) {
      const at::Tensor up = wide(borrow(delta.up)).flatten(1),
                       down = wide(borrow(delta.down)).flatten(1);  // [out, r], [r, in]
      sum.flatten(1).addmm_(up, down, /*beta=*/1, /*alpha=*/delta.scale);
    } else {
      sum.add_(wide(borrow(delta.full)), delta.scale);
    }
  }
  return sum.to(target.dtype);
}

}  // namespace

int64_t weight_bytes(int64_t out, int64_t in, const Target& target) {
  const auto element = static_cast<int64_t>(c10::elementSize(target.dtype));
  return target.weights == ops::WeightForm::int8 ? ops::int8_bytes(out, in, element) : out * in * element;
}

at::Tensor to_tensor(const weights::TensorView& view, const Target& target) {
  // A missing tensor: WeightStore::check_all_used reports it when loading ends.
  if (view.file == nullptr) return at::zeros(view.shape, at::TensorOptions().dtype(target.dtype).device(target.device));
  const at::Tensor on_disk = borrow(view);
  at::Tensor loaded =
      view.deltas.empty() ? on_disk.to(target.device, target.dtype) : merged(on_disk, view.deltas, target);
  if (loaded.data_ptr() != on_disk.data_ptr()) view.file->release(view.bytes);
  return loaded;
}

at::Tensor load(const Scope& scope, const std::string& name, const std::vector<int64_t>& shape, const Target& target) {
  return to_tensor(scope.tensor(name, shape), target);
}

}  // namespace soragen::nn
