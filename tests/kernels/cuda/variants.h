// The exact attention kernels, for checks and timings.
#pragma once

#include "kernels/attention/attention.h"

namespace soragen::kernels {

struct AttentionVariant {
  const char* name;
  Support (*support)(const AttentionParams&, const Card&);
  void (*run)(const AttentionParams&, const Card&, Stream);
};

inline constexpr AttentionVariant kAttentionVariants[] = {
    {"attention_sm80", attention_sm80_support, attention_sm80},
    {"attention_sm90", attention_sm90_support, attention_sm90},
};

}  // namespace soragen::kernels
