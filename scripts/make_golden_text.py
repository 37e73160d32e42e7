#!/usr/bin/env python3
"""Writes tests/golden/text: tokenizers, the corpus with what the reference makes of it, and tiny T5 and UMT5
encoders with their outputs.

    OMP_NUM_THREADS=1 python scripts/make_golden_text.py        (diffusers, transformers, ftfy, sentencepiece)

Deterministic: a second run writes the same bytes, on the same versions."""

import hashlib
import importlib.metadata
import io
import json
import pathlib
import shutil
import struct
import tempfile

import ftfy
import sentencepiece
import torch
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import T5Config, T5EncoderModel, T5Tokenizer, UMT5Config, UMT5EncoderModel
from transformers.convert_slow_tokenizer import import_protobuf

from text_corpus import SENTENCES, make_corpus

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "text"
MAX_LENGTH = 512


# ---------------------------------------------------------------- tokenizers


def train(path, **options):
    """A SentencePiece Unigram model of the corpus' sentences, made like UMT5's (byte_fallback, nmt_nfkc)."""
    rows = [s for s in SENTENCES for _ in range(3)] + [w for s in SENTENCES for w in s.split()]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(rows), model_writer=model, model_type="unigram", pad_id=0, eos_id=1,
        hard_vocab_limit=False, num_threads=1, minloglevel=2, **options)
    path.write_bytes(model.getvalue())


def fast_tokenizer(spiece, byte_fallback, normalizer, pre_tokenizer, strips, extra_ids):
    """tokenizer.json as T5's converters write it."""
    proto = import_protobuf().ModelProto()
    proto.ParseFromString(spiece.read_bytes())
    vocab = [(p.piece, p.score) for p in proto.pieces]
    special = [p.piece for p in proto.pieces if p.type in (2, 3)]
    extra = [f"<extra_id_{i}>" for i in range(extra_ids - 1, -1, -1)]
    vocab += [(token, 0.0) for token in extra]
    tokenizer = Tokenizer(Unigram(vocab, unk_id=proto.trainer_spec.unk_id, byte_fallback=byte_fallback))
    charmap = normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)
    tokenizer.normalizer = normalizers.Sequence([charmap, *normalizer]) if normalizer else charmap
    metaspace = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*pre_tokenizer, metaspace]) if pre_tokenizer else metaspace
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in special])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True, lstrip=strips, rstrip=strips) for t in extra])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["$A", "</s>"], special_tokens=[("</s>", tokenizer.token_to_id("</s>"))])
    return tokenizer


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def make_tokenizers():
    main = OUT / "tokenizer"
    main.mkdir()
    train(main / "spiece.model", vocab_size=1400, bos_id=2, unk_id=3, byte_fallback=True, character_coverage=0.985,
          normalization_rule_name="nmt_nfkc")
    fast = fast_tokenizer(main / "spiece.model", True, [], [pre_tokenizers.WhitespaceSplit()], False, 10)
    fast.save(str(main / "tokenizer.json"))
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 10, "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    config["additional_special_tokens"] = [f"<extra_id_{i}>" for i in range(10)]
    write_json(main / "tokenizer_config.json", config)

    # The same vocabulary under the rules of other converter versions; the vocabulary itself is left out of the file.
    replace = lambda to: normalizers.Replace(Regex(" {2,}"), to)
    strip = normalizers.Strip(left=False, right=True)
    variants = {
        "rules_strip.json": fast_tokenizer(main / "spiece.model", False, [strip, replace("▁")], [], True, 10),
        "rules_runs.json": fast_tokenizer(main / "spiece.model", True, [replace(" ")], [], False, 10),
    }
    for name, tokenizer in variants.items():
        rules = json.loads(tokenizer.to_str())
        rules["model"]["vocab"] = []
        rules["normalizer"]["normalizers"][0]["precompiled_charsmap"] = ""
        write_json(OUT / name, rules)

    # spiece.model alone: no character map, no byte pieces; transformers builds the rest.
    plain = OUT / "tokenizer_plain"
    plain.mkdir()
    train(plain / "spiece.model", vocab_size=900, bos_id=-1, unk_id=2, character_coverage=0.98,
          normalization_rule_name="identity")
    write_json(plain / "tokenizer_config.json",
               {"tokenizer_class": "T5Tokenizer", "eos_token": {"content": "</s>", "__type": "AddedToken"}})
    with tempfile.TemporaryDirectory() as folder:  # from_pretrained of transformers 5.23 wants a plain string there
        shutil.copy(plain / "spiece.model", folder)
        write_json(pathlib.Path(folder) / "tokenizer_config.json", {"tokenizer_class": "T5Tokenizer", "eos_token": "</s>"})
        from_spiece = T5Tokenizer.from_pretrained(folder)._tokenizer
    return [fast, *variants.values(), from_spiece]


def digest(ids):
    return hashlib.sha256(struct.pack(f"<{len(ids)}q", *ids)).hexdigest()[:12]


def truncated(ids):
    return ids if len(ids) <= MAX_LENGTH else ids[: MAX_LENGTH - 1] + ids[-1:]


# ---------------------------------------------------------------- corpus


def clean_without_repair(text):
    repair, ftfy.fix_encoding = ftfy.fix_encoding, lambda text, *_, **__: text
    try:
        return prompt_clean(text)
    finally:
        ftfy.fix_encoding = repair


