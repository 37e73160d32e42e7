// Steps that are answered with the velocities of an earlier one, without asking the model. When: the rule of EasyCache
// (Zhou et al. 2025, "Less is Enough", arXiv 2507.02860), which needs nothing but latents and velocities.
//
// With x the latent, v the velocity for the prompt, |.| the mean of absolute values, and ' the last step that was
// computed: how fast the velocity follows the latent is k = |v - v'| / |x - x'| over the last two computed steps.
// Every further step adds k |x - x of the step before| / |v'|, the share of the velocity that is expected to have
// changed. While the sum stays below the threshold v' is the answer, for each guidance branch its own; otherwise the
// model is asked and the sum starts again. The prompt's branch decides for both.
//
// The authors answer with x + (v' - x') instead. A flow's velocity is nearly constant along its path, and the
// movement of x is then an error of its own size: on the trial checkpoint v' alone is 4 to 6 dB nearer to the exact
// film after the same evaluations.
//
// The first fifth of the steps, where the composition settles (the authors' 10 of 50), and the last step are always
// computed. A change of expert forgets everything: its velocities are another model's.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "diffusion/denoiser.h"

namespace soragen::diffusion {

class StepCache {
 public:
  // threshold 0: off; it then keeps nothing. The authors' default is 0.05; 0.1 is about twice as fast at 50 steps.
  StepCache(double threshold, size_t steps) : threshold_(threshold), steps_(steps) {}

  // Asked once for every step, in order. Nothing: the model has to be asked, and then keep() be told.
  // guided: the branch of the negative prompt is needed too.
  std::optional<Velocities> recall(size_t step, const at::Tensor& latent, bool guided);
  void keep(const at::Tensor& latent, const Velocities& velocities);
  void forget();

 private:
  struct Computed {
    at::Tensor latent;
    Velocities velocities;
  };
  double threshold_;
  size_t steps_;
  std::optional<Computed> computed_;
  at::Tensor before_;           // the latent of the step before, computed or not
  std::optional<double> rate_;  // k
  double drift_ = 0;            // the sum
};

}  // namespace soragen::diffusion
