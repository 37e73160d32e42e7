#include "pipeline/device.h"

#include "core/fail.h"
#include "core/log.h"
#include "ops/attention.h"
#include "ops/cuda_device.h"
#include "ops/cuda_kernels.h"

namespace soragen::pipeline {

void prepare_device(const Plan& plan) {
  if (!plan.denoise_target.device.is_cuda()) return;
  const ops::CudaDevice& device = ops::open_cuda();
  if (!ops::cuda_kernels().table) ops::install_cuda_kernels({.table = device.kernels, .card = device.card.card});
  static bool is_tested = false;  // once a process is enough: the card stays
  if (!ops::is_cuda_attention(plan.request.attention.value_or("auto")) || is_tested) return;
  for (const ops::CudaKernelTest& test : ops::test_cuda_kernels())
    if (!test.passed())
      log_warning("the CUDA kernel {} does not serve: {}", test.name,
                  test.problem.empty() ? fmt::format("its self-test found {:.2f} of the allowed error", test.error)
                                       : test.problem);
  is_tested = true;
}

}  // namespace soragen::pipeline
