#include "families/wan/names.h"

#include <string_view>

namespace soragen::families::wan {
namespace {

// In this order: the first three tell the head's own table from that of a block.
constexpr std::pair<std::string_view, std::string_view> kParts[] = {
    {".scale_shift_table", ".modulation"},
    {"scale_shift_table", "head.modulation"},
    {"proj_out", "head.head"},
    {"condition_embedder.time_embedder.linear_1", "time_embedding.0"},
    {"condition_embedder.time_embedder.linear_2", "time_embedding.2"},
    {"condition_embedder.text_embedder.linear_1", "text_embedding.0"},
    {"condition_embedder.text_embedder.linear_2", "text_embedding.2"},
    {"condition_embedder.time_proj", "time_projection.1"},
    {".attn1.", ".self_attn."},
    {".attn2.", ".cross_attn."},
    {".to_q.", ".q."},
    {".to_k.", ".k."},
    {".to_v.", ".v."},
    {".to_out.0.", ".o."},
    {".ffn.net.0.proj.", ".ffn.0."},
    {".ffn.net.2.", ".ffn.2."},
    {".norm2.", ".norm3."},
};

}  // namespace

std::string original_name(const std::string& name) {
  std::string result = name;
  for (const auto& [ours, theirs] : kParts)
    if (const size_t at = result.find(ours); at != std::string::npos) result.replace(at, ours.size(), theirs);
  return result;
}

}  // namespace soragen::families::wan
