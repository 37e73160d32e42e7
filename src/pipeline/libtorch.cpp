#include "pipeline/libtorch.h"

#include <ATen/Version.h>

#include <string_view>

namespace soragen::pipeline {

LibTorch describe_libtorch() {
  constexpr std::string_view kKey = "TORCH_VERSION=";
  const std::string config = at::show_config();
  const size_t key = config.find(kKey);
  LibTorch found{.version = "unknown", .cpu_capability = at::get_cpu_capability()};
  if (key != std::string::npos) {
    const size_t begin = key + kKey.size();
    found.version = config.substr(begin, config.find_first_of(", \n", begin) - begin);
  }
  return found;
}

}  // namespace soragen::pipeline
