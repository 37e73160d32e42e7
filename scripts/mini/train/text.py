"""Stage `text`: a UMT5 encoder that learns to read captions as slots.

The encoder is trained with a linear head per slot on the mean of its tokens: which value does the text name, or none.
After that it is frozen. The heads stay in the training folder: they measure, the transformer does not see them.
"""

from pathlib import Path

import numpy as np
import torch
from transformers import UMT5Config, UMT5EncoderModel

from ..world import SLOTS, draw_scene
from ..world.captions import caption
from .curve import Curve, load, save, warmup_cosine
from .tokens import Tokens

WIDTH = 128
LONGEST = 48  # tokens of a training caption, eos included
STEPS = 2500


def make_encoder(vocabulary):
    return UMT5EncoderModel(
        UMT5Config(vocab_size=(vocabulary + 63) // 64 * 64, d_model=WIDTH, d_kv=32, num_heads=4, d_ff=256, num_layers=3,
                   num_decoder_layers=3, dropout_rate=0.0, feed_forward_proj="gated-gelu", pad_token_id=0, eos_token_id=1,
                   decoder_start_token_id=0)
    )


def batch_of(token_lists):
    """Ids [B, L] padded with 0, and the mask of real tokens."""
    length = max(map(len, token_lists))
    ids = torch.zeros(len(token_lists), length, dtype=torch.long)
    for row, tokens in zip(ids, token_lists):
        row[: len(tokens)] = torch.tensor(tokens)
    mask = torch.arange(length)[None] < torch.tensor([len(t) for t in token_lists])[:, None]
    return ids, mask.long()


class SlotReader(torch.nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.encoder = make_encoder(vocabulary)
        self.heads = torch.nn.ModuleDict({s: torch.nn.Linear(WIDTH, len(v) + 1) for s, v in SLOTS.items()})

    def forward(self, ids, mask):
        rows = self.encoder(ids, attention_mask=mask).last_hidden_state
        mean = (rows * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return {slot: head(mean) for slot, head in self.heads.items()}


def samples(seeds, rng, **kwargs):
    """Captions of seeds and their labels per slot; the last label of a slot is `not named`."""
    texts, named = zip(*(caption(draw_scene(int(s)), rng, **kwargs) for s in seeds))
    labels = {
        slot: torch.tensor([values.index(n[slot]) if slot in n else len(values) for n in named])
        for slot, values in SLOTS.items()
    }
    return texts, labels


def accuracy(reader, tokens, count, device, **kwargs):
    """Mean accuracy over the slots on new scenes."""
    reader.eval()
    rng = np.random.default_rng(99)
    texts, labels = samples(range(30_000_000, 30_000_000 + count), rng, **kwargs)
    with torch.no_grad():
        scores = reader(*(t.to(device) for t in batch_of([tokens(t) for t in texts])))
    reader.train()
    return float(np.mean([(scores[s].argmax(1).cpu() == labels[s]).float().mean().item() for s in SLOTS]))


def run(options):
    out, device = Path(options.out), options.device
    tokens = Tokens(out)
    torch.manual_seed(0)
    reader = SlotReader(len(tokens)).to(device)
    steps = 20 if options.check else STEPS
    state = load(out / "text.pt")
    if state:
        reader.load_state_dict(state["reader"])
        if state["step"] >= steps:
            return
    curve = Curve(out / "text.csv", ["loss", "seen", "held_out_phrasing", "synonyms"])
    optimizer = torch.optim.AdamW(reader.parameters(), lr=2e-3, weight_decay=0.01)
    rng = np.random.default_rng(1)
    for step in range(state["step"] if state else 0, steps):
        texts, labels = samples(rng.integers(0, 10_000_000, 64), rng)
        scores = reader(*(t.to(device) for t in batch_of([tokens(t) for t in texts])))
        loss = sum(torch.nn.functional.cross_entropy(scores[s], labels[s].to(device)) for s in SLOTS)
        optimizer.param_groups[0]["lr"] = 2e-3 * warmup_cosine(step, steps)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 250 == 0 or step + 1 == steps:
            count = 64 if options.check else 1000
            curve.add(step + 1, loss.item(), accuracy(reader, tokens, count, device),
                      accuracy(reader, tokens, count, device, split="held_out"),
                      accuracy(reader, tokens, count, device, split="held_out", synonyms=1.0))
            save({"reader": reader.state_dict(), "step": step + 1}, out / "text.pt")


def load_encoder(out):
    """The trained encoder, frozen."""
    state = load(Path(out) / "text.pt")
    if state is None:
        raise SystemExit(f"no text.pt in {out}: run the stage `text` first")
    reader = SlotReader(len(Tokens(out)))
    reader.load_state_dict(state["reader"])
    return reader.encoder.eval().requires_grad_(False)
