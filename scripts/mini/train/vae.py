"""The VAE: diffusers' AutoencoderKLWan (the layout of Wan 2.2), and its passes over a whole clip at once.

diffusers runs it chunk by chunk with a cache. The functions here do the same arithmetic in one pass, which trains
faster; tests/test_vae.py checks that they agree.
"""

import torch
from diffusers import AutoencoderKLWan
from torch.nn.functional import silu

from .latent import Z

PATCH = 8


def make_vae():
    """32x32x4 pixels to Z numbers. It starts as a nearly linear network: the second convolution of every residual
    block and the attention's output are zero, the time convolutions repeat a frame, and the features reach the two
    heads (norm, silu, convolution) on top of a constant, so that the norm is nearly constant and silu nearly linear."""
    vae = AutoencoderKLWan(
        base_dim=48, decoder_base_dim=48, z_dim=Z, dim_mult=[1, 2, 2], num_res_blocks=1, temperal_downsample=[True, True],
        is_residual=True, patch_size=PATCH, in_channels=3 * PATCH**2, out_channels=3 * PATCH**2, scale_factor_spatial=32,
        scale_factor_temporal=4, latents_mean=[0.0] * Z, latents_std=[1.0] * Z,
    )
    with torch.no_grad():
        for name, module in vae.named_modules():
            if name.endswith((".conv2", ".proj")):
                module.weight.zero_()
                module.bias.zero_()
            if name.endswith("upsampler.time_conv"):
                eye = torch.eye(module.in_channels)
                module.weight.zero_()
                module.weight[:, :, -1, 0, 0] = torch.cat([eye, eye])
                module.bias.zero_()
        for last, head in ((vae.encoder.mid_block.resnets[-1], vae.encoder), (vae.decoder.up_blocks[-1].resnets[-1], vae.decoder)):
            last.conv2.bias.fill_(4.0)
            head.norm_out.gamma.fill_(3.0)
    return vae


def parts(vae, stage):
    """What the stages `decoder` and `encoder` train."""
    return [vae.decoder, vae.post_quant_conv] if stage == "decoder" else [vae.encoder, vae.quant_conv]


def _each_frame(layer, x):
    b, c, t, h, w = x.shape
    y = layer(x.transpose(1, 2).reshape(b * t, c, h, w))
    return y.view(b, t, *y.shape[1:]).transpose(1, 2)


def _upsample(layer, x):
    """The first frame stays one; every later one becomes two."""
    rest = x[:, :, 1:]
    if rest.shape[2]:
        b, c, t, h, w = rest.shape
        pairs = layer.time_conv(rest).view(b, 2, c, t, h, w)
        rest = pairs.permute(0, 2, 3, 1, 4, 5).reshape(b, c, 2 * t, h, w)
    return _each_frame(layer.resample, torch.cat([x[:, :, :1], rest], 2))


def _downsample(layer, x):
    x = _each_frame(layer.resample, x)
    return x if x.shape[2] == 1 else torch.cat([x[:, :, :1], layer.time_conv(x)], 2)


def decode(vae, z):
    """[B, Z, 1+n, h, w] -> patches of pixels [B, 192, 1+4n, 4h, 4w], not clamped."""
    net = vae.decoder
    x = net.mid_block(net.conv_in(vae.post_quant_conv(z)))
    for block in net.up_blocks:
        start = x
        for layer in block.resnets:
            x = layer(x)
        if block.upsampler is not None:
            x = _upsample(block.upsampler, x) + block.avg_shortcut(start, first_chunk=True)
    return net.conv_out(silu(net.norm_out(x)))


def encode(vae, x):
    """Patches of pixels [B, 192, 1+4n, 4h, 4w] -> the latent's mean [B, Z, 1+n, h, w]."""
    net = vae.encoder
    x = net.conv_in(x)
    for block in net.down_blocks:
        start = x
        for layer in block.resnets:
            x = layer(x)
        if block.downsampler is not None:
            x = _downsample(block.downsampler, x)
        x = x + block.avg_shortcut(start)
    x = net.conv_out(silu(net.norm_out(net.mid_block(x))))
    return vae.quant_conv(x)[:, :Z]
