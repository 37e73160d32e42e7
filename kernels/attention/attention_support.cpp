#include <cstddef>

#include "kernels/attention/attention.h"
#include "kernels/attention/tiles.h"

namespace soragen::kernels {
namespace {

constexpr int kVectorBytes = 16;  // copied and stored at once
constexpr int kVector = kVectorBytes / 2;
constexpr int kMostGrid = 65535;                      // of a grid's second and third side
constexpr int64_t kMostBoxStride = int64_t{1} << 39;  // 2^40 bytes

Support check_tensor(const char* name, const void* data, const Strides& strides) {
  if (!data) return {std::string(name) + " is null"};
  if (reinterpret_cast<uintptr_t>(data) % kVectorBytes != 0) return {std::string(name) + " is not 16-byte aligned"};
  for (const int64_t stride : {strides.batch, strides.token, strides.head})
    if (stride % kVector != 0)
      return {std::string(name) + " has a stride of " + std::to_string(stride) + " elements; multiples of 8 are valid"};
  return {};
}

// What both kernels ask of a problem.
Support check_problem(const AttentionParams& p) {
  if (p.head_dim != 64 && p.head_dim != 128)
    return {"head dimension " + std::to_string(p.head_dim) + "; 64 and 128 are built"};
  if (!(p.scale > 0)) return {"scale " + std::to_string(p.scale) + "; above 0 is valid"};
  if (p.batch <= 0 || p.heads <= 0 || p.queries <= 0 || p.keys <= 0) return {"a size is not positive"};
  if (p.batch > kMostGrid || p.heads > kMostGrid) return {"more than 65535 batch items or heads"};
  for (const Support& support :
       {check_tensor("query", p.query, p.query_strides), check_tensor("key", p.key, p.key_strides),
        check_tensor("value", p.value, p.value_strides), check_tensor("out", p.out, p.out_strides)})
    if (!support) return support;
  return {};
}

Support check_shared(size_t needed, const Card& card) {
  if (needed <= static_cast<size_t>(card.shared_bytes_per_block)) return {};
  return {std::to_string(needed) + " bytes of shared memory needed; a block of this card has " +
          std::to_string(card.shared_bytes_per_block)};
}

}  // namespace

Support attention_sm80_support(const AttentionParams& p, const Card& card) {
  if (card.capability < 80)
    return {"the card is sm_" + std::to_string(card.capability) + "; sm_80 and newer have what it needs"};
  if (const Support support = check_problem(p); !support) return support;
  return check_shared(
      attention_shared_bytes(p.head_dim, attention_key_tile(p.head_dim, card.shared_bytes_per_multiprocessor)), card);
}

Support attention_sm90_card_support(const Card& card) {
  if (card.capability == 90) return {};
  return {"the card is sm_" + std::to_string(card.capability) + "; only sm_90 has the warpgroup products it needs"};
}

Support attention_sm90_support(const AttentionParams& p, const Card& card) {
  if (const Support support = attention_sm90_card_support(card); !support) return support;
  if (const Support support = check_problem(p); !support) return support;
  for (const Strides& strides : {p.query_strides, p.key_strides, p.value_strides})
    for (const int64_t stride : {strides.batch, strides.token, strides.head})
      if (stride < 0 || stride >= kMostBoxStride)
        return {"a stride of " + std::to_string(stride) + " elements; 0 to 2^39 is valid for bulk copies"};
  return check_shared(attention_sm90_shared_bytes(p.head_dim), card);
}

}  // namespace soragen::kernels
