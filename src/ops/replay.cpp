#include "ops/replay.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <exception>

#include "core/fail.h"
#include "ops/cuda_kernels.h"

namespace soragen::ops {
namespace {

struct {
  const kernels::CudaGraphs* table = nullptr;
  at::DeviceType device = at::kCUDA;
} installed;

bool are_alike(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  return std::ranges::equal(a, b, [](const at::Tensor& x, const at::Tensor& y) {
    return x.sizes() == y.sizes() && x.scalar_type() == y.scalar_type() && x.device() == y.device();
  });
}

}  // namespace

void install_cuda_graphs(const kernels::CudaGraphs* table, at::DeviceType device) {
  installed.table = table;
  installed.device = device;
}

std::string test_cuda_graphs() {
  SORAGEN_ASSERT(installed.table);
  const auto options = at::TensorOptions().dtype(at::kFloat).device(installed.device);
  const at::Tensor weight = at::randn({96, 96}, options);
  const Replay::Work work = [&](const std::vector<at::Tensor>& in) -> std::vector<at::Tensor> {
    const at::Tensor hidden = at::gelu(at::matmul(in[0], weight));
    return {at::matmul(hidden, weight), hidden + in[1]};
  };
  Replay replay;
  for (int call = 0; call < 4; ++call) {
    const std::vector<at::Tensor> inputs = {at::randn({33, 96}, options), at::randn({96}, options)};
    const std::vector<at::Tensor> expected = work(inputs), found = replay.run(inputs, work);
    for (size_t i = 0; i < expected.size(); ++i)
      if (!at::equal(found[i], expected[i]))
        return fmt::format("call {} of the self-test's work differs from the work itself in its result {}", call + 1,
                           i + 1);
  }
  return "";
}

struct Replay::Recording {
  explicit Recording(const std::vector<at::Tensor>& like) {
    for (const at::Tensor& input : like) inputs.push_back(at::empty_like(input, at::MemoryFormat::Contiguous));
  }
  ~Recording() {
    outputs.clear();
    if (graph) table->destroy(graph);
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  void record(const Work& what);
  void replay();

  const kernels::CudaGraphs* table = installed.table;
  std::vector<at::Tensor> inputs, outputs;  // at the places that the graph reads and writes
  Work work;
  std::exception_ptr thrown;
  void* graph = nullptr;
};

void Replay::Recording::record(const Work& what) {
  work = what;
  const auto run = [](void* place) {
    auto& recording = *static_cast<Recording*>(place);
    try {
      recording.outputs = recording.work(recording.inputs);
    } catch (...) {
      recording.thrown = std::current_exception();
    }
  };
  kernels::CudaFailure failure;
  graph = table->record(run, this, &failure);
  if (thrown) std::rethrow_exception(thrown);  // before the failure, which follows from it
  check_launch(failure);
}

void Replay::Recording::replay() {
  kernels::CudaFailure failure;
  table->replay(graph, &failure);
  check_launch(failure);
}

Replay::Replay() = default;
Replay::~Replay() = default;

std::vector<at::Tensor> Replay::run(const std::vector<at::Tensor>& inputs, const Work& work) {
  if (!installed.table || inputs.at(0).device().type() != installed.device) return work(inputs);
  if (!recording_ || !are_alike(inputs, recording_->inputs)) {
    recording_ = std::make_unique<Recording>(inputs);
    return work(inputs);  // libraries load and choose at their first call what they may not while it is recorded
  }
  try {
    for (size_t i = 0; i < inputs.size(); ++i) recording_->inputs[i].copy_(inputs[i]);
    if (!recording_->graph) recording_->record(work);
    recording_->replay();
  } catch (...) {
    forget();
    throw;
  }
  std::vector<at::Tensor> results;  // the graph writes its outputs anew every time
  for (const at::Tensor& output : recording_->outputs) results.push_back(output.clone());
  return results;
}

void Replay::forget() { recording_.reset(); }

}  // namespace soragen::ops
