#!/usr/bin/env python3
"""Makes tests/golden/schedules from diffusers: schedules, solver trajectories, noise, and who denoises when.

    OMP_NUM_THREADS=1 python scripts/make_golden_schedules.py

Needs torch, diffusers, transformers and safetensors; the versions go into golden.json. What it leaves:

- golden.json         every case: the scheduler's own config file, the arguments, the names of its tensors
- schedules.safetensors     sigmas and timesteps; a case of several step counts holds them one after another
- trajectories.safetensors  the latent after every step, in float32 and in float64, and the noise they begin with
- noise.safetensors         torch.randn for several seeds and shapes, without and with AVX2 (they differ by an ulp)

The model in the trajectories is velocity(), a few smooth elementwise functions that the tests repeat in C++.
"""

import contextlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

os.environ["OMP_NUM_THREADS"] = "1"

import diffusers
import numpy as np
import torch
import transformers
from diffusers import (DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler, FlowMatchLCMScheduler,
                       UniPCMultistepScheduler, WanPipeline)
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parent.parent / "tests/golden/schedules"
FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
LATENT = [1, 2, 2, 4, 4]
SEED = 7
STEPS = [1, 2, 3, 4, 8, 20, 30]
SHIFTS = [1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0]


def unipc(shift, **options):
    return UniPCMultistepScheduler(**FLOW, flow_shift=shift, **options)


def dpmpp(shift, **options):
    return DPMSolverMultistepScheduler(**FLOW, flow_shift=shift, **options)


def euler(shift, **options):
    return FlowMatchEulerDiscreteScheduler(shift=shift, **options)


def lcm(shift, **options):
    return FlowMatchLCMScheduler(shift=shift, **options)


def config_of(scheduler):
    """scheduler_config.json, but for DPM-Solver's "lambda_min_clipped": -Infinity, which is no JSON."""
    return json.loads(scheduler.to_json_string(), parse_constant=lambda _: None)


# --- schedules ------------------------------------------------------------------------------------------------------

def schedule_cases(tensors):
    """Step counts 1 to 50 for every scheduler and shift, and the corners: 1000 steps, other ends, other lengths."""
    everyday = [(make(shift), list(range(1, 51))) for make in (unipc, dpmpp, euler) for shift in SHIFTS]
    everyday += [(lcm(shift), list(range(1, 51))) for shift in (5.0, 8.0)]
    corners = [(make(1.7), [7, 49, 999, 1000]) for make in (unipc, dpmpp, euler)]
    corners += [(make(3.0, num_train_timesteps=250), [1, 9, 250]) for make in (unipc, dpmpp, euler)]
    corners += [(make(5.0, shift_terminal=0.1), [2, 9, 40]) for make in (unipc, euler)]
    corners += [(unipc(3.0, final_sigmas_type="sigma_min"), [1, 8, 40])]
    cases = []
    for scheduler, counts in everyday + corners:
        name = f"schedule.{len(cases)}"
        sigmas, timesteps = [], []
        for count in counts:
            scheduler.set_timesteps(count)
            sigmas.append(scheduler.sigmas)
            timesteps.append(scheduler.timesteps.to(torch.float32))
        tensors[f"{name}.sigmas"] = torch.cat(sigmas)
        tensors[f"{name}.timesteps"] = torch.cat(timesteps)
        cases.append({"name": name, "config": config_of(scheduler), "steps": counts})
    return cases


