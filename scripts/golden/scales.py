"""What random weights are drawn from, by parameter name. Shared by make_golden.py and make_random_model.py.

The model classes start with gammas of one, zero biases and nearly zero tables, which would hide a missing bias or a
forgotten gamma. Here every tensor is random; matrices keep the variance of their input (1 / fan-in), so activations
stay near one through any number of layers.
"""

from math import prod


def scale_of(name, shape):
    """(mean, standard deviation) of the normal distribution that a parameter is drawn from."""
    if name.endswith("relative_attention_bias.weight"):
        return 0.0, 0.7
    if name.endswith(("shared.weight", "embed_tokens.weight")):
        return 0.0, 1.0
    if name.endswith("scale_shift_table"):
        return 0.0, 0.3
    # Sharper cross-attention: some 20 text tokens have to be heard among 512 slots, most of them the same padding.
    if ".attn2.norm_" in name:
        return 2.0, 0.3
    if name.endswith("gamma") or "norm" in name and name.endswith("weight"):
        return 1.0, 0.2
    if name.endswith("bias"):
        return 0.0, 0.1
    if name.endswith("SelfAttention.q.weight"):  # T5 does not divide scores by sqrt(d_kv): the weights do
        return 0.0, 3 * prod(shape) ** -0.5
    fan_in = prod(shape[1:])
    if name == "decoder.conv_out.weight":
        return 0.0, 0.7 * fan_in ** -0.5         # most of the film stays inside [-1, 1], some of it is clamped
    return 0.0, fan_in ** -0.5
