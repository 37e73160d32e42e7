"""Stage `dit`: the transformer (diffusers' WanTransformer3DModel) learns to denoise latents under a caption.

Flow matching as Wan has it: x = (1 - sigma) * clean + sigma * noise, the target is noise - clean, the timestep is
1000 * sigma. The text is what the pipeline will feed: 512 rows, zero after the last token, no mask. All zero rows have
one key and one value, so that one row with log(their number) added to its score stands for them, exactly.

A token is one cell of the latent, 48 numbers in a stream of 256: a velocity carries the noise through the residual
stream, and the fuller the stream the less it learns (see README.md).
"""

from pathlib import Path

import numpy as np
import torch
import torch._inductor.config
from diffusers import WanTransformer3DModel
from torch.nn.functional import pad

from ..world import draw_scene
from ..world.captions import caption
from .curve import load
from .data import load_shards, make_clip
from .latent import Z, LatentCode
from .loop import precision, train
from .muon import Optimizers
from .text import WIDTH, batch_of, load_encoder
from .tokens import Tokens

TEXT_ROWS = 512
KEYS = 48  # text rows of a batch, the longest caption's and more: one shape, compiled once
NO_TEXT = 0.1  # share of clips whose caption is left empty, for guidance
OBJECT_WEIGHT = 8.0
TURNING = 3  # how often a clip whose object turns is drawn for one of another: its outline differs in every latent frame


def make_dit():
    return WanTransformer3DModel(
        patch_size=(1, 1, 1), num_attention_heads=4, attention_head_dim=64, in_channels=Z, out_channels=Z, text_dim=WIDTH,
        freq_dim=256, ffn_dim=1024, num_layers=6, cross_attn_norm=True, qk_norm="rms_norm_across_heads", rope_max_seq_len=128,
    )


class Attention:
    """Wan's attention as training wants it. In cross-attention the last key stands for all padding rows; `bias`
    [B, 1, 1, L] is set before a forward. Products are in autocast's type; norm, rotation and softmax in fp32. Written
    out, it compiles into 1.9 times the speed of torch's own attention on a CPU with bf16 (16 clips, forward and back)."""

    bias = None

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, rotary_emb=None):
        crossing = encoder_hidden_states is not None
        source = encoder_hidden_states if crossing else hidden_states
        q, k = attn.norm_q(attn.to_q(hidden_states).float()), attn.norm_k(attn.to_k(source).float())
        q, k, v = (x.unflatten(2, (attn.heads, -1)) for x in (q, k, attn.to_v(source)))
        if rotary_emb is not None:
            q, k = rotate(q, *rotary_emb), rotate(k, *rotary_emb)
        q, k, v = (x.transpose(1, 2) for x in (q * q.shape[-1] ** -0.5, k, v))  # [B, N, L, D]
        scores = q @ k.transpose(-1, -2)
        weights = (scores + self.bias if crossing else scores).float().softmax(-1)
        return attn.to_out[0]((weights @ v).transpose(1, 2).flatten(2))


