"""Builds a case's pipeline with seeded weights and saves it the way the official repositories are laid out."""

import json
import shutil

import diffusers
import torch
import transformers

from . import tokenizer as tokenizers
from .weights import latent_statistics, randomize


def build(case, tokenizer):
    text_class = getattr(transformers, case.text_class)
    config_class = text_class.config_class
    mean, deviation = latent_statistics(case.vae["z_dim"], case.seed)
    scheduler_class, scheduler_arguments = case.scheduler
    transformer_2 = None
    if "boundary_ratio" in case.pipeline:
        transformer_2 = randomize(diffusers.WanTransformer3DModel(**case.transformer), case.seed + 3)
    return diffusers.WanPipeline(
        tokenizer=tokenizer,
        text_encoder=randomize(text_class(config_class(**case.text)), case.seed),
        transformer=randomize(diffusers.WanTransformer3DModel(**case.transformer), case.seed + 1),
        transformer_2=transformer_2,
        vae=randomize(diffusers.AutoencoderKLWan(**case.vae, latents_mean=mean, latents_std=deviation), case.seed + 2),
        scheduler=getattr(diffusers, scheduler_class)(**scheduler_arguments),
        **case.pipeline)


def save(case, directory):
    """Writes the checkpoint into `directory`, replacing what an earlier run left there."""
    shutil.rmtree(directory, ignore_errors=True)
    tokenizer = tokenizers.save(directory / "tokenizer")
    pipe = build(case, tokenizer)
    for component in (pipe.text_encoder, pipe.transformer, pipe.transformer_2, pipe.vae):
        if component is not None:
            component.to(getattr(torch, case.dtype))
    pipe.save_pretrained(directory, safe_serialization=True)
    tokenizers.save(directory / "tokenizer")  # save_pretrained rewrites the tokenizer without spiece.model
    if case.max_shard_size:
        shutil.rmtree(directory / "transformer")
        pipe.transformer.save_pretrained(directory / "transformer", max_shard_size=case.max_shard_size)
    if case.pipeline_class != "WanPipeline":
        rename_pipeline(directory / "model_index.json", case.pipeline_class)


def rename_pipeline(path, class_name):
    index = json.loads(path.read_text())
    path.write_text(json.dumps({**index, "_class_name": class_name}, indent=2) + "\n")
