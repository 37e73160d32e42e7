// UniPC and DPM-Solver++: multistep solvers of the flow ODE in its data-prediction form.
//
// With alpha = 1 - sigma, lambda = log(alpha / sigma), m_i the film x0 = x - sigma v guessed at sigma_i,
// and h = lambda_t - lambda_s, both advance a sample from sigma_s to sigma_t by
//
//   x_t = sigma_t/sigma_s x_s - alpha_t (e^-h - 1) m_s - alpha_t B(h) sum_k rho_k (m_k - m_s) / r_k,
//
// where r_k = (lambda_k - lambda_s) / h and rho matches the Taylor series of the integral (UniPC,
// arXiv 2302.04867, with B(h) = -h (bh1) or e^-h - 1 (bh2)). UniP takes the m_k of earlier steps; UniC
// repeats the step with the m of its end as one more, r = 1, once that is known. DPM-Solver++ 2M
// (arXiv 2211.01095) is UniP of order 2 with bh2 and no corrector.
#pragma once

#include "diffusion/solver.h"

namespace soragen::diffusion {

Solver make_unipc(const SchedulerConfig& config, const Schedule& schedule);
Solver make_dpmpp(const SchedulerConfig& config, const Schedule& schedule);

}  // namespace soragen::diffusion
