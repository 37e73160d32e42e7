#include "ops/attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

#include "core/fail.h"

namespace soragen::ops {

at::Tensor attention(const AttentionArgs& args) {
  const at::Tensor &q = args.query, &k = args.key, &v = args.value;
  SORAGEN_ASSERT(q.dim() == 4 && k.dim() == 4 && k.sizes() == v.sizes());
  SORAGEN_ASSERT(q.size(0) == k.size(0) && q.size(2) == k.size(2) && q.size(3) == k.size(3));
  std::optional<at::Tensor> mask;
  if (args.key_bias.defined())  // [S] -> [B, N, L, S], a view
    mask = args.key_bias.to(q.scalar_type())
               .view({1, 1, 1, k.size(1)})
               .expand({q.size(0), q.size(2), q.size(1), k.size(1)});
  const at::Tensor out =
      at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask);
  return out.transpose(1, 2).reshape({q.size(0), q.size(1), q.size(2) * q.size(3)});
}

}  // namespace soragen::ops
