#include "diffusion/noise.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>

namespace soragen::diffusion {

NoiseSource::NoiseSource(uint64_t seed) : generator_(at::make_generator<at::CPUGeneratorImpl>(seed)) {}

at::Tensor NoiseSource::draw(at::IntArrayRef shape) {
  return at::randn(shape, generator_, at::TensorOptions(at::kFloat).device(at::kCPU));
}

}  // namespace soragen::diffusion
