#!/usr/bin/env python3
"""Makes tests/golden/lora from diffusers and PEFT: small LoRA files in every spelling, and what the model says with
them merged.

    OMP_NUM_THREADS=1 python scripts/make_golden_lora.py

Needs torch, diffusers, peft and safetensors; the versions go into golden.json. The base models, the latent and the
text are those of tests/golden/wan21-tiny and a14b-tiny. What it leaves:

- NAME.safetensors      LoRA files: as WanPipeline.save_lora_weights writes them, as kohya's and LightX2V's tools name
                        the keys, and whole differences for every tensor
- golden.json           cases: base, expert, files with strengths, the error of the reference against float64; and
                        how diffusers maps the tensor names of the original code
- golden.safetensors    the velocity of each case
"""

import json
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import diffusers
import safetensors.torch
import torch
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

sys.path.insert(0, str(Path(__file__).resolve().parent))

from golden import precise

GOLDEN = Path(__file__).resolve().parent.parent / "tests/golden"
FOLDER = GOLDEN / "lora"
ATTENTION = [f"{part}.{name}" for part in ("self_attn", "cross_attn") for name in "qkvo"]
# The first and the last block, everything that LoRA trainers touch.
MODULES = [f"blocks.{i}.{name}" for i in (0, 1) for name in [*ATTENTION, "ffn.0", "ffn.2"]]
OUTSIDE = ["text_embedding.0", "text_embedding.2", "time_embedding.0", "time_embedding.2", "time_projection.1",
           "head.head"]
RANK = 3
ALPHAS = (1.5, 3.0, 6.0)  # alpha / rank a power of two: diffusers multiplies it into the file's own half precision


def open_pipeline(base):
    directory = GOLDEN / base
    parts = {name: diffusers.WanTransformer3DModel.from_pretrained(directory / name, dtype=torch.float32).eval()
             for name in ("transformer", "transformer_2") if (directory / name).exists()}
    return diffusers.WanPipeline(tokenizer=None, text_encoder=None, vae=None, scheduler=None,
                                 transformer=parts["transformer"], transformer_2=parts.get("transformer_2"))


def inputs(base):
    tensors = safetensors.torch.load_file(GOLDEN / base / "golden.safetensors")
    text = tensors["text.positive.embeds"]
    padded = torch.zeros(1, 512, text.shape[1])
    padded[0, :len(text)] = text
    return tensors["f5s8.noise"][None], tensors["f5s8.timesteps"][:1], padded


def original_names(model):
    """The original code's name of every tensor -> diffusers'. Its own converter is the authority: it is asked about
    candidates and those that give a tensor of the model are kept."""
    guesses = [f"{m}.{leaf}" for m in MODULES + OUTSIDE + ["patch_embedding"] for leaf in ("weight", "bias")]
    guesses += [f"blocks.{i}.{part}.norm_{x}.weight" for i in (0, 1) for part in ("self_attn", "cross_attn") for x in "qk"]
    guesses += [f"blocks.{i}.{leaf}" for i in (0, 1) for leaf in ("modulation", "norm3.weight", "norm3.bias")]
    guesses += ["head.modulation"]
    names = {}
    for guess in guesses:
        names[guess], = convert_wan_transformer_to_diffusers({guess: torch.zeros(1)})
    assert sorted(names.values()) == sorted(model.state_dict()), "the list of original names is not complete"
    return names


# --- files ----------------------------------------------------------------------------------------------------------

class Draw:
    def __init__(self, seed):
        self.generator = torch.Generator("cpu").manual_seed(seed)

    def __call__(self, *shape, scale=1.0):
        return scale * torch.randn(shape, generator=self.generator)

    def pair(self, weight):
        """down, up with a product about a third of the weight's size."""
        out, into = weight.shape[0], weight[0].numel()
        return self(RANK, into, scale=into ** -0.5), self(out, RANK, scale=0.3 * RANK ** -0.5)


def save(name, tensors, metadata=None):
    safetensors.torch.save_file(tensors, FOLDER / f"{name}.safetensors", metadata=metadata)


