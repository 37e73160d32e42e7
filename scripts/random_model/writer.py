"""Writes safetensors files of any size with random content, without holding them in memory.

One block of standard normal numbers is drawn; a tensor is that block, scaled and shifted for the tensor, repeated
from a starting point of its own. The block's length is prime, so that rows of a matrix do not repeat.
"""

import json
import struct
from functools import lru_cache
from math import prod

import numpy as np

BLOCK_LENGTH = 1048583
SAFETENSORS_DTYPE = {"fp32": ("F32", 4), "bf16": ("BF16", 2), "fp16": ("F16", 2)}
SHARD_BYTES = 5_000_000_000  # diffusers' converter saves with max_shard_size="5GB"


class RandomBytes:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.block = self.rng.standard_normal(BLOCK_LENGTH, dtype=np.float32)

    @lru_cache(maxsize=32)
    def scaled(self, mean, deviation, dtype):
        values = self.block * np.float32(deviation) + np.float32(mean)
        if dtype == "bf16":
            bits = values.view(np.uint32)
            values = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)  # round to nearest, ties to even
        elif dtype == "fp16":
            values = values.astype(np.float16)
        return memoryview(values).cast("B")

    def write(self, file, count, mean, deviation, dtype):
        """Appends `count` numbers to `file`."""
        block = self.scaled(mean, deviation, dtype)
        item = SAFETENSORS_DTYPE[dtype][1]
        start = int(self.rng.integers(BLOCK_LENGTH)) * item
        left = count * item
        while left:
            piece = block[start:start + left]
            file.write(piece)
            left -= len(piece)
            start = 0


def byte_count(shape, dtype):
    return prod(shape) * SAFETENSORS_DTYPE[dtype][1]


def split(tensors, dtype, limit):
    """Shards of at most `limit` bytes in the given order, as huggingface_hub splits a state_dict."""
    shards, size = [{}], 0
    for name, shape in tensors:
        if shards[-1] and size + byte_count(shape, dtype) > limit:
            shards.append({})
            size = 0
        shards[-1][name] = shape
        size += byte_count(shape, dtype)
    return shards


def write_file(path, tensors, dtype, random, scale_of):
    """`tensors`: name to shape. Sorted by name, header padded to 8 bytes, as the safetensors library writes."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in sorted(tensors.items()):
        end = offset + byte_count(shape, dtype)
        header[name] = {"dtype": SAFETENSORS_DTYPE[dtype][0], "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        for name, shape in sorted(tensors.items()):
            random.write(file, prod(shape), *scale_of(name, shape), dtype)


def write_component(directory, stem, tensors, dtype, random, scale_of):
    """One file, or shards with an index: `stem` is diffusion_pytorch_model or model."""
    shards = split(tensors, dtype, SHARD_BYTES)
    names = [f"{stem}.safetensors"]
    if len(shards) > 1:
        names = [f"{stem}-{i:05d}-of-{len(shards):05d}.safetensors" for i in range(1, len(shards) + 1)]
        total = sum(byte_count(shape, dtype) for shard in shards for shape in shard.values())
        weight_map = {tensor: name for name, shard in zip(names, shards) for tensor in shard}
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
        (directory / f"{stem}.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    for name, shard in zip(names, shards):
        write_file(directory / name, shard, dtype, random, scale_of)
