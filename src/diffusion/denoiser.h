// What the denoising loop knows of a model.
#pragma once

#include <ATen/core/Tensor.h>

namespace soragen::diffusion {

// Text as the encoder left it: real tokens only. Padding and its meaning belong to the model.
struct Conditioning {
  at::Tensor prompt;    // [L, D]
  at::Tensor negative;  // [L', D]; undefined when guidance is off
};

// The velocity dx/dsigma = noise - x0 at one noise level, once for each guidance branch.
struct Velocities {
  at::Tensor cond;    // [C, T, H, W]
  at::Tensor uncond;  // the same; undefined unless it was asked for
};

// Some checkpoints hold two models and split the noise levels between them.
enum class Expert { high_noise, low_noise };

class Denoiser {
 public:
  virtual ~Denoiser() = default;

  // Binds the text of one film before its first velocity(): the place for what depends on text alone,
  // such as the keys and values of cross-attention.
  virtual void begin(const Conditioning& conditioning) = 0;

  // latent: [C, T, H, W] float32, not to be modified. timestep: in [0, num_train_timesteps].
  // Both branches in one call, so that the model may batch them or share what they have in common.
  // Any float dtype, on the device of latent.
  virtual Velocities velocity(const at::Tensor& latent, double timestep, bool guided) = 0;
};

}  // namespace soragen::diffusion
