// Element types as safetensors names them.
#pragma once

#include <cstddef>
#include <string_view>

namespace soragen::weights {

enum class DType { f64, f32, f16, bf16, f8_e4m3, f8_e5m2, i64, i32, i16, i8, u8, boolean };

size_t size_of(DType dtype);              // bytes per element
std::string_view to_string(DType dtype);  // "F32", "BF16", ...

}  // namespace soragen::weights
