#include "diffusion/guidance.h"

#include <ATen/TensorOperators.h>

#include "core/fail.h"

namespace soragen::diffusion {

double guidance_scale(const Guidance& guidance, Expert expert) {
  if (guidance.high_noise <= 1.0) return 1.0;
  return expert == Expert::high_noise ? guidance.high_noise : guidance.low_noise;
}

GuidanceUse guidance_use(const Guidance& guidance, Expert expert, size_t step) {
  if (guidance_scale(guidance, expert) == 1.0 || step < guidance.first_step) return GuidanceUse::none;
  if (step < guidance.end_step) return GuidanceUse::computed;
  return guidance.keeps_difference ? GuidanceUse::kept : GuidanceUse::none;
}

at::Tensor Guide::operator()(const Velocities& velocities, Expert expert, size_t step) {
  const at::Tensor cond = velocities.cond.to(at::kFloat);
  const double scale = guidance_scale(guidance_, expert);
  switch (guidance_use(guidance_, expert, step)) {
    case GuidanceUse::none:
      return cond;
    case GuidanceUse::computed: {
      const at::Tensor uncond = velocities.uncond.to(at::kFloat);
      difference_ = cond - uncond;
      return uncond + scale * difference_;
    }
    case GuidanceUse::kept:
      SORAGEN_ASSERT(difference_.defined());
      return cond + (scale - 1.0) * difference_;
  }
  SORAGEN_ASSERT(!"a use of guidance without a velocity");
}

}  // namespace soragen::diffusion
