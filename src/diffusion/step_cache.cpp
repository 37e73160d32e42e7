#include "diffusion/step_cache.h"

#include <ATen/TensorOperators.h>

#include <utility>

namespace soragen::diffusion {
namespace {

double mean_abs(const at::Tensor& x) { return x.to(at::kFloat).abs().mean().item<double>(); }

double mean_abs_difference(const at::Tensor& a, const at::Tensor& b) {
  return mean_abs(a.to(at::kFloat) - b.to(at::kFloat));
}

}  // namespace

std::optional<Velocities> StepCache::recall(size_t step, const at::Tensor& latent, bool guided) {
  if (threshold_ <= 0) return std::nullopt;
  const at::Tensor before = std::exchange(before_, latent);
  const bool is_always_computed = 5 * step < steps_ || step + 1 == steps_;
  if (!rate_ || is_always_computed) return std::nullopt;
  const Velocities& last = computed_->velocities;
  drift_ += *rate_ * mean_abs_difference(latent, before) / mean_abs(last.cond);
  // Written so that a NaN asks the model.
  if (!(drift_ < threshold_) || (guided && !last.uncond.defined())) return std::nullopt;
  return last;
}

void StepCache::keep(const at::Tensor& latent, const Velocities& velocities) {
  if (threshold_ <= 0) return;
  if (computed_)
    rate_ = mean_abs_difference(velocities.cond, computed_->velocities.cond) /
            mean_abs_difference(latent, computed_->latent);
  computed_ = {latent, velocities};
  drift_ = 0;
}

void StepCache::forget() {
  computed_.reset();
  rate_.reset();
  drift_ = 0;
}

}  // namespace soragen::diffusion
