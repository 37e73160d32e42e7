// rms_rope of queries and keys out of one product, and its result as 8-bit integers for attention_int8, in one
// pass; the values beside them as Half. The product itself stays as it is.
//
//   q8, k8 = round(x / scale),  scale = max |x| / 127    over the numbers of one head of one token
//
// Before rounding, `centre` is taken from the keys: any vector that is the same for all keys of a batch item
// and head cancels in the softmax, and what the keys share (their outlier channels) would else use up the
// scale. key_centre is the mean over at most kCentreSamples tokens, evenly spread: exact means win nothing.
//
// Easy to get wrong: log_sum_exp of centred keys is not that of the keys; values beyond 65504 become infinite.
#pragma once

#include "kernels/rms_rope/rms_rope.h"

namespace soragen::kernels {

constexpr int64_t kCentreSamples = 1024;
constexpr int64_t kCentreParts = 64;  // partial sums, each over every 64th of the samples

template <typename T>
struct KeyCentreArgs {
  RmsRopeArgs<T> key;
  int64_t batch = 0;
  float* parts = nullptr;   // [batch, kCentreParts, width], scratch
  float* centre = nullptr;  // [batch, width]
};

template <typename T>
struct RmsRopeInt8Args {
  RmsRopeArgs<T> query, key;      // row r is token r % tokens of batch item r / tokens; heads of 64 or 128
  const T* value = nullptr;       // row r at value + r * query.stride
  const float* centre = nullptr;  // [batch, heads * head_dim] or null: zeros
  int8_t* query8 = nullptr;       // [rows, heads * head_dim]
  int8_t* key8 = nullptr;
  Half* value16 = nullptr;
  float* query_scale = nullptr;  // [batch, heads, scale_stride], scale_stride at least tokens
  float* key_scale = nullptr;
  int64_t scale_stride = 0;
};

void key_centre_ref(const KeyCentreArgs<Bf16>& args);
void key_centre_ref(const KeyCentreArgs<Half>& args);
void rms_rope_int8_ref(const RmsRopeInt8Args<Bf16>& args, int64_t rows);
void rms_rope_int8_ref(const RmsRopeInt8Args<Half>& args, int64_t rows);

template <typename T>
Support rms_rope_int8_cuda_support(const RmsRopeInt8Args<T>& args) {
  if (const Support query = rms_rope_cuda_support(args.query); !query) return query;
  if (const Support key = rms_rope_cuda_support(args.key); !key) return key;
  if (args.query.head_dim != 64 && args.query.head_dim != 128)
    return {"head dimension " + std::to_string(args.query.head_dim) + "; 64 and 128 are built"};
  return vectors_support(args.query.heads * args.query.head_dim, 8192,
                         {args.value, args.centre, args.query8, args.key8, args.value16});
}
void key_centre_cuda(const KeyCentreArgs<Bf16>& args, Stream stream);
void key_centre_cuda(const KeyCentreArgs<Half>& args, Stream stream);
void rms_rope_int8_cuda(const RmsRopeInt8Args<Bf16>& args, int64_t rows, Stream stream);
void rms_rope_int8_cuda(const RmsRopeInt8Args<Half>& args, int64_t rows, Stream stream);

// Every how many tokens one is sampled.
constexpr int64_t centre_step(int64_t tokens) { return (tokens + kCentreSamples - 1) / kCentreSamples; }

}  // namespace soragen::kernels