def rotate(x, cos, sin):
    """Rotary positions: neighbouring numbers are a point in the plane, turned by an angle; cos and sin come twice."""
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cos[..., 0::2], sin[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


class Denoiser:
    """The transformer with captions as text: velocity(x, sigma, texts)."""

    def __init__(self, model, tokens, encoder, device):
        self.model, self.tokens, self.encoder, self.device = model, tokens, encoder, device
        self.attention = Attention()
        for block in model.blocks:
            block.attn1.set_processor(self.attention)
            block.attn2.set_processor(self.attention)

    @torch.no_grad()
    def rows(self, texts):
        """Text rows [B, KEYS or more, D], the last one zero, and the scores' bias."""
        ids, mask = batch_of([self.tokens(t) for t in texts])
        rows = self.encoder(ids.to(self.device), attention_mask=mask.to(self.device)).last_hidden_state
        rows = rows * mask[..., None].to(self.device)
        bias = torch.where(mask > 0, 0.0, -torch.inf)
        padding = (TEXT_ROWS - mask.sum(1, keepdim=True)).float().log()
        unused = max(0, KEYS - 1 - mask.shape[1])
        bias = torch.cat([pad(bias, (0, unused), value=-torch.inf), padding], 1)[:, None, None, :]
        return pad(rows, (0, 0, 0, unused + 1)), bias.to(self.device)

    def velocity(self, x, sigma, rows, bias):
        self.attention.bias = bias
        return self.model(x, 1000 * sigma, rows, return_dict=False)[0]

    def compile(self):
        """Half a minute for each shape of batch, and then 1.7 times as fast on a CPU."""
        torch._inductor.config.cpp.threads = torch.get_num_threads()  # else kernels cached for more threads are taken
        for block in self.model.blocks:
            block.compile(dynamic=False)  # all six are one program


def loss_map(denoiser, clean, noise, sigma, rows, bias):
    s = sigma.view(-1, 1, 1, 1, 1)
    v = denoiser.velocity((1 - s) * clean + s * noise, sigma, rows, bias)
    return (v.float() - (noise - clean)).square().mean(1)  # [B, T, H, W]


class HeldOut:
    """The same clips, captions and noise every time."""

    def __init__(self, code, denoiser, count):
        scenes = [draw_scene(s) for s in range(30_000_000, 30_000_000 + count)]
        rng, random = np.random.default_rng(3), torch.Generator().manual_seed(3)
        clean = np.stack([make_clip(code, s)[0] for s in scenes]).astype(np.float32)
        self.clean = torch.from_numpy(clean).to(denoiser.device)
        self.noise = torch.randn(clean.shape, generator=random).to(denoiser.device)
        self.sigma = (torch.arange(count) + 0.5).div(count).to(denoiser.device)
        self.rows = denoiser.rows([caption(s, rng, partial=False)[0] for s in scenes])
        self.denoiser = denoiser

    @torch.no_grad()
    def loss(self):
        with precision(self.denoiser.device):
            return loss_map(self.denoiser, self.clean, self.noise, self.sigma, *self.rows).mean().item()


def clip_size(done, chance):
    """Latent frames and clips of a batch: pictures first, which cost a ninth of a clip and teach what the words look
    like, then the beginnings of clips, then whole ones. Every fourth batch stays one of pictures, by `chance` in [0, 1):
    they show nine times as many objects, and a model that no longer sees them forgets them."""
    if done < 0.19 or chance < 0.25:
        return 1, 96
    return (3, 32) if done < 0.23 else (5, 20) if done < 0.27 else (9, 12)


def draw_batch(latents, covers, seeds, pool, rng, frames, count):
    picks = rng.choice(pool, count)
    texts = [
        "" if rng.random() < NO_TEXT else caption(draw_scene(int(seeds[i])), rng)[0]
        for i in picks
    ]
    clean = torch.from_numpy(latents[picks, :, :frames].astype(np.float32))
    weight = 1 + OBJECT_WEIGHT * torch.from_numpy(covers[picks, :frames].astype(np.float32) / 255)
    return clean, weight, texts


def load_clips(folder):
    """The shards, and what batches are drawn from: each clip's number, those that turn TURNING times."""
    latents, covers, seeds = load_shards(folder)
    turning = np.array([draw_scene(int(seed)).motion == "spin" for seed in seeds])
    return latents, covers, seeds, np.repeat(np.arange(len(seeds)), np.where(turning, TURNING, 1))


def load_denoiser(out, device, stage="dit"):
    if not (state := load(Path(out) / f"{stage}.pt")):
        raise SystemExit(f"no {stage}.pt in {out}: the stage `{stage}` makes it, or `start` with a model directory of that form")
    model = make_dit()
    model.load_state_dict(state["average"])
    return Denoiser(model.to(device).eval(), Tokens(out), load_encoder(out).to(device), device)


def muon_takes(name, parameter):
    return name.startswith("blocks.") and parameter.ndim == 2


def run(options):
    out, device = Path(options.out), options.device
    torch.manual_seed(0)
    model = make_dit().to(device)
    torch.nn.init.zeros_(model.proj_out.weight)
    denoiser = Denoiser(model, Tokens(out), load_encoder(out).to(device), device)
    held_out = HeldOut(LatentCode.load(out / "code.safetensors"), denoiser, 8 if options.check else 64)
    data = load_clips(out / "data")
    if not options.check:
        denoiser.compile()

    def loss_of(rng, done):
        frames, count = clip_size(done, rng.random())
        clean, weight, texts = draw_batch(*data, rng, frames, 8 if options.check else count)
        clean, weight = clean.to(device), weight.to(device)
        sigma = torch.sigmoid(1.2 * torch.randn(len(texts)) + 1.6).to(device)  # near 1: there motion is decided
        with precision(device):
            errors = loss_map(denoiser, clean, torch.randn_like(clean), sigma, *denoiser.rows(texts))
        return (errors * weight).mean() / weight.mean()

    optimizers = Optimizers(model, muon_takes, lr=options.rate, weight_decay=0.01)
    train(options, "dit", model, optimizers, loss_of, held_out.loss, decay=0.999)