def save_peft(name, model, draw, alpha, **options):
    """The file that diffusers' own training scripts leave: an adapter of PEFT through save_lora_weights."""
    config = LoraConfig(r=RANK, lora_alpha=alpha, init_lora_weights=False,
                        target_modules=["to_q", "to_v", "to_out.0", "net.0.proj", "time_proj", "proj_out"], **options)
    model.add_adapter(config, adapter_name=name)
    state = get_peft_model_state_dict(model, adapter_name=name)
    for key, tensor in state.items():
        tensor.copy_(draw(*tensor.shape, scale=0.3))
    layers = {key: tensor.detach().clone() for key, tensor in state.items()}
    metadata = model.peft_config[name].to_dict()
    with tempfile.TemporaryDirectory() as folder:
        diffusers.WanPipeline.save_lora_weights(folder, layers, transformer_lora_adapter_metadata=metadata)
        (FOLDER / f"{name}.safetensors").write_bytes((Path(folder) / "pytorch_lora_weights.safetensors").read_bytes())
    model.delete_adapters(name)


def lightx2v(weights, names, draw):
    """diffusion_model.*, lora_down and lora_up, alpha, diff_b, and the head's whole difference."""
    tensors = {}
    for module in MODULES + OUTSIDE[:5]:
        key, weight = f"diffusion_model.{module}", weights[names[f"{module}.weight"]]
        tensors[f"{key}.lora_down.weight"], tensors[f"{key}.lora_up.weight"] = draw.pair(weight)
        tensors[f"{key}.diff_b"] = draw(weight.shape[0], scale=0.1)
        if module.startswith("blocks"):
            tensors[f"{key}.alpha"] = torch.tensor(ALPHAS[len(tensors) % 3])
    head = weights["proj_out.weight"]
    tensors["diffusion_model.head.head.diff"] = draw(*head.shape, scale=0.05)
    tensors["diffusion_model.head.head.diff_b"] = draw(head.shape[0], scale=0.1)
    return {key: tensor.to(torch.bfloat16) for key, tensor in tensors.items()}


def kohya(weights, names, draw):
    """lora_unet_* with underscores, as musubi-tuner writes them."""
    tensors = {}
    for module in MODULES:
        key = "lora_unet_" + module.replace(".", "_")
        tensors[f"{key}.lora_down.weight"], tensors[f"{key}.lora_up.weight"] = draw.pair(weights[names[f"{module}.weight"]])
        tensors[f"{key}.alpha"] = torch.tensor(ALPHAS[0])
    return {key: tensor.to(torch.float16) for key, tensor in tensors.items()}


def whole(weights, names, draw):
    """A difference for every tensor, the original names without a prefix."""
    suffix = {"weight": "diff", "bias": "diff_b", "modulation": "diff_m"}
    tensors = {}
    for original, ours in names.items():
        module, leaf = original.rsplit(".", 1)
        tensors[f"{module}.{suffix[leaf]}"] = draw(*weights[ours].shape, scale=0.05).to(torch.float16)
    return tensors


# --- what the reference makes of them -------------------------------------------------------------------------------

def merged_by_diffusers(base, files):
    """files: (name, strength, expert). Returns the pipeline with all of them fused."""
    pipe = open_pipeline(base)
    for component, low in (("transformer", False), ("transformer_2", True)):
        chosen = [(name, strength) for name, strength, expert in files if (expert == "low") == low]
        for name, _ in chosen:
            pipe.load_lora_weights(FOLDER, weight_name=f"{name}.safetensors", adapter_name=name,
                                   load_into_transformer_2=low)
        if chosen:
            getattr(pipe, component).set_adapters([name for name, _ in chosen], [strength for _, strength in chosen])
            pipe.fuse_lora(components=[component], adapter_names=[name for name, _ in chosen])
    return pipe


