// What a tensor of the transformer is called in the code that the model was first published with (Wan2.1,
// wan/modules/model.py). LoRA files use either name.
//
// Easy to get wrong: the published norm3 is diffusers' norm2, the affine norm before cross-attention.
#pragma once

#include <string>

namespace soragen::families::wan {

std::string original_name(const std::string& name);  // "blocks.0.attn1.to_q.weight" -> "blocks.0.self_attn.q.weight"

}  // namespace soragen::families::wan
