// The CPU kernels against their specifications on random data, on this machine: what a compiler, a processor or a
// wrong library could break without a word.
#pragma once

#include <string>
#include <vector>

namespace soragen::cli {

struct SelfTest {
  std::string name;  // "layer_norm bf16"
  double error = 0;  // largest difference, in units of what is allowed
  bool passed() const { return error <= 1.0; }
};

std::vector<SelfTest> run_self_tests();

}  // namespace soragen::cli
