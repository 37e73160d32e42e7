#include "diffusion/guidance.h"

#include <ATen/TensorOperators.h>

namespace soragen::diffusion {

double guidance_scale(const Guidance& guidance, Expert expert) {
  if (guidance.high_noise <= 1.0) return 1.0;
  return expert == Expert::high_noise ? guidance.high_noise : guidance.low_noise;
}

at::Tensor guide(const Velocities& velocities, double scale) {
  const at::Tensor cond = velocities.cond.to(at::kFloat);
  if (scale == 1.0) return cond;
  const at::Tensor uncond = velocities.uncond.to(at::kFloat);
  return uncond + scale * (cond - uncond);
}

}  // namespace soragen::diffusion
