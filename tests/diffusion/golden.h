// tests/golden/schedules (see scripts/make_golden_schedules.py): what diffusers did.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tanh.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "diffusion/scheduler_config.h"
#include "weights/safetensors.h"

namespace soragen::test {

inline std::filesystem::path golden_folder() { return std::filesystem::path(SORAGEN_SOURCE_DIR) / "tests/golden"; }

inline const Json& golden() {
  static const Json json = read_json_file(golden_folder() / "schedules/golden.json");
  return json;
}

inline diffusion::SchedulerConfig config_of(const Json& golden_case) {
  return diffusion::parse_scheduler_config(
      JsonObject(golden_case.at("config"), golden_case.at("name").get<std::string>()));
}

class GoldenTensors {
 public:
  // file: relative to tests/golden
  explicit GoldenTensors(const std::string& file) : file_(weights::read_safetensors(golden_folder() / file)) {}

  at::Tensor at(const std::string& name) const {
    const weights::TensorView& view = file_.tensors.at(name);
    const auto dtype = view.dtype == weights::DType::f64 ? at::kDouble : at::kFloat;
    return at::from_blob(const_cast<std::byte*>(view.bytes.data()), view.shape, dtype).clone();
  }
  std::vector<float> floats(const std::string& name) const {
    const at::Tensor values = at(name);
    return {values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel()};
  }

 private:
  weights::Safetensors file_;
};

// On a processor without AVX2 ATen's normal numbers differ by an ulp from those of the golden runs.
inline bool draws_golden_noise() { return at::get_cpu_capability() != "DEFAULT"; }

// velocity() of the script, in the same operations and order.
inline at::Tensor golden_velocity(const at::Tensor& latent, double timestep, double wave) {
  return at::tanh(latent * 1.5) * (0.5 + timestep / 1000) + at::cos(latent * 3.0) * wave;
}

}  // namespace soragen::test
