#include "weights/scope.h"

#include "core/fail.h"

namespace soragen::weights {

TensorView Scope::tensor(const std::string& name, const std::vector<int64_t>& shape) const {
  const std::string full = join(name);
  if (!store_->has(full)) {
    store_->note_missing(full);
    return {.dtype = DType::f32, .shape = shape, .bytes = {}, .file = nullptr};
  }
  const TensorView& view = store_->get(full);
  if (view.shape != shape)
    fail(ErrorKind::input, "{}: tensor {} has shape {}, its config asks for {}", store_->where(), full,
         to_string(view.shape), to_string(shape));
  return view;
}

}  // namespace soragen::weights
