// Work that is the same every time but for the numbers in its inputs, recorded once and then started as one launch: a
// CUDA graph. A small film's step is some hundred short kernels, which can take longer to start one by one than
// to compute.
//
// The rule: nothing is recorded unless a table is installed, and it is installed only where somebody asks for graphs
// and the self-test below passes on the card.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda_graphs.h"

namespace soragen::ops {

// For the whole process, like the choice of the attention. nullptr: all work is run as it comes. With device kCPU the
// table is a test's own.
void install_cuda_graphs(const kernels::CudaGraphs* table, at::DeviceType device = at::kCUDA);

// Whether a recording of products and of what follows them gives, from other inputs, the bits of the work itself. "":
// it does; else what was found, in words.
std::string test_cuda_graphs();

class Replay {
 public:
  // It starts kernels on the current stream of its inputs' device and asks for none of their results. It is kept, and
  // what it reads besides its inputs must stay in place, until forget().
  using Work = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>& inputs)>;

  Replay();
  ~Replay();

  // work(inputs). The first call runs it, the second records it and starts the recording, as does every later one;
  // inputs of other shapes begin anew. Throws what the work throws, and Error{unsupported} with the reason where it
  // cannot be recorded.
  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs, const Work& work);
  void forget();

 private:
  struct Recording;
  std::unique_ptr<Recording> recording_;
};

}  // namespace soragen::ops
