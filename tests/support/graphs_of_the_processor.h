// A table of kernels/cuda_graphs.h for tensors of the processor: recording runs the work, which a card's does not, and
// replaying runs it again on the recording's inputs. Installed while it lives, one at a time.
#pragma once

#include <cstdio>
#include <string>

#include "kernels/cuda_graphs.h"
#include "ops/replay.h"
#include "soragen/error.h"

namespace soragen::test {

class ProcessorGraphs {
 public:
  ProcessorGraphs() {
    self = this;
    ops::install_cuda_graphs(&table_, at::kCPU);
  }
  ~ProcessorGraphs() {
    ops::install_cuda_graphs(nullptr);
    self = nullptr;
  }
  ProcessorGraphs(const ProcessorGraphs&) = delete;
  ProcessorGraphs& operator=(const ProcessorGraphs&) = delete;

  const kernels::CudaGraphs* table() const { return &table_; }
  void fail_with(const std::string& reason) { reason_ = reason; }
  void forget_to_run() { forgets_ = true; }  // replaying leaves the outputs as they were recorded
  int recorded() const { return recorded_; }
  int replayed() const { return replayed_; }
  int alive() const { return alive_; }

 private:
  struct Graph {
    void (*work)(void*);
    void* context;
  };
  static void* record(void (*work)(void*), void* context, kernels::CudaFailure* failure) {
    if (!self->reason_.empty()) {
      failure->kind = static_cast<int>(ErrorKind::unsupported);
      std::snprintf(failure->message, sizeof failure->message, "%s", self->reason_.c_str());
      return nullptr;
    }
    work(context);
    ++self->recorded_;
    ++self->alive_;
    return new Graph{work, context};
  }
  static void replay(void* recording, kernels::CudaFailure*) {
    const Graph& graph = *static_cast<Graph*>(recording);
    ++self->replayed_;
    if (!self->forgets_) graph.work(graph.context);
  }
  static void destroy(void* recording) {
    delete static_cast<Graph*>(recording);
    if (self) --self->alive_;
  }

  static inline ProcessorGraphs* self = nullptr;
  const kernels::CudaGraphs table_ = {
      .version = kernels::kCudaGraphsVersion, .torch = "", .record = record, .replay = replay, .destroy = destroy};
  std::string reason_;
  bool forgets_ = false;
  int recorded_ = 0, replayed_ = 0, alive_ = 0;
};

}  // namespace soragen::test
