#include "pipeline/latents.h"

#include <ATen/ops/isfinite.h>

#include "core/fail.h"
#include "nn/weights.h"
#include "weights/safetensors.h"

namespace soragen::pipeline {
namespace {

constexpr const char* kRecordKey = "soragen.record";

}  // namespace

void save_latents(const std::filesystem::path& path, const Latents& latents) {
  const at::Tensor values = latents.values.to(at::kCPU, at::kFloat).contiguous();
  SORAGEN_ASSERT(values.dim() == 4);
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(values.const_data_ptr()), values.nbytes());
  weights::write_safetensors(
      path, {{.name = "latents", .dtype = weights::DType::f32, .shape = values.sizes().vec(), .bytes = bytes}},
      {{kRecordKey, latents.record.dump(-1, ' ', false, Json::error_handler_t::replace)}});
}

Latents read_latents(const std::filesystem::path& path) {
  const weights::Safetensors file = weights::read_safetensors(path);
  const auto found = file.tensors.find("latents");
  if (found == file.tensors.end() || file.tensors.size() != 1 || found->second.dtype != weights::DType::f32 ||
      found->second.shape.size() != 4)
    fail(ErrorKind::input,
         "{} is not a latent file: expected one tensor \"latents\", F32 [channels, frames, height, width]",
         path.string());
  Latents latents{.values = nn::to_tensor(found->second, {at::kFloat, at::kCPU}).clone(), .record = Json::object()};
  if (!at::isfinite(latents.values).all().item<bool>())
    fail(ErrorKind::input, "{}: the latents contain NaN or infinity", path.string());
  if (const auto record = file.metadata.find(kRecordKey); record != file.metadata.end())
    latents.record = parse_json(record->second, path.string() + " (" + kRecordKey + ")");
  return latents;
}

}  // namespace soragen::pipeline
