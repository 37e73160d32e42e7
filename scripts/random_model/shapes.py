"""Names and shapes of every tensor of a checkpoint, from its config alone, in the order of the reference's
state_dict (which decides how a file is split into shards). `make_random_model.py --check` compares them with the
reference classes."""


def linear(name, out_features, in_features, bias=True):
    yield f"{name}.weight", (out_features, in_features)
    if bias:
        yield f"{name}.bias", (out_features,)


def convolution(name, out_channels, in_channels, *kernel):
    yield f"{name}.weight", (out_channels, in_channels, *kernel)
    yield f"{name}.bias", (out_channels,)


# --- text encoder ---------------------------------------------------------------------------------------------------

def umt5_encoder(config):
    width, inner, ff = config["d_model"], config["d_kv"] * config["num_heads"], config["d_ff"]
    yield "shared.weight", (config["vocab_size"], width)
    for block in range(config["num_layers"]):
        attention, feed_forward = (f"encoder.block.{block}.layer.{layer}" for layer in (0, 1))
        for name in "qkv":
            yield from linear(f"{attention}.SelfAttention.{name}", inner, width, bias=False)
        yield from linear(f"{attention}.SelfAttention.o", width, inner, bias=False)
        yield (f"{attention}.SelfAttention.relative_attention_bias.weight",
               (config["relative_attention_num_buckets"], config["num_heads"]))
        yield f"{attention}.layer_norm.weight", (width,)
        yield from linear(f"{feed_forward}.DenseReluDense.wi_0", ff, width, bias=False)
        yield from linear(f"{feed_forward}.DenseReluDense.wi_1", ff, width, bias=False)
        yield from linear(f"{feed_forward}.DenseReluDense.wo", width, ff, bias=False)
        yield f"{feed_forward}.layer_norm.weight", (width,)
    yield "encoder.final_layer_norm.weight", (width,)


# --- transformer ----------------------------------------------------------------------------------------------------

def attention(name, width):
    for part in ("to_q", "to_k", "to_v", "to_out.0"):
        yield from linear(f"{name}.{part}", width, width)
    yield f"{name}.norm_q.weight", (width,)
    yield f"{name}.norm_k.weight", (width,)


def wan_transformer(config):
    width = config["num_attention_heads"] * config["attention_head_dim"]
    patch = config["patch_size"]
    yield "scale_shift_table", (1, 2, width)
    yield from convolution("patch_embedding", width, config["in_channels"], *patch)
    embedder = "condition_embedder"
    yield from linear(f"{embedder}.time_embedder.linear_1", width, config["freq_dim"])
    yield from linear(f"{embedder}.time_embedder.linear_2", width, width)
    yield from linear(f"{embedder}.time_proj", 6 * width, width)
    yield from linear(f"{embedder}.text_embedder.linear_1", width, config["text_dim"])
    yield from linear(f"{embedder}.text_embedder.linear_2", width, width)
    for index in range(config["num_layers"]):
        block = f"blocks.{index}"
        yield f"{block}.scale_shift_table", (1, 6, width)
        yield from attention(f"{block}.attn1", width)
        yield from attention(f"{block}.attn2", width)
        yield f"{block}.norm2.weight", (width,)
        yield f"{block}.norm2.bias", (width,)
        yield from linear(f"{block}.ffn.net.0.proj", config["ffn_dim"], width)
        yield from linear(f"{block}.ffn.net.2", width, config["ffn_dim"])
    yield from linear("proj_out", config["out_channels"] * patch[0] * patch[1] * patch[2], width)


# --- VAE ------------------------------------------------------------------------------------------------------------

def residual_block(name, in_channels, out_channels):
    yield f"{name}.norm1.gamma", (in_channels, 1, 1, 1)
    yield from convolution(f"{name}.conv1", out_channels, in_channels, 3, 3, 3)
    yield f"{name}.norm2.gamma", (out_channels, 1, 1, 1)
    yield from convolution(f"{name}.conv2", out_channels, out_channels, 3, 3, 3)
    if in_channels != out_channels:
        yield from convolution(f"{name}.conv_shortcut", out_channels, in_channels, 1, 1, 1)


def middle_block(name, channels):
    yield f"{name}.attentions.0.norm.gamma", (channels, 1, 1)
    yield from convolution(f"{name}.attentions.0.to_qkv", 3 * channels, channels, 1, 1)
    yield from convolution(f"{name}.attentions.0.proj", channels, channels, 1, 1)
    yield from residual_block(f"{name}.resnets.0", channels, channels)
    yield from residual_block(f"{name}.resnets.1", channels, channels)


def resampler(name, channels, out_channels, time_channels):
    """`time_channels`: of the time convolution's output; 0 without one."""
    yield from convolution(f"{name}.resample.1", out_channels, channels, 3, 3)
    if time_channels:
        yield from convolution(f"{name}.time_conv", time_channels, channels, 3, 1, 1)


def head(name, channels, out_channels):
    yield f"{name}.norm_out.gamma", (channels, 1, 1, 1)
    yield from convolution(f"{name}.conv_out", out_channels, channels, 3, 3, 3)


def encoder(config):
    widths = [config["base_dim"] * m for m in [1, *config["dim_mult"]]]
    last = len(config["dim_mult"]) - 1
    yield from convolution("encoder.conv_in", widths[0], config["in_channels"], 3, 3, 3)
    layer = 0  # the first generation numbers residual blocks and resamplers in one list
    for stage, (channels, out_channels) in enumerate(zip(widths, widths[1:])):
        for index in range(config["num_res_blocks"]):
            name = f"{stage}.resnets.{index}" if config["is_residual"] else layer
            yield from residual_block(f"encoder.down_blocks.{name}", channels, out_channels)
            channels, layer = out_channels, layer + 1
        if stage < last:
            name = f"{stage}.downsampler" if config["is_residual"] else layer
            time_channels = out_channels if config["temperal_downsample"][stage] else 0
            yield from resampler(f"encoder.down_blocks.{name}", out_channels, out_channels, time_channels)
            layer += 1
    yield from middle_block("encoder.mid_block", widths[-1])
    yield from head("encoder", widths[-1], 2 * config["z_dim"])


def decoder(config):
    multiples = config["dim_mult"][::-1]
    base = config["decoder_base_dim"] or config["base_dim"]
    widths = [base * m for m in [multiples[0], *multiples]]
    temporal = config["temperal_downsample"][::-1]
    last = len(multiples) - 1
    yield from convolution("decoder.conv_in", widths[0], config["z_dim"], 3, 3, 3)
    yield from middle_block("decoder.mid_block", widths[0])
    for stage, (channels, out_channels) in enumerate(zip(widths, widths[1:])):
        block = f"decoder.up_blocks.{stage}"
        if stage > 0 and not config["is_residual"]:
            channels //= 2  # the resampler before it halved them
        for index in range(config["num_res_blocks"] + 1):
            yield from residual_block(f"{block}.resnets.{index}", channels, out_channels)
            channels = out_channels
        if stage < last:
            name = f"{block}.upsampler" if config["is_residual"] else f"{block}.upsamplers.0"
            resampled = out_channels if config["is_residual"] else out_channels // 2
            yield from resampler(name, out_channels, resampled, 2 * out_channels if temporal[stage] else 0)
    yield from head("decoder", widths[-1], config["out_channels"])


def wan_vae(config):
    z = config["z_dim"]
    yield from encoder(config)
    yield from convolution("quant_conv", 2 * z, 2 * z, 1, 1, 1)
    yield from convolution("post_quant_conv", z, z, 1, 1, 1)
    yield from decoder(config)
