#include "diffusion/multistep.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

#include "core/fail.h"

namespace soragen::diffusion {
namespace {

double log_snr(double sigma) { return std::log(1.0 - sigma) - std::log(sigma); }

// A film guessed at another noise level than the one we start from.
struct Anchor {
  at::Tensor x0;
  double ratio;  // r_k
};

// rho from sum_k rho_k r_k^(i-1) = b_i with b_i = -h phi_(i+1)(-h) i! / B(h), for i = 1 .. anchors, where
// phi_1(z) = (e^z - 1) / z and phi_(i+1)(z) = (phi_i(z) - 1/i!) / z.
std::vector<double> anchor_weights(const std::vector<Anchor>& anchors, double h, double b_of_h) {
  // The reference does not solve the system of one: 1/2 is its limit for small h.
  if (anchors.size() == 1) return {0.5};
  const auto count = static_cast<int64_t>(anchors.size());
  std::vector<double> powers, moments;
  double phi = std::expm1(-h) / -h - 1.0;  // -h phi_(i+1)(-h)
  double factorial = 1.0;
  for (int64_t i = 1; i <= count; ++i) {
    for (const Anchor& anchor : anchors) powers.push_back(std::pow(anchor.ratio, i - 1));
    moments.push_back(phi * factorial / b_of_h);
    factorial *= static_cast<double>(i + 1);
    phi = phi / -h - 1.0 / factorial;
  }
  const at::Tensor matrix = at::tensor(powers, at::kDouble).view({count, count});
  const at::Tensor rho = at::linalg_solve(matrix, at::tensor(moments, at::kDouble));
  return {rho.const_data_ptr<double>(), rho.const_data_ptr<double>() + count};
}

struct Step {
  double sigma_from, sigma_to;
  bool is_bh1;
};

at::Tensor advance(const Step& step, const at::Tensor& sample, const at::Tensor& x0,
                   const std::vector<Anchor>& anchors) {
  const double h = log_snr(step.sigma_to) - log_snr(step.sigma_from);
  const double alpha = 1.0 - step.sigma_to;
  const double growth = std::expm1(-h);
  at::Tensor next = step.sigma_to / step.sigma_from * sample - alpha * growth * x0;
  if (anchors.empty()) return next;
  const double b_of_h = step.is_bh1 ? -h : growth;
  const std::vector<double> rho = anchor_weights(anchors, h, b_of_h);
  for (size_t k = 0; k < anchors.size(); ++k)
    next = next - alpha * b_of_h * rho[k] / anchors[k].ratio * (anchors[k].x0 - x0);
  return next;
}

class Multistep {
 public:
  Multistep(const SchedulerConfig& config, const Schedule& schedule, bool has_corrector)
      : config_(config), sigmas_(schedule.sigmas.begin(), schedule.sigmas.end()), has_corrector_(has_corrector) {}

  at::Tensor operator()(size_t step, const at::Tensor& velocity, const at::Tensor& predicted, NoiseSource&) {
    const at::Tensor x0 = predicted - sigmas_[step] * velocity;
    const at::Tensor sample = is_corrected(step) ? correct(step, x0) : predicted;
    guesses_.push_front(x0);
    if (guesses_.size() > static_cast<size_t>(config_.solver_order)) guesses_.pop_back();
    last_sample_ = sample;
    last_order_ = order_at(step);
    return advance(between(step, step + 1), sample, x0, anchors(step, step + 1, last_order_));
  }

  size_t order_at(size_t step) const {
    const size_t steps = sigmas_.size() - 1;
    const auto full = static_cast<size_t>(config_.solver_order);
    return std::min({full, step + 1, config_.lower_order_final ? steps - step : full});
  }

 private:
  Step between(size_t from, size_t to) const { return {sigmas_[from], sigmas_[to], config_.is_bh1}; }

  bool is_corrected(size_t step) const {
    return has_corrector_ && step > 0 &&
           std::ranges::find(config_.disable_corrector, step - 1) == config_.disable_corrector.end();
  }

  // Earlier guesses for a step of this order; guesses_.front() is the one at `from` itself.
  std::vector<Anchor> anchors(size_t from, size_t to, size_t order) const {
    const double start = log_snr(sigmas_[from]);
    const double h = log_snr(sigmas_[to]) - start;
    std::vector<Anchor> list;
    for (size_t k = 1; k < order; ++k) list.push_back({guesses_[k], (log_snr(sigmas_[from - k]) - start) / h});
    return list;
  }

  // UniC: the previous step once more, now that the guess at its end is known.
  at::Tensor correct(size_t step, const at::Tensor& x0) const {
    std::vector<Anchor> list = anchors(step - 1, step, last_order_);
    list.push_back({x0, 1.0});
    return advance(between(step - 1, step), last_sample_, guesses_.front(), list);
  }

  SchedulerConfig config_;
  std::vector<double> sigmas_;
  bool has_corrector_;
  std::deque<at::Tensor> guesses_;  // x0, newest first
  at::Tensor last_sample_;
  size_t last_order_ = 0;
};

// At sigma 1 lambda is minus infinity. The schedules keep away from it, but float32 may round a sigma to it.
void check_first_step(const SchedulerConfig& config, const Schedule& schedule) {
  if (schedule.sigmas.front() >= 1.0f)
    fail(ErrorKind::unsupported, "{} cannot start at sigma 1, and shift {} leads there; checkpoints use 1 to 16",
         config.solver, config.shift);
}

// At a final sigma of zero h is infinite: B(h) of bh1 with it, and every r_k is zero.
void check_last_step(const SchedulerConfig& config, const Schedule& schedule, size_t last_order) {
  if (schedule.sigmas.back() != 0.0f) {
    // A repeated sigma makes h zero; the system of two or more anchors is then singular.
    if (last_order > 2)
      fail(ErrorKind::unsupported,
           "{} of order {} with a repeated final sigma and without lower_order_final gives NaN at its last step, as in "
           "the reference; use solver_order 1 or 2, or lower_order_final",
           config.solver, config.solver_order);
    return;
  }
  if (config.is_bh1)
    fail(ErrorKind::unsupported,
         "{} with solver_type bh1 and a final sigma of zero gives NaN at its last step, as in the reference: B(h) is "
         "infinite there; use bh2, or final_sigmas_type sigma_min",
         config.solver);
  if (last_order > 1)
    fail(ErrorKind::unsupported,
         "{} of order {} with a final sigma of zero and without lower_order_final is infinite at its last step, as in "
         "the reference; use lower_order_final, or solver_order 1",
         config.solver, config.solver_order);
}

}  // namespace

Solver make_unipc(const SchedulerConfig& config, const Schedule& schedule) {
  Multistep solver(config, schedule, true);
  check_first_step(config, schedule);
  check_last_step(config, schedule, solver.order_at(schedule.steps() - 1));
  return solver;
}

Solver make_dpmpp(const SchedulerConfig& config, const Schedule& schedule) {
  // A final sigma of zero lowers the last step to order 1 whatever the configuration says. Unlike
  // UniPC's, its lower_order_final changes no other step at orders 1 and 2.
  SchedulerConfig lowered = config;
  lowered.lower_order_final = true;
  check_first_step(config, schedule);
  return Multistep(lowered, schedule, false);
}

}  // namespace soragen::diffusion
