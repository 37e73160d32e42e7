// From token ids to the states that condition a denoiser.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "text/tokenizer.h"

namespace soragen::text {

struct TextEmbedding {
  at::Tensor states;  // [L, D], one row per real token, eos included; in the encoder's precision, on its device
};

// Units finished of all; called between them, must not throw.
using EncodeProgress = std::function<void(int done, int total)>;

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  // One embedding per prompt, in order. Each is computed by itself, so it does not depend on the others; a batch
  // shares the reading of the weights. Throws Error{interrupted} on Ctrl-C, Error{input} for an id that the
  // encoder has no row for.
  virtual std::vector<TextEmbedding> encode(const std::vector<Tokens>& prompts,
                                            const EncodeProgress& progress = {}) const = 0;

  virtual int64_t width() const = 0;  // D
};

}  // namespace soragen::text
