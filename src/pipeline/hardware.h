// What this machine has, found at run time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace soragen::pipeline {

struct CudaCardFacts {
  std::string name;    // "NVIDIA H100 80GB HBM3"
  int64_t memory = 0;  // bytes free now
};

struct Hardware {
  std::string cpu;             // "AMD EPYC ..."
  bool has_fast_bf16 = false;  // avx512_bf16 or amx_bf16: bf16 products at about twice the rate of fp32
  std::string bf16_reason;     // "avx512_bf16", or why not
  int64_t threads = 1;         // physical limit: affinity and cgroup quota considered
  int64_t memory = 0;          // bytes available now, cgroup limit considered
  std::optional<CudaCardFacts> card = std::nullopt;
  std::string no_card = "";  // why there is none, one sentence
};

Hardware detect_hardware();

}  // namespace soragen::pipeline
