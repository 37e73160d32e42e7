"""Runs a saved case through the reference and returns its named tensors (tests/golden/README.md lists them)."""

import json

import diffusers
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify

from .few_step import denoise_few_steps
from .recorder import Recorder, decoder_pairs, hooks, record_text, transformer_pairs

SEED = 42
TILED_CASES = ("wan21-tiny", "wan22-tiny")  # one of each VAE generation


def open_pipeline(directory, dtype):
    return diffusers.WanPipeline.from_pretrained(directory, dtype=dtype, local_files_only=True)


def settings(case, run):
    arguments = dict(prompt=case.prompt, height=case.height, width=case.width, num_frames=run.frames,
                     num_inference_steps=run.steps, guidance_scale=case.guidance)
    if case.guidance > 1:
        arguments["negative_prompt"] = case.negative_prompt
    if case.guidance_2 is not None:
        arguments["guidance_scale_2"] = case.guidance_2
    return arguments


def record_denoising(recorder, pipe, case, run):
    """Runs the denoiser; returns the final latent [1, C, T, H, W] as it leaves it (normalised)."""
    branches = 2 if case.guidance > 1 else 1
    kept_steps = {0, 1, run.steps - 1} if run.traced else set()
    calls = {"count": 0}
    text_rows = int(recorder.tensors["text.positive.mask"].sum())

    def velocity(module, inputs, output):
        step, branch = divmod(calls["count"], branches)
        calls["count"] += 1
        if step in kept_steps:
            recorder.put_first(f"{run.name}.step{step}.velocity_{('cond', 'uncond')[branch]}", output[0])

    def latent_after(pipe, step, timestep, tensors):
        if run.traced:
            recorder.put_first(f"{run.name}.step{step}.latent", tensors["latents"])
        return tensors

    def noise(module, args, kwargs):
        if calls["count"] == 0:
            recorder.put_first(f"{run.name}.noise", kwargs["hidden_states"])

    first_call = once(transformer_pairs(recorder, pipe.transformer, text_rows)) if run.traced else []
    transformers = [t for t in (pipe.transformer, pipe.transformer_2) if t is not None]
    handles = [t.register_forward_pre_hook(noise, with_kwargs=True) for t in transformers if run.traced]
    with hooks([(t, velocity) for t in transformers] + first_call):
        arguments = settings(case, run) | dict(generator=torch.Generator("cpu").manual_seed(SEED))
        if case.dmd_timesteps:
            latent = denoise_few_steps(pipe, case, run, arguments, latent_after, recorder)
        else:
            latent = pipe(**arguments, output_type="latent", callback_on_step_end=latent_after).frames
            if run.traced:
                recorder.put(f"{run.name}.timesteps", pipe.scheduler.timesteps)
                recorder.put(f"{run.name}.sigmas", pipe.scheduler.sigmas)
    for handle in handles:
        handle.remove()
    recorder.put_first(f"{run.name}.latent", latent)
    return latent


def once(pairs):
    """The same hooks, silent from their second call on."""
    def wrap(function):
        state = {"done": False}

        def hook(module, inputs, output):
            if not state["done"]:
                state["done"] = True
                function(module, inputs, output)
        return hook
    return [(module, wrap(function)) for module, function in pairs]


def denormalise(pipe, latent):
    """As WanPipeline.__call__ does before decoding."""
    config = pipe.vae.config
    shape = (1, config.z_dim, 1, 1, 1)
    latent = latent.to(pipe.vae.dtype)
    mean = torch.tensor(config.latents_mean).view(shape).to(latent.dtype)
    inverse = 1.0 / torch.tensor(config.latents_std).view(shape).to(latent.dtype)
    return latent / inverse + mean


