// The LibTorch in this process, for `soragen doctor`.
#pragma once

#include <string>

namespace soragen::pipeline {

struct LibTorch {
  std::string version;         // as the library itself says, not as its headers did
  std::string cpu_capability;  // the instruction set its kernels choose here: "AVX512"
};

LibTorch describe_libtorch();

}  // namespace soragen::pipeline
