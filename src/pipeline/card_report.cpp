#include "pipeline/card_report.h"

#include "core/fail.h"
#include "ops/cuda_device.h"
#include "ops/cuda_kernels.h"

namespace soragen::pipeline {
namespace {

Json test_kernels(const ops::CudaDevice& device) {
  ops::install_cuda_kernels({.table = device.kernels, .card = device.card.card});
  Json tests = Json::array();
  for (const ops::CudaKernelTest& test : ops::test_cuda_kernels()) {
    tests.push_back({{"name", test.name}, {"passed", test.passed()}, {"error_of_allowed", test.error}});
    if (!test.problem.empty()) tests.back()["problem"] = test.problem;
  }
  return tests;
}

}  // namespace

Json examine_card() {
  const ops::CudaSearch& search = ops::search_cuda();
  if (!search.device) return {{"problem", search.problem}};
  const ops::CudaDevice& device = *search.device;
  const int capability = device.card.card.capability;
  Json report = {{"name", device.card.name},
                 {"capability", fmt::format("{}.{}", capability / 10, capability % 10)},
                 {"memory", device.card.memory},
                 {"free_memory", device.card.free_memory},
                 {"driver", ops::cuda_version_name(device.driver.version)},
                 {"plugin", device.plugin},
                 {"self_tests", Json::array()}};
  try {
    ops::open_cuda();
    report["self_tests"] = test_kernels(device);
  } catch (const Error& error) {
    report["problem"] = error.what();
  }
  return report;
}

}  // namespace soragen::pipeline
