#!/usr/bin/env python3
"""The Python side of scripts/bench: times the reference (diffusers) and prints one JSON line per measurement.

    python scripts/bench_reference.py process --model DIR --prompt TEXT -o film.npy   # what a user's script does
    python scripts/bench_reference.py denoise --dtype fp32 --threads 2                # one guided step, Wan-1.3B width
    python scripts/bench_reference.py decode --frames 9 --dtype bf16 --threads 2      # Wan 2.1 decoder, 256x256
    python scripts/bench_reference.py film --model DIR --prompt TEXT -o film.y4m --latents latent.npy

`process` imports inside the measurement, so its `seconds` is nearly the whole process; the caller's clock around it
also sees the interpreter's start and exit. Sizes, frames, steps and guidance left out come from the directory's
soragen.json. Frames are rounded to 8 bits as numpy_to_pil does.
"""

import time

START = time.perf_counter()

import argparse
import json
import os
import resource
import sys
from pathlib import Path

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def report(measurement, **fields):
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"measurement": measurement, **fields, "peak_rss_mib": round(peak_mib, 1)}), flush=True)


def quiet(threads):
    """Imports torch and diffusers, without their progress bars; returns both."""
    import diffusers
    import torch
    import transformers

    if threads:
        torch.set_num_threads(threads)
    for library in (diffusers.utils.logging, transformers.logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
    return torch, diffusers


def time_calls(function, repeats, torch, device):
    """Seconds of each of `repeats` calls after one that is not counted; 0: of one cold call."""
    def call():
        function()
        if device == "cuda":  # it computes on after a call has returned
            torch.cuda.synchronize()

    if repeats:
        call()
    seconds = []
    for _ in range(max(1, repeats)):
        start = time.perf_counter()
        call()
        seconds.append(round(time.perf_counter() - start, 5))
    return seconds


def card_memory(torch, device):
    return {"peak_card_mib": round(torch.cuda.max_memory_allocated() / 2**20, 1)} if device == "cuda" else {}


# --- one stage at a time, with random weights of the official sizes -------------------------------------------------

def denoise(width=256, height=256, frames=17, layers=4, dtype="fp32", threads=0, repeats=3, device="cpu",
            compiled=False):
    """Two transformer calls (with and without the prompt) and the guidance sum, Wan 2.1 1.3B width, fewer layers."""
    torch, diffusers = quiet(threads)
    torch.manual_seed(0)
    precision = getattr(torch, DTYPES[dtype])
    model = diffusers.WanTransformer3DModel(
        num_attention_heads=12, attention_head_dim=128, in_channels=16, out_channels=16, text_dim=4096, freq_dim=256,
        ffn_dim=8960, num_layers=layers).eval().to(device, precision)
    like = {"dtype": precision, "device": device}
    latent = torch.randn(1, 16, (frames - 1) // 4 + 1, height // 8, width // 8, **like)
    texts = [torch.randn(1, 512, 4096, **like) for _ in range(2)]
    timestep = torch.tensor([500], device=device)
    if compiled:
        model.compile_repeated_blocks()

    @torch.no_grad()
    def step():
        cond, uncond = (model(hidden_states=latent, timestep=timestep, encoder_hidden_states=text,
                              return_dict=False)[0] for text in texts)
        return uncond + 5.0 * (cond - uncond)

    seconds = time_calls(step, repeats, torch, device)
    report("denoise", width=width, height=height, frames=frames, layers=layers, dtype=dtype, device=device,
           compiled=compiled, threads=torch.get_num_threads(), seconds=min(seconds), all_seconds=seconds,
           **card_memory(torch, device))


def decode(width=256, height=256, frames=9, dtype="fp32", threads=0, repeats=3, device="cpu", compiled=False):
    """AutoencoderKLWan.decode with its default (Wan 2.1) sizes."""
    torch, diffusers = quiet(threads)
    torch.manual_seed(0)
    precision = getattr(torch, DTYPES[dtype])
    vae = diffusers.AutoencoderKLWan().eval().to(device, precision)
    latent = torch.randn(1, 16, (frames - 1) // 4 + 1, height // 8, width // 8, dtype=precision, device=device)
    if compiled:
        vae.decoder.compile()
    with torch.no_grad():
        seconds = time_calls(lambda: vae.decode(latent, return_dict=False)[0], repeats, torch, device)
    report("decode", width=width, height=height, frames=frames, dtype=dtype, device=device, compiled=compiled,
           threads=torch.get_num_threads(), seconds=min(seconds), all_seconds=seconds, **card_memory(torch, device))


# --- a whole film ---------------------------------------------------------------------------------------------------

def defaults_of(model):
    path = Path(model) / "soragen.json"
    return json.loads(path.read_text())["defaults"] if path.exists() else {}


def settings(arguments):
    """Arguments of WanPipeline.__call__ and the frame rate: flags first, then the directory's soragen.json."""
    stated = defaults_of(arguments.model) | {key: value for key, value in vars(arguments).items() if value is not None}
    missing = [key for key in ("size", "frames", "steps", "guidance") if key not in stated]
    if missing:
        sys.exit(f"bench_reference: {arguments.model} has no default for {', '.join(missing)}; give --{missing[0]}")
    width, height = map(int, stated["size"].split("x"))
    call = dict(prompt=stated["prompt"], negative_prompt=stated.get("negative_prompt", ""), width=width, height=height,
                num_frames=stated["frames"], num_inference_steps=stated["steps"], guidance_scale=stated["guidance"])
    if stated.get("guidance_2") is not None:
        call["guidance_scale_2"] = stated["guidance_2"]
    return call, stated.get("fps", 16)


def save_frames(path, frames, fps):
    """`frames`: float [T, H, W, 3] in [0, 1]. `.npy` holds them as uint8, to compare; `.y4m` (4:4:4, BT.709, limited
    range) is for looking at, since YCbCr of 8 bits does not give every RGB value back."""
    import numpy as np

    pixels = (frames * 255).round().astype(np.uint8)
    if path.suffix == ".npy":
        np.save(path, pixels)
        return
    rate = f"{fps}:1" if isinstance(fps, int) else str(fps).replace("/", ":")
    kr, kb = 0.2126, 0.0722
    luma = np.array([kr, 1 - kr - kb, kb])
    chroma = [(np.eye(3)[channel] - luma) / (2 - 2 * weight) for channel, weight in ((2, kb), (0, kr))]
    to_ycbcr = np.stack([219 * luma, 224 * chroma[0], 224 * chroma[1]]) / 255
    with path.open("wb") as out:
        out.write(f"YUV4MPEG2 W{pixels.shape[2]} H{pixels.shape[1]} F{rate} Ip A1:1 C444\n".encode())
        for frame in pixels:
            planes = (frame @ to_ycbcr.T + [16, 128, 128]).round().astype(np.uint8)
            out.write(b"FRAME\n" + planes.transpose(2, 0, 1).tobytes())


def generate(arguments, measurement):
    torch, diffusers = quiet(arguments.threads)
    call, fps = settings(arguments)
    dtype = {"dtype": getattr(torch, DTYPES[arguments.dtype])} if arguments.dtype else {}
    pipe = diffusers.WanPipeline.from_pretrained(arguments.model, local_files_only=True, **dtype)
    pipe.set_progress_bar_config(disable=True)
    loaded = time.perf_counter()
    kept = {}

    def keep(pipe, step, timestep, tensors):
        kept.update(tensors)
        return tensors

    generator = torch.Generator("cpu").manual_seed(arguments.seed)
    frames = pipe(**call, generator=generator, callback_on_step_end=keep).frames[0]
    if arguments.output:
        save_frames(arguments.output, frames, fps)
    if getattr(arguments, "latents", None):
        import numpy as np
        np.save(arguments.latents, kept["latents"][0].float().numpy())  # [C, T, H, W], normalised
    sizes = {key: value for key, value in call.items() if "prompt" not in key}
    report(measurement, model=str(arguments.model), **sizes,
           dtype=arguments.dtype or "as loaded", threads=torch.get_num_threads(), load_seconds=round(loaded - START, 3),
           seconds=round(time.perf_counter() - START, 3))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in (("denoise", denoise), ("decode", decode)):
        command = commands.add_parser(name, help=function.__doc__)
        command.set_defaults(function=function)
        command.add_argument("--width", type=int, default=256)
        command.add_argument("--height", type=int, default=256)
        command.add_argument("--frames", type=int, default=17 if name == "denoise" else 9)
        command.add_argument("--dtype", choices=DTYPES, default="fp32")
        command.add_argument("--threads", type=int, default=0, help="0: as many as torch takes")
        command.add_argument("--repeats", type=int, default=3)
        command.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
        command.add_argument("--compiled", action="store_true", help="by torch.compile")
    commands.choices["denoise"].add_argument("--layers", type=int, default=4)
    for name in ("process", "film"):
        command = commands.add_parser(name, help="a film from a checkpoint directory")
        command.add_argument("--model", type=Path, required=True)
        command.add_argument("--prompt", required=True)
        command.add_argument("--negative-prompt")
        command.add_argument("--size", metavar="WxH")
        command.add_argument("--frames", type=int)
        command.add_argument("--steps", type=int)
        command.add_argument("--guidance", type=float)
        command.add_argument("--guidance-2", type=float)
        command.add_argument("--seed", type=int, default=42)
        command.add_argument("--dtype", choices=DTYPES, help="default: what from_pretrained does")
        command.add_argument("--threads", type=int, default=0, help="0: as many as torch takes")
        command.add_argument("-o", "--output", type=Path, help=".npy (uint8 RGB) or .y4m")
    commands.choices["film"].add_argument("--latents", type=Path, help="final latent as .npy")
    return parser.parse_args()


def main():
    arguments = parse()
    os.environ["HF_HUB_OFFLINE"] = "1"
    if arguments.command in ("process", "film"):
        generate(arguments, arguments.command)
    else:
        options = vars(arguments)
        options.pop("command")
        options.pop("function")(**options)


if __name__ == "__main__":
    main()
