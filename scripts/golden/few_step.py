"""The sampler of distilled (DMD) checkpoints, which diffusers does not have.

As FastVideo runs FastWan (fastvideo/pipelines/stages/denoising.py, DmdDenoisingStage): at each of a fixed list of
timesteps the network predicts the velocity v, x0 = x - sigma * v (computed in float64), and x is x0 noised again to
the next timestep's sigma; the last x0 is the film. Sigmas come from the 1000-entry table of a flow-match Euler
schedule with the pipeline's shift, at the entry nearest to the timestep; the directory's own scheduler (UniPC) is not
used. The new noise continues the generator of the initial noise, and is drawn in the order [T, C, H, W], although
the initial noise is drawn as [C, T, H, W].
"""

import diffusers
import torch


def denoise_few_steps(pipe, case, run, arguments, latent_after, recorder):
    generator = arguments["generator"]
    table = diffusers.FlowMatchEulerDiscreteScheduler(shift=case.dmd_shift)
    sigma_at = lambda timestep: table.sigmas[(table.timesteps - timestep).abs().argmin()].double()
    timesteps = torch.tensor(case.dmd_timesteps, dtype=torch.int64)
    sigmas = torch.stack([sigma_at(t) for t in timesteps])
    if run.traced:
        recorder.put(f"{run.name}.timesteps", timesteps)
        recorder.put(f"{run.name}.sigmas", sigmas.to(torch.float32))

    embeds, _ = pipe.encode_prompt(case.prompt, do_classifier_free_guidance=False, max_sequence_length=512)
    dtype = pipe.transformer.dtype
    x = pipe.prepare_latents(1, pipe.transformer.config.in_channels, case.height, case.width, run.frames,
                             torch.float32, torch.device("cpu"), generator)
    for step, timestep in enumerate(timesteps):
        velocity = pipe.transformer(hidden_states=x.to(dtype), timestep=timestep.expand(1),
                                    encoder_hidden_states=embeds.to(dtype), return_dict=False)[0]
        x0 = (x.double() - sigmas[step] * velocity.double()).to(x.dtype)
        if step + 1 < len(timesteps):
            b, c, t, h, w = x.shape
            noise = torch.randn((b, t, c, h, w), generator=generator).permute(0, 2, 1, 3, 4)
            sigma = sigmas[step + 1].to(x.dtype)
            if run.traced:
                recorder.put_first(f"{run.name}.step{step}.renoise", noise)
            x = (1 - sigma) * x0 + sigma * noise
        else:
            x = x0
        latent_after(pipe, step, timestep, {"latents": x})
    return x