def step_list_cases(tensors):
    """Lists of timesteps for few-step checkpoints: "dmd" reads them as FastVideo does, the others as LightX2V."""
    cases = []
    for solver, make, steps, shift in (
            ("euler", euler, [1000, 750, 500, 250], 5.0), ("lcm", lcm, [1000, 750, 500, 250], 5.0),
            ("lcm", lcm, [1000, 500], 8.0), ("dmd", lcm, [1000, 757, 522], 8.0),
            ("dmd", lcm, [1000, 757, 522], 5.0), ("dmd", lcm, [999, 1], 3.0)):
        name = f"list.{len(cases)}"
        scheduler = make(shift)
        config = config_of(scheduler)
        if solver != "dmd":
            scheduler.set_timesteps(sigmas=[step / 1000 for step in steps])
            sigmas, timesteps = scheduler.sigmas, scheduler.timesteps
        else:  # looked up in the training grid that the constructor leaves
            nearest = torch.stack([(scheduler.timesteps - step).abs().argmin() for step in steps])
            sigmas = torch.cat([scheduler.sigmas[nearest], torch.zeros(1)])
            timesteps = torch.tensor(steps, dtype=torch.float32)
        tensors[f"{name}.sigmas"], tensors[f"{name}.timesteps"] = sigmas.clone(), timesteps.clone()
        cases.append({"name": name, "config": config, "solver": solver, "list": steps})
    return cases


# --- trajectories ---------------------------------------------------------------------------------------------------

def velocity(latent, timestep, wave):
    """What the tests use for a model. `wave` stands for the text and for the expert's weights."""
    return torch.tanh(latent * 1.5) * (0.5 + timestep / 1000) + torch.cos(latent * 3.0) * wave


class DoubleTorch:
    """torch, with float32 meaning float64: the schedulers widen samples to float32 before a step."""

    float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


@contextlib.contextmanager
def in_double(scheduler):
    module = sys.modules[type(scheduler).__module__]
    saved = dict(vars(module))
    module.torch = DoubleTorch()
    module.randn_tensor = lambda shape, generator, device, dtype: torch.randn(shape, generator=generator).double()
    scheduler.sigmas = scheduler.sigmas.double()
    try:
        yield
    finally:
        vars(module).update(saved)


def trajectory(scheduler, model, dtype):
    """The latents after every step of a scheduler whose timesteps are set, from the noise of SEED."""
    generator = torch.Generator("cpu").manual_seed(SEED)
    latent = torch.randn(LATENT, generator=generator).to(dtype)
    scheduler.set_begin_index(0)
    draws = {"generator": generator} if isinstance(scheduler, FlowMatchLCMScheduler) else {}
    latents = []
    with in_double(scheduler) if dtype == torch.float64 else contextlib.nullcontext():
        for timestep in scheduler.timesteps:
            latent = scheduler.step(model(latent, timestep), timestep, latent, **draws, return_dict=False)[0]
            assert latent.dtype == dtype and latent.isfinite().all()
            latents.append(latent.flatten())
    return torch.stack(latents)


def both_widths(make, count, model, tensors, name):
    for dtype in (torch.float32, torch.float64):
        scheduler = make()
        scheduler.set_timesteps(count)
        tensors[f"{name}.{str(dtype).removeprefix('torch.')}"] = trajectory(scheduler, model, dtype)


def trajectory_cases(tensors):
    tensors["noise"] = torch.randn(LATENT, generator=torch.Generator("cpu").manual_seed(SEED))[0]
    choices = [(unipc, 5.0, {"solver_order": order}, STEPS) for order in (1, 2, 3)]
    choices += [(unipc, 12.0, {}, [40]), (unipc, 1.0, {}, [8])]
    choices += [(unipc, 3.0, {"disable_corrector": [0, 2]}, [8])]
    choices += [(unipc, 3.0, {"shift_terminal": 0.1}, [8])]
    choices += [(unipc, 3.0, {"solver_order": 1, "lower_order_final": False}, [8])]
    choices += [(unipc, 3.0, {"lower_order_final": False, "final_sigmas_type": "sigma_min"}, [8, 20])]
    choices += [(unipc, 3.0, {"solver_order": order, "solver_type": kind, "final_sigmas_type": "sigma_min"}, [4, 20])
                for kind in ("bh1", "bh2") for order in (1, 2, 3)]
    choices += [(dpmpp, 5.0, {"solver_order": order}, STEPS) for order in (1, 2)]
    choices += [(dpmpp, 5.0, {"lower_order_final": False}, [4, 20])]
    choices += [(euler, 2.0, {}, STEPS), (euler, 5.0, {"shift_terminal": 0.1}, [8])]
    choices += [(lcm, 8.0, {}, [1, 2, 4])]
    cases = []
    for make, shift, options, counts in choices:
        for count in counts:
            name = f"trajectory.{len(cases)}"
            scheduler = lambda: make(shift, **options)
            model = lambda latent, timestep: velocity(latent, float(timestep), 0.25)
            both_widths(scheduler, count, model, tensors, name)
            cases.append({"name": name, "config": config_of(scheduler()), "steps": count})
    return cases


