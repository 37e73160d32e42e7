// Classifier-free guidance: v = uncond + scale (cond - uncond).
#pragma once

#include "diffusion/denoiser.h"

namespace soragen::diffusion {

struct Guidance {
  double high_noise = 1.0;  // also the scale of a checkpoint with one model
  double low_noise = 1.0;
};

// The scale in force for an expert; 1 means that the negative prompt has no influence and that its
// branch need not be computed. As in the reference, the first scale is the switch for the whole film:
// at 1 or below there is no guidance at all, whatever the second says.
double guidance_scale(const Guidance& guidance, Expert expert);

at::Tensor guide(const Velocities& velocities, double scale);  // float32

}  // namespace soragen::diffusion