def make_corpus_file(tokenizers):
    slow = sentencepiece.SentencePieceProcessor(str(OUT / "tokenizer" / "spiece.model"))
    rebuilt = T5Tokenizer.from_pretrained(str(OUT / "tokenizer"))._tokenizer
    counts = dict.fromkeys(("lines", "mojibake", "rebuilt", "slow", "truncated"), 0)
    rows = []
    for text in make_corpus():
        ids = [tokenizer.encode(text).ids for tokenizer in tokenizers]
        cleaned = prompt_clean(text)
        repaired = cleaned != clean_without_repair(text)
        rows.append([text, None if repaired else cleaned, [digest(truncated(i)) for i in ids], len(ids[0])])
        counts["lines"] += 1
        counts["mojibake"] += repaired
        counts["truncated"] += len(ids[0]) > MAX_LENGTH
        other = rebuilt.encode(text).ids
        counts["rebuilt"] += other != ids[0]
        counts["slow"] += slow.encode(text) + [1] != ids[0]
    (OUT / "corpus.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows))
    return counts


# ---------------------------------------------------------------- encoders


def randomise(model, seed):
    """Values with which every part matters: norm weights off 1, biases and scores of order 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "layer_norm" in name:
                parameter.copy_(1 + 0.2 * noise)
            elif "relative_attention_bias" in name or "shared" in name:
                parameter.copy_(noise)
            else:
                parameter.copy_(noise * parameter.shape[1] ** -0.5)


def encode(model, prompts):
    """As WanPipeline does: padded batch with a mask, then only the real tokens."""
    longest = max(len(p) for p in prompts)
    ids = torch.tensor([p + [0] * (longest - len(p)) for p in prompts])
    mask = torch.tensor([[1] * len(p) + [0] * (longest - len(p)) for p in prompts])
    with torch.no_grad():
        states = model(ids, mask).last_hidden_state
    return [s[: len(p)] for s, p in zip(states, prompts)]


def worst(states, truth):
    return max((s.double() - t).abs().max().item() for s, t in zip(states, truth))


def make_encoder(name, model_class, config, dtype, seed):
    folder = OUT / name
    model = model_class(config).eval()
    randomise(model, seed)
    model.to(dtype).save_pretrained(folder)  # wo is converted too
    generator = torch.Generator().manual_seed(seed + 1)
    prompts = [torch.randint(2, config.vocab_size, (n,), generator=generator).tolist() + [1] for n in (0, 1, 9, 140)]
    load = lambda dtype: model_class.from_pretrained(folder, dtype=dtype).eval()
    truth = encode(load(torch.float32).double(), prompts)
    errors = {"float32": worst(encode(load(torch.float32), prompts), truth), "bfloat16": worst(encode(load(torch.bfloat16), prompts), truth)}
    tensors = {f"states_{i}": t.contiguous() for i, t in enumerate(truth)}
    tensors |= {f"ids_{i}": torch.tensor(p) for i, p in enumerate(prompts)}
    save_file(tensors, folder / "reference.safetensors", metadata={"errors": json.dumps(errors)})
    (folder / "generation_config.json").unlink(missing_ok=True)
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)
    return errors


def make_encoders():
    torch.set_num_threads(1)
    shape = dict(vocab_size=200, d_model=32, d_kv=16, num_heads=3, d_ff=64)
    return {
        "umt5": make_encoder("umt5", UMT5EncoderModel, UMT5Config(**shape, num_layers=3), torch.float32, 1),
        "umt5_fp16": make_encoder("umt5_fp16", UMT5EncoderModel, UMT5Config(**shape, num_layers=2), torch.float16, 2),
        "t5_gated": make_encoder("t5_gated", T5EncoderModel, T5Config(**shape, num_layers=2, feed_forward_proj="gated-gelu",
                                 relative_attention_num_buckets=8, relative_attention_max_distance=20), torch.bfloat16, 3),
        "t5_relu": make_encoder("t5_relu", T5EncoderModel, T5Config(**shape, num_layers=2, feed_forward_proj="relu"), torch.float32, 4),
    }


README = """\
# tests/golden/text

Made by `OMP_NUM_THREADS=1 python scripts/make_golden_text.py` with {versions}.

`corpus.jsonl`: {lines} lines `[text, cleaned, [digests], ids]`. `cleaned` is diffusers' `prompt_clean(text)`, or null for the {mojibake} lines
in which ftfy's mojibake repair, which soragen does not have, changes the outcome. A digest is the first 12 hex digits of the
sha256 of the token ids (int64, little-endian) truncated to 512; `ids` is how many there were before ({truncated} lines are longer). The
digests belong to:

1. `tokenizer/` read by Hugging Face `tokenizers`: vocabulary with byte fallback, nmt_nfkc, unk_id 3, as UMT5's;
2. the same with `rules_strip.json` (Metaspace after stripping, no byte fallback, sentinels that eat spaces);
3. the same with `rules_runs.json` (Metaspace after collapsing spaces);
4. `tokenizer_plain/` as transformers' `T5Tokenizer` builds it from `spiece.model` alone.

Where others differ from 1 on the same files, in lines: transformers' `T5Tokenizer` on `tokenizer/` in {rebuilt} (it drops byte fallback and
takes id 2 for unknown characters), libsentencepiece in {slow} (special tokens in the text, decomposed characters).

`umt5`, `umt5_fp16`, `t5_gated`, `t5_relu`: seeded encoders as transformers saves them. `reference.safetensors` holds prompts (`ids_N`) and
the states of the float64 model (`states_N`); `errors` in its metadata are the largest errors of transformers itself in float32 and in
bfloat16: {errors}.
"""


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    counts = make_corpus_file(make_tokenizers())
    errors = make_encoders()
    names = ("diffusers", "transformers", "tokenizers", "sentencepiece", "ftfy", "torch")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    errors = "; ".join(f"{name} {e['float32']:.1e} and {e['bfloat16']:.1e}" for name, e in errors.items())
    readme = README.format(versions=versions, errors=errors, **counts)
    (OUT / "README.md").write_text(readme)
    print(readme)


if __name__ == "__main__":
    main()