def record_decoding(recorder, pipe, run, latent):
    chunks = []
    with hooks([(pipe.vae.decoder, lambda module, inputs, output: chunks.append(output))]):
        latent = denormalise(pipe, latent)
        clamped = pipe.vae.decode(latent, return_dict=False)[0]
    video = torch.cat(chunks, dim=2)
    if pipe.vae.config.patch_size:
        video = unpatchify(video, pipe.vae.config.patch_size)
    assert torch.equal(video.clamp(-1, 1), clamped)
    frames = pipe.video_processor.postprocess_video(clamped.float(), output_type="pt")[0]  # [T, 3, H, W] in [0, 1]
    pixels = (frames.permute(0, 2, 3, 1) * 255).round().to(torch.uint8)                    # as numpy_to_pil rounds
    last = video.shape[2] - 1
    if run.traced:
        recorder.put_first(f"{run.name}.latent_denormalised", latent)
        recorder.put_first(f"{run.name}.last_frame_unclamped", video[:, :, last])
        recorder.put(f"{run.name}.video", pixels)
    else:
        recorder.put(f"{run.name}.last_frame", pixels[-1])
    recorder.put(f"{run.name}.frame_mean", frames.double().mean(dim=(2, 3)).float())       # [T, 3]
    return video


def record_vae(recorder, pipe):
    """A decode of its own, small enough to keep every stage: 3 chunks of a 2x1 latent."""
    generator = torch.Generator("cpu").manual_seed(SEED + 1)
    latent = torch.randn((1, pipe.vae.config.z_dim, 3, 2, 1), generator=generator).to(pipe.vae.dtype)
    recorder.put_first("vae.latent", latent)
    with hooks(decoder_pairs(recorder, pipe.vae, "vae", chunks={0, 1})):
        recorder.put_first("vae.video", pipe.vae.decode(latent, return_dict=False)[0])


TILE_LATENT, TILE_STRIDE_LATENT = 4, 3  # in latent cells


def record_tiled_vae(recorder, pipe):
    """The reference's tiled decode: two rows and two columns of tiles, the last ones cut."""
    vae, spatial = pipe.vae, pipe.vae.config.scale_factor_spatial
    generator = torch.Generator("cpu").manual_seed(SEED + 2)
    latent = torch.randn((1, vae.config.z_dim, 2, 5, 6), generator=generator).to(vae.dtype)
    recorder.put_first("vae.tiled.latent", latent)
    tile, stride = TILE_LATENT * spatial, TILE_STRIDE_LATENT * spatial
    vae.enable_tiling(tile, tile, stride, stride)
    frames = vae.decode(latent, return_dict=False)[0]  # [1, 3, T, H, W]
    vae.use_tiling = False
    recorder.put_first("vae.tiled.frames", frames[:, :, [0, -1]])


@torch.no_grad()
def record(case, directory, dtype=torch.float32):
    """All named tensors of the case, computed in `dtype`."""
    pipe = open_pipeline(directory, torch.float32 if dtype == torch.float64 else dtype)
    pipe.set_progress_bar_config(disable=True)
    if dtype == torch.float64:
        for component in (pipe.text_encoder, pipe.transformer, pipe.transformer_2, pipe.vae):
            if component is not None:
                component.double()
                for name, buffer in component.named_buffers():
                    assert buffer.dtype != torch.float32, name
    recorder = Recorder()
    record_text(recorder, pipe, case)
    for run in case.runs:
        record_decoding(recorder, pipe, run, record_denoising(recorder, pipe, case, run))
    record_vae(recorder, pipe)
    if case.name in TILED_CASES:
        record_tiled_vae(recorder, pipe)
    return recorder.tensors


def describe(case):
    """The settings a test needs to repeat the runs, as JSON values."""
    return json.loads(json.dumps(dict(
        prompt=case.prompt, negative_prompt=case.negative_prompt if case.guidance > 1 else None, seed=SEED,
        width=case.width, height=case.height, guidance=case.guidance, guidance_2=case.guidance_2,
        max_sequence_length=512, dmd_timesteps=case.dmd_timesteps,
        dmd_shift=case.dmd_shift if case.dmd_timesteps else None,
        runs=[dict(name=run.name, frames=run.frames, steps=run.steps, traced=run.traced) for run in case.runs])))
