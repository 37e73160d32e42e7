// The one source of randomness of a film.
//
// Draws equal torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed)) in float32: the
// initial latent is the first draw, and a solver that needs fresh noise later takes the next ones from
// the same stream. Always on the CPU, so that a seed names one film on every device.
//
// Two facts of the reference: its generator (mt19937) uses the low 32 bits of the seed only, and ATen
// rounds the last bit of a normal number differently on a processor without AVX2.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace soragen::diffusion {

class NoiseSource {
 public:
  explicit NoiseSource(uint64_t seed);
  NoiseSource(const NoiseSource&) = delete;  // a copy would share the stream
  NoiseSource& operator=(const NoiseSource&) = delete;

  at::Tensor draw(at::IntArrayRef shape);  // standard normal, float32, on the CPU

 private:
  at::Generator generator_;
};

}  // namespace soragen::diffusion
