#!/usr/bin/env python3
"""Writes a checkpoint directory with the exact shapes, dtypes, shards and configs of an official one, and random
weights: for measuring time and memory at real size without a download. Needs numpy only.

    python scripts/make_random_model.py --like wan2.1-t2v-1.3b -o DIR
    python scripts/make_random_model.py --like wan2.2-t2v-a14b -o DIR --layers 2 --dtype transformer=bf16

The tokenizer is the small one of tests/golden (400 pieces): its ids are valid in the official vocabulary of 256384
rows, but they are not the official ids.
"""

import argparse
import json
import shutil
import sys
from math import prod
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from random_model import official, shapes
from golden.scales import scale_of

TOKENIZER = Path(__file__).resolve().parent.parent / "tests" / "golden" / "wan21-tiny" / "tokenizer"


def components(repository):
    """name: (config, tensors, library, class, file stem), in the order they are written."""
    transformer, vae = repository["transformer"], repository["vae"]
    text = repository["text_encoder"]
    stem = "diffusion_pytorch_model"
    parts = {"text_encoder": (text, list(shapes.umt5_encoder(text)), "transformers", "UMT5EncoderModel", "model")}
    for name in ("transformer", "transformer_2")[:repository["experts"]]:
        tensors = list(shapes.wan_transformer(transformer))
        parts[name] = (transformer, tensors, "diffusers", "WanTransformer3DModel", stem)
    parts["vae"] = (vae, list(shapes.wan_vae(vae)), "diffusers", "AutoencoderKLWan", stem)
    return parts


def select(arguments):
    """The repository of --like, with fewer layers if asked for, and the dtype of each component."""
    repository = official.REPOSITORIES[arguments.like] | {"text_encoder": official.UMT5_XXL}
    if arguments.layers:
        for name in ("transformer", "text_encoder"):
            layers = min(arguments.layers, repository[name]["num_layers"])
            repository[name] = repository[name] | {"num_layers": layers}
    return repository, official.DTYPES | dict(arguments.dtype)


def write(repository, dtypes, directory, seed, weights):
    from random_model.writer import RandomBytes, write_component

    if directory.exists() and any(directory.iterdir()):
        sys.exit(f"make_random_model: {directory} exists and is not empty; give a new folder")
    random = RandomBytes(seed)
    index = {"_class_name": "WanPipeline", "_diffusers_version": "0.35.0.dev0", **repository["pipeline"],
             "scheduler": ["diffusers", "UniPCMultistepScheduler"], "tokenizer": ["transformers", "T5TokenizerFast"],
             "transformer_2": [None, None]}
    for name, (config, tensors, library, class_name, stem) in components(repository).items():
        (directory / name).mkdir(parents=True)
        save_json(directory / name / "config.json", config)
        index[name] = [library, class_name]
        if name not in weights:
            continue
        write_component(directory / name, stem, tensors, dtypes[name], random, scale_of)
        parameters = sum(prod(shape) for _, shape in tensors)
        print(f"{name}: {parameters / 1e9:.3f} B parameters in {dtypes[name]}", flush=True)
    (directory / "scheduler").mkdir()
    save_json(directory / "scheduler" / "scheduler_config.json", repository["scheduler"])
    shutil.copytree(TOKENIZER, directory / "tokenizer")
    if "boundary_ratio" not in repository["pipeline"]:
        del index["transformer_2"]  # the 2.1 repositories are older than the second expert
    save_json(directory / "model_index.json", dict(sorted(index.items())))


def save_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def check(repository):
    """Compares names and shapes with the reference classes, built without memory. Needs torch and diffusers."""
    import diffusers
    import torch
    import transformers

    for name, (config, tensors, _, class_name, _) in components(repository).items():
        with torch.device("meta"):
            if name == "text_encoder":
                model = transformers.UMT5EncoderModel(transformers.UMT5Config(**config))
            else:
                model = getattr(diffusers, class_name).from_config(config)
        expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
        expected.pop("encoder.embed_tokens.weight", None)  # the same tensor as shared.weight
        found = dict(tensors)
        differing = sorted(key for key in found.keys() & expected.keys() if found[key] != expected[key])
        print(f"{name}: {len(found)} tensors; missing {sorted(expected.keys() - found.keys())}, unexpected "
              f"{sorted(found.keys() - expected.keys())}, other shape {differing}, same order "
              f"{list(found) == list(expected)}")
        if found != expected:
            sys.exit(1)


def component_dtype(text):
    name, _, dtype = text.partition("=")
    if name not in official.DTYPES or dtype not in ("fp32", "bf16", "fp16"):
        raise argparse.ArgumentTypeError(f"'{text}': write COMPONENT=DTYPE, a component of "
                                         f"{', '.join(official.DTYPES)} and fp32, bf16 or fp16")
    return name, dtype


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--like", required=True, choices=official.REPOSITORIES)
    parser.add_argument("-o", "--output", type=Path, help="a new folder")
    parser.add_argument("--dtype", action="append", default=[], type=component_dtype, metavar="COMPONENT=DTYPE",
                        help=f"default: {', '.join(f'{k}={v}' for k, v in official.DTYPES.items())}")
    parser.add_argument("--layers", type=int, help="at most this many layers in transformer and text encoder")
    parser.add_argument("--weights", nargs="+", metavar="COMPONENT", choices=official.DTYPES, default=list(official.DTYPES),
                        help="components with weights, the others get a config.json alone (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="compare with the diffusers classes")
    arguments = parser.parse_args()
    if not arguments.output and not arguments.check:
        parser.error("give -o DIR, --check, or both")
    repository, dtypes = select(arguments)
    if arguments.check:
        check(repository)
    if arguments.output:
        write(repository, dtypes, arguments.output, arguments.seed, arguments.weights)


if __name__ == "__main__":
    main()
