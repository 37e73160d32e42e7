// Classifier-free guidance: v = uncond + scale (cond - uncond), at all steps or at some of them.
#pragma once

#include <cstddef>
#include <limits>

#include "diffusion/denoiser.h"

namespace soragen::diffusion {

struct Guidance {
  double high_noise = 1.0;  // also the scale of a checkpoint with one model
  double low_noise = 1.0;
  // The steps [first, end) compute both branches, the others only that of the prompt.
  size_t first_step = 0, end_step = std::numeric_limits<size_t>::max();
  // From end_step on the last difference between the branches serves again, v = cond + (scale - 1) difference: the
  // simplest form of LinearAG (Castillo et al. 2023, arXiv 2312.12487). Otherwise there is no guidance there.
  bool keeps_difference = false;
};

// The scale in force for an expert; 1 means that the negative prompt has no influence and that its
// branch need not be computed. As in the reference, the first scale is the switch for the whole film:
// at 1 or below there is no guidance at all, whatever the second says.
double guidance_scale(const Guidance& guidance, Expert expert);

enum class GuidanceUse { none, computed, kept };
GuidanceUse guidance_use(const Guidance& guidance, Expert expert, size_t step);

// The velocity that the solver gets, float32; keeps the difference for later steps.
class Guide {
 public:
  explicit Guide(const Guidance& guidance) : guidance_(guidance) {}
  at::Tensor operator()(const Velocities& velocities, Expert expert, size_t step);

 private:
  Guidance guidance_;
  at::Tensor difference_;
};

}  // namespace soragen::diffusion
