"""Runs the reference classes in float64, to learn how large the rounding error of their float32 run is.

The classes upcast to float32 in many places (norms, modulation, schedulers). Inside `float64_world()` those upcasts
go to float64 instead. Two things stay float32 on purpose, because they define the numbers rather than approximate
them: the sinusoidal timestep embedding and T5's logarithmic position buckets. The schedulers' sigmas stay
float32 tables for the same reason.
"""

import contextlib
from unittest import mock

import diffusers
import torch
from diffusers.models.embeddings import Timesteps
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.models.umt5.modeling_umt5 import UMT5Attention

TENSOR_FLOAT, TENSOR_TO = torch.Tensor.float, torch.Tensor.to


def to_double(self, *args, **kwargs):
    swap = lambda value: torch.float64 if value is torch.float32 else value
    return TENSOR_TO(self, *map(swap, args), **{key: swap(value) for key, value in kwargs.items()})


def in_float32(function):
    """`function` with the usual upcasts, its result in float64 if it is a floating-point one."""
    def run(*args, **kwargs):
        with mock.patch.object(torch.Tensor, "float", TENSOR_FLOAT), mock.patch.object(torch.Tensor, "to", TENSOR_TO):
            result = function(*args, **kwargs)
        return result.double() if result.is_floating_point() else result
    return run


def bucket_in_float32(attention_class):
    original = attention_class._relative_position_bucket
    if isinstance(attention_class.__dict__["_relative_position_bucket"], staticmethod):
        return mock.patch.object(attention_class, "_relative_position_bucket", staticmethod(in_float32(original)))
    return mock.patch.object(attention_class, "_relative_position_bucket",
                             lambda self, *args, **kwargs: in_float32(original)(self, *args, **kwargs))


@contextlib.contextmanager
def float64_world():
    prepare_latents = diffusers.WanPipeline.prepare_latents
    timesteps_forward = Timesteps.forward
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(torch.Tensor, "float", torch.Tensor.double))
        stack.enter_context(mock.patch.object(torch.Tensor, "to", to_double))
        stack.enter_context(mock.patch.object(
            Timesteps, "forward", lambda self, timesteps: in_float32(timesteps_forward)(self, timesteps)))
        stack.enter_context(mock.patch.object(
            diffusers.WanPipeline, "prepare_latents", lambda *a, **k: prepare_latents(*a, **k).double()))
        for attention_class in (T5Attention, UMT5Attention):
            stack.enter_context(bucket_in_float32(attention_class))
        yield
