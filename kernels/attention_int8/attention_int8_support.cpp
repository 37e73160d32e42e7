#include "kernels/attention/tiles.h"
#include "kernels/attention_int8/attention_int8.h"

namespace soragen::kernels {

Support attention_int8_support(const AttentionInt8Params& p, const Card& card) {
  if (card.capability < 80)
    return {"the card is sm_" + std::to_string(card.capability) + "; sm_80 and newer have what it needs"};
  if (p.head_dim != 64 && p.head_dim != 128)
    return {"head dimension " + std::to_string(p.head_dim) + "; 64 and 128 are built"};
  if (!(p.scale > 0)) return {"scale " + std::to_string(p.scale) + "; above 0 is valid"};
  if (p.batch <= 0 || p.heads <= 0 || p.queries <= 0 || p.keys <= 0) return {"a size is not positive"};
  if (p.batch > 65535 || p.heads > 65535) return {"more than 65535 batch items or heads"};
  if (p.key_scale_stride % 4 != 0)
    return {"key scales are " + std::to_string(p.key_scale_stride) + " apart; multiples of 4 are valid"};
  if (p.key_blocks && (p.kept < 1 || p.kept > blocks_of(p.keys, kKeyBlock)))
    return {std::to_string(p.kept) + " key blocks kept; 1 to " + std::to_string(blocks_of(p.keys, kKeyBlock)) +
            " are valid"};
  for (const int64_t stride : {p.out_strides.batch, p.out_strides.token, p.out_strides.head})
    if (stride % 8 != 0)
      return {"out has a stride of " + std::to_string(stride) + " elements; multiples of 8 are valid"};
  return vectors_support(p.head_dim, p.head_dim, {p.query, p.key, p.value, p.key_scale, p.out});
}

}  // namespace soragen::kernels