def merged_by_hand(base, name, strength, names):
    """Whole differences, which diffusers reads in part only: added to the weights as they are."""
    pipe = open_pipeline(base)
    suffix = {"diff": "weight", "diff_b": "bias", "diff_m": "modulation"}
    state = pipe.transformer.state_dict()
    for key, tensor in safetensors.torch.load_file(FOLDER / f"{name}.safetensors").items():
        module, leaf = key.rsplit(".", 1)
        state[names[f"{module}.{suffix[leaf]}"]] += strength * tensor.float()
    return pipe


@torch.no_grad()
def velocity(model, base, dtype):
    noise, timestep, text = inputs(base)
    return model(hidden_states=noise.to(dtype), timestep=timestep, encoder_hidden_states=text.to(dtype),
                 return_dict=False)[0][0]


def record(pipe, base, expert, tensors, name):
    model = pipe.transformer_2 if expert == "low" else pipe.transformer
    single = velocity(model, base, torch.float32)
    with precise.float64_world():
        exact = velocity(model.double(), base, torch.float64)
    tensors[name] = single.contiguous()
    return float(f"{(single.double() - exact).abs().max().item():.3g}")


def main():
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    FOLDER.mkdir(parents=True, exist_ok=True)
    model = open_pipeline("wan21-tiny").transformer
    names = original_names(model)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_peft("peft", model, Draw(1), alpha=5)
    save_peft("peft-patterns", model, Draw(2), alpha=2, use_rslora=True, alpha_pattern={"blocks.1.attn1.to_q": 7})
    save("lightx2v", lightx2v(weights, names, Draw(3)))
    save("kohya", kohya(weights, names, Draw(4)))
    save("whole", whole(weights, names, Draw(5)))
    a14b = open_pipeline("a14b-tiny")
    for seed, (name, part) in enumerate((("pair-high", a14b.transformer), ("pair-low", a14b.transformer_2)), start=6):
        save(name, lightx2v(part.state_dict(), names, Draw(seed)))

    tensors, cases = {}, []
    one = [("peft", 0.8), ("peft-patterns", 1.0), ("lightx2v", 1.0), ("lightx2v", -0.5), ("kohya", 1.25)]
    combinations = [("wan21-tiny", [(name, strength, "")]) for name, strength in one]
    combinations += [("wan21-tiny", [("peft", 0.5, ""), ("lightx2v", 0.75, ""), ("kohya", 0.25, "")]),
                     ("a14b-tiny", [("pair-high", 0.9, "high"), ("pair-low", 0.6, "low")])]
    for base, files in combinations:
        pipe = merged_by_diffusers(base, files)
        for expert in ("high", "low") if base == "a14b-tiny" else ("high",):
            name = f"case{len(cases)}"
            cases.append({"name": name, "base": base, "expert": expert, "files": files,
                          "max_abs": record(pipe, base, expert, tensors, name)})
    name = f"case{len(cases)}"
    cases.append({"name": name, "base": "wan21-tiny", "expert": "high", "files": [("whole", 0.7, "")],
                  "max_abs": record(merged_by_hand("wan21-tiny", "whole", 0.7, names), "wan21-tiny", "high", tensors, name)})

    plain = velocity(open_pipeline("wan21-tiny").transformer, "wan21-tiny", torch.float32)
    for case in cases[:-1]:
        if case["base"] == "wan21-tiny":
            assert (tensors[case["name"]] - plain).abs().max() > 0.1, f"{case}: the LoRA changes next to nothing"
    about = {"command": "OMP_NUM_THREADS=1 python scripts/make_golden_lora.py",
             "versions": {"python": platform.python_version()}
                         | {name: version(name) for name in ("torch", "diffusers", "peft", "safetensors")},
             "original_names": names, "cases": cases}
    rows = [f'"{key}": ' + ("[\n" + ",\n".join(json.dumps(row) for row in value) + "\n]" if key == "cases"
                            else json.dumps(value)) for key, value in about.items()]
    (FOLDER / "golden.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
    safetensors.torch.save_file(tensors, FOLDER / "golden.safetensors")
    for case in cases:
        print(case)


if __name__ == "__main__":
    main()
