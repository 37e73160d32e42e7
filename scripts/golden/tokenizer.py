"""A small SentencePiece tokenizer in the layout of the official checkpoints.

Unigram with byte_fallback, pad 0, eos 1, unk 2, no bos (the ids of T5). The normalisation is a short rule table of
our own (full-width forms, ligatures, the ideographic space), because the usual nmt_nfkc map alone is 240 KB and the
full map is tested on its own in tests/golden/text.
"""

import contextlib
import io
import itertools
import json
import random
import tempfile
from pathlib import Path

import sentencepiece
from transformers import T5Tokenizer

VOCAB_SIZE = 400


def captions(seed=0, count=600):
    """Plain sentences that cover the characters and most words of the golden prompts."""
    pick = random.Random(seed).choice
    things = ["ball", "cat", "dog", "boat", "star", "square", "ring", "bird", "train", "tree"]
    colours = ["red", "orange", "yellow", "green", "blue", "purple", "white", "black", "small", "large"]
    moves = ["bounces", "moves left", "moves right", "rises", "falls", "spins", "grows", "runs", "flies", "drifts"]
    places = ["over the sea", "in a city", "in the desert", "between hills", "in space", "on a table", "under water"]
    times = ["at night", "at sunset", "in the morning", "in rain", "in snow", "on a bright day"]
    tails = [".", "!", "?", "; still picture", ", blurry, low quality", " & more", " (close up)", ": 4k, 24 fps",
             " - \"slow\" motion", " / it's a drawing", ", worst quality, text"]
    for _ in range(count):
        article = pick(["a", "the", "one", "A", "The", "two"])
        yield f"{article} {pick(colours)} {pick(things)} {pick(moves)} {pick(places)} {pick(times)}{pick(tails)}"
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    yield from itertools.repeat(" ".join(alphabet), 3)


def normalization_rules():
    """SentencePiece rule table: hexadecimal source TAB hexadecimal target."""
    rules = {chr(0xFEE0 + ord(c)): c for c in map(chr, range(0x21, 0x7F))}
    rules.update({"\u3000": " ", "\u00a0": " ", "\t": " ", "\n": " ", "\r": " ", "\ufb01": "fi", "\ufb02": "fl"})
    hexadecimal = lambda text: " ".join(f"{ord(c):X}" for c in text)
    return "".join(f"{hexadecimal(source)}\t{hexadecimal(target)}\n" for source, target in sorted(rules.items()))


def train(vocab_size=VOCAB_SIZE):
    """The serialized spiece.model; the same bytes on every run."""
    model = io.BytesIO()
    # The trainer writes the path of the rule table into the model: a relative one keeps the bytes equal everywhere.
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        Path("rules.tsv").write_text(normalization_rules(), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=captions(), model_writer=model, model_type="unigram", vocab_size=vocab_size,
            byte_fallback=True, character_coverage=1.0, normalization_rule_tsv="rules.tsv",
            pad_id=0, eos_id=1, unk_id=2, bos_id=-1, num_threads=1, minloglevel=2)
    return model.getvalue()


def save(directory, model=None):
    """Writes spiece.model, tokenizer.json and tokenizer_config.json; `T5Tokenizer.from_pretrained` opens them."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "spiece.model").write_bytes(model or train())
    T5Tokenizer.from_pretrained(directory, extra_ids=0).save_pretrained(directory)
    # save_pretrained notes where it loaded from; only what the official repositories state is kept.
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "additional_special_tokens": [], "pad_token": "<pad>",
              "eos_token": "</s>", "unk_token": "<unk>", "model_max_length": 512}
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    return T5Tokenizer.from_pretrained(directory)