# --- the pipeline's loop: experts and guidance ----------------------------------------------------------------------

WAVES = {("high", "prompt"): 0.25, ("high", "negative"): -0.1, ("low", "prompt"): 0.4, ("low", "negative"): 0.15}


class FakeTransformer(torch.nn.Module):
    """Answers with velocity() and writes down every call; the text is told apart by its one number."""

    def __init__(self, expert, calls):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.config = SimpleNamespace(in_channels=LATENT[1], patch_size=[1, 1, 1])
        self.dtype, self.device = torch.float32, torch.device("cpu")
        self.expert, self.calls = expert, calls

    def cache_context(self, name, **_):
        return contextlib.nullcontext()

    def forward(self, hidden_states, timestep, encoder_hidden_states, **_):
        text = "prompt" if encoder_hidden_states.flatten()[0] > 0 else "negative"
        self.calls.append((self.expert, text))
        return (velocity(hidden_states, float(timestep[0]), WAVES[self.expert, text]),)


def run_pipeline(scheduler, count, boundary, guidance, guidance_2):
    calls = []
    pipe = WanPipeline(tokenizer=None, text_encoder=None, vae=None, scheduler=scheduler,
                       transformer=FakeTransformer("high", calls), transformer_2=FakeTransformer("low", calls),
                       boundary_ratio=boundary)
    pipe.set_progress_bar_config(disable=True)
    text = torch.ones(1, 1, 1)
    latents = pipe(prompt_embeds=text, negative_prompt_embeds=-text, height=LATENT[3] * 8, width=LATENT[4] * 8,
                   num_frames=(LATENT[2] - 1) * 4 + 1, num_inference_steps=count, guidance_scale=guidance,
                   guidance_scale_2=guidance_2, generator=torch.Generator("cpu").manual_seed(SEED),
                   output_type="latent", return_dict=False)[0]
    return latents, calls


def guided_model(boundary, guidance, guidance_2):
    """The pipeline's velocity for trajectory(), which can also run in float64."""
    def model(latent, timestep):
        is_high = boundary is None or timestep >= boundary * 1000
        expert = "high" if is_high else "low"
        cond = velocity(latent, float(timestep), WAVES[expert, "prompt"])
        if guidance <= 1:
            return cond
        uncond = velocity(latent, float(timestep), WAVES[expert, "negative"])
        return uncond + (guidance if is_high else guidance_2) * (cond - uncond)
    return model


def pipeline_cases(tensors):
    cases = []
    for make, shift, count, boundary, guidance, guidance_2 in (
            (unipc, 12.0, 40, 0.875, 4.0, 3.0), (unipc, 5.0, 40, 0.9, 3.5, 3.5), (unipc, 3.0, 8, None, 5.0, None),
            (euler, 12.0, 20, 0.875, 4.0, 3.0), (euler, 1.0, 4, 0.75, 2.0, 5.0), (dpmpp, 8.0, 10, 0.9, 4.0, 3.0),
            (unipc, 5.0, 8, 0.9, 1.0, 4.0), (unipc, 5.0, 8, 0.9, 4.0, 0.5), (euler, 2.0, 6, None, 0.0, None)):
        name = f"pipeline.{len(cases)}"
        scheduler = lambda: make(shift)
        latents, calls = run_pipeline(scheduler(), count, boundary, guidance, guidance_2)
        model = guided_model(boundary, guidance, guidance if guidance_2 is None else guidance_2)
        both_widths(scheduler, count, model, tensors, name)
        assert torch.equal(latents.flatten(), tensors[f"{name}.float32"][-1]), "guided_model() is not the pipeline"
        cases.append({"name": name, "config": config_of(scheduler()), "steps": count, "boundary_ratio": boundary,
                      "guidance": guidance, "guidance_2": guidance_2, "calls": [" ".join(call) for call in calls]})
    return cases


