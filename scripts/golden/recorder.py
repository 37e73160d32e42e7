"""Named tensors of one reference run, collected by forward hooks. The batch axis (always 1) is dropped."""

import contextlib

import torch


class Recorder:
    def __init__(self):
        self.tensors = {}

    def put(self, name, tensor):
        assert name not in self.tensors, f"{name} recorded twice"
        self.tensors[name] = tensor.detach().clone()

    def put_first(self, name, tensor):
        """For tensors with a batch axis of one."""
        assert tensor.shape[0] == 1, f"{name}: batch of {tensor.shape[0]}"
        self.put(name, tensor[0])


def first(output):
    return output[0] if isinstance(output, (tuple, list)) else output


@contextlib.contextmanager
def hooks(pairs):
    """`pairs`: (module, function(module, inputs, output)); removed on the way out."""
    handles = [module.register_forward_hook(function) for module, function in pairs]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def record_text(recorder, pipe, case):
    """text.{positive,negative}.{ids,mask,embedding,block<i>,embeds}: ids and mask padded to 512, rows real only."""
    prompts = {"positive": case.prompt}
    if case.guidance > 1:
        prompts["negative"] = case.negative_prompt
    encoder = pipe.text_encoder.encoder
    for kind, prompt in prompts.items():
        rows = {}

        def keep(name):
            return lambda module, inputs, output: rows.__setitem__(name, first(output))

        def ids(module, inputs, output):
            rows["ids"], rows["mask"] = inputs[0], inputs[1]

        pairs = [(pipe.text_encoder, ids), (encoder.embed_tokens, keep("embedding")),
                 (encoder.final_layer_norm, keep("embeds"))]
        pairs += [(block, keep(f"block{i}")) for i, block in enumerate(encoder.block)]
        with hooks(pairs):
            pipe.encode_prompt(prompt, do_classifier_free_guidance=False, max_sequence_length=512)
        real = int(rows["mask"].sum())
        recorder.put_first(f"text.{kind}.ids", rows.pop("ids").to(torch.int32))
        recorder.put_first(f"text.{kind}.mask", rows.pop("mask").to(torch.uint8))
        for name, tensor in rows.items():
            recorder.put_first(f"text.{kind}.{name}", tensor[:, :real])


def transformer_pairs(recorder, transformer, text_rows):
    """Hooks for the intermediates of one transformer call, under `dit.`."""
    def keep(name, transform=lambda tensor: tensor):
        return lambda module, inputs, output: recorder.put_first(f"dit.{name}", transform(first(output)))

    def rope(module, inputs, output):
        recorder.put("dit.rope_cos", output[0][0, :, 0])  # [L, head_dim]
        recorder.put("dit.rope_sin", output[1][0, :, 0])

    def condition(module, inputs, output):
        recorder.put_first("dit.temb", output[0])
        recorder.put_first("dit.timestep_proj", output[1].unflatten(-1, (6, -1)))
        # All padding rows are the same: one of them follows the real ones.
        recorder.put_first("dit.text_projection", output[2][:, :text_rows + 1])

    tokens = lambda grid: grid.flatten(2).transpose(1, 2)
    block = transformer.blocks[0]
    last = len(transformer.blocks) - 1
    pairs = [(transformer.rope, rope), (transformer.patch_embedding, keep("patch_embedding", tokens)),
             (transformer.condition_embedder, condition), (transformer.norm_out, keep("norm_out")),
             (transformer.proj_out, keep("proj_out")), (block.norm1, keep("block0.norm1")),
             (block.attn1.norm_q, keep("block0.attn1.norm_q")), (block.attn1, keep("block0.attn1")),
             (block.attn2, keep("block0.attn2")), (block.ffn, keep("block0.ffn")), (block, keep("block0"))]
    if last > 0:
        pairs.append((transformer.blocks[last], keep(f"block{last}")))
    return pairs


def decoder_pairs(recorder, vae, prefix, chunks):
    """Hooks for a decode under `prefix`: post_quant_conv, and per chunk in `chunks` every stage of the decoder."""
    count = {"chunk": 0}

    def keep(name):
        def hook(module, inputs, output):
            if count["chunk"] in chunks:
                recorder.put_first(f"{prefix}.chunk{count['chunk']}.{name}", output)
        return hook

    def advance(module, inputs, output):
        count["chunk"] += 1

    decoder = vae.decoder
    pairs = [(vae.post_quant_conv, lambda m, i, output: recorder.put_first(f"{prefix}.post_quant_conv", output)),
             (decoder.conv_in, keep("conv_in")), (decoder.mid_block, keep("mid_block"))]
    pairs += [(block, keep(f"up_block{i}")) for i, block in enumerate(decoder.up_blocks)]
    pairs += [(decoder.conv_out, keep("conv_out")), (decoder, advance)]
    return pairs
