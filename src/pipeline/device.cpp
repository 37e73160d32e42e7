#include "pipeline/device.h"

#include "core/fail.h"
#include "core/log.h"
#include "ops/attention.h"
#include "ops/cuda_device.h"
#include "ops/cuda_kernels.h"
#include "ops/replay.h"

namespace soragen::pipeline {
namespace {

// Asked for, they serve or the film is not made.
void prepare_graphs(bool wanted, const ops::CudaDevice& device) {
  ops::install_cuda_graphs(nullptr);
  if (!wanted) return;
  ops::install_cuda_graphs(&ops::load_cuda_graphs(ops::cuda_graphs_place(device)));
  static const std::string problem = ops::test_cuda_graphs();  // once a process is enough: the card stays
  if (!problem.empty()) fail(ErrorKind::unsupported, "cuda_graphs: {}", problem);
}

}  // namespace

void prepare_device(const Plan& plan) {
  if (!plan.denoise_target.device.is_cuda()) return;
  const ops::CudaDevice& device = ops::open_cuda();
  if (!ops::cuda_kernels().table) ops::install_cuda_kernels({.table = device.kernels, .card = device.card.card});
  prepare_graphs(plan.request.cuda_graphs.value_or(false), device);
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