# --- noise ----------------------------------------------------------------------------------------------------------

SEEDS = [0, 42, 2**32 + 1, 2**63 - 1, 2**64 - 1]
SHAPES = [[1, 1, 2, 3], [15], [16], [17], [4, 2, 4, 3], [16, 2, 4, 6]]


def noise_case(seed, shape):
    """Two draws from one generator: the initial latent, then what a solver takes."""
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.stack([torch.randn([1, *shape], generator=generator).flatten() for _ in range(2)])


def print_noise():
    """The body of the child processes that noise_cases() starts: one per set of CPU instructions."""
    values = {f"{torch.backends.cpu.get_cpu_capability()}.{s}.{i}": noise_case(seed, shape).tolist()
              for s, seed in enumerate(SEEDS) for i, shape in enumerate(SHAPES)}
    print(json.dumps(values))


def noise_cases(tensors):
    for capability in ("default", "avx2"):
        child = subprocess.run([sys.executable, __file__, "--print-noise"], check=True, capture_output=True, text=True,
                               env={**os.environ, "ATEN_CPU_CAPABILITY": capability})
        for name, values in json.loads(child.stdout).items():
            tensors[f"noise.{name}"] = torch.tensor(values)
    cases = [{"name": f"{s}.{i}", "seed": seed, "shape": shape}
             for s, seed in enumerate(SEEDS) for i, shape in enumerate(SHAPES)]
    for case in cases:  # AVX-512 gives AVX2's numbers
        if torch.backends.cpu.get_cpu_capability() != "DEFAULT":
            assert torch.equal(tensors[f"noise.AVX2.{case['name']}"], noise_case(case["seed"], case["shape"]))
    return cases


def main():
    if sys.argv[1:] == ["--print-noise"]:
        return print_noise()
    FOLDER.mkdir(parents=True, exist_ok=True)
    schedules, trajectories, noise = {}, {}, {}
    golden = {
        "command": "OMP_NUM_THREADS=1 python scripts/make_golden_schedules.py",
        "versions": {"torch": torch.__version__, "diffusers": diffusers.__version__, "numpy": np.__version__,
                     "transformers": transformers.__version__, "python": platform.python_version()},
        "latent": LATENT[1:],
        "seed": SEED,
        "waves": {" ".join(who): wave for who, wave in WAVES.items()},
        "schedules": schedule_cases(schedules),
        "lists": step_list_cases(schedules),
        "trajectories": trajectory_cases(trajectories),
        "pipelines": pipeline_cases(trajectories),
        "noise": noise_cases(noise),
    }
    rows = [f'"{key}": ' + ("[\n" + ",\n".join(json.dumps(row) for row in value) + "\n]"
                            if isinstance(value, list) and isinstance(value[0], dict) else json.dumps(value))
            for key, value in golden.items()]
    (FOLDER / "golden.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
    save_file(schedules, FOLDER / "schedules.safetensors")
    save_file(trajectories, FOLDER / "trajectories.safetensors")
    save_file(noise, FOLDER / "noise.safetensors")
    for file in sorted(FOLDER.iterdir()):
        print(f"{file.stat().st_size:8d} {file.name}")


if __name__ == "__main__":
    main()
