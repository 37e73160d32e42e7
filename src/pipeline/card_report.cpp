#include "pipeline/card_report.h"

#include "core/fail.h"
#include "ops/cuda_device.h"
#include "ops/cuda_kernels.h"
#include "ops/replay.h"

namespace soragen::pipeline {
namespace {

Json test_graphs(const ops::CudaDevice& device) {
  std::string problem;
  try {
    ops::install_cuda_graphs(&ops::load_cuda_graphs(ops::cuda_graphs_place(device)));
    problem = ops::test_cuda_graphs();
  } catch (const std::exception& error) {  // LibTorch's own too: this is what no card has been seen to do
    problem = error.what();
  }
  ops::install_cuda_graphs(nullptr);
  Json test = {{"name", "cuda_graphs"}, {"passed", problem.empty()}, {"error_of_allowed", 0}};
  if (!problem.empty()) test["problem"] = problem;
  return test;
}

Json test_kernels(const ops::CudaDevice& device) {
  ops::install_cuda_kernels({.table = device.kernels, .card = device.card.card});
  Json tests = Json::array();
  for (const ops::CudaKernelTest& test : ops::test_cuda_kernels()) {
    tests.push_back({{"name", test.name}, {"passed", test.passed()}, {"error_of_allowed", test.error}});
    if (!test.problem.empty()) tests.back()["problem"] = test.problem;
  }
  tests.push_back(test_graphs(device));
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
