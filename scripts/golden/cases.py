"""The golden cases: one tiny pipeline each, with the runs that are recorded from it.

Sizes are chosen to be small, to differ from one another (channels, heads, head sizes, number of upsamplings) and to
be neither square nor multiples of 16 where the architecture allows it, so that a swapped axis cannot pass.
"""

from dataclasses import dataclass, field

PROMPT = "a red ball bounces over the blue sea at night"
NEGATIVE = "blurry, low quality, still picture"


@dataclass(frozen=True)
class Run:
    """One film. A traced run keeps its noise, every latent, velocities, intermediates and the whole video."""
    frames: int
    steps: int
    traced: bool = False

    @property
    def name(self):
        return f"f{self.frames}s{self.steps}"


@dataclass(frozen=True)
class Case:
    """A checkpoint directory (constructor arguments of the reference classes) and how it is run."""
    name: str
    seed: int
    dtype: str                                   # of the weights on disk
    width: int
    height: int
    guidance: float
    text: dict
    transformer: dict
    vae: dict
    scheduler: tuple                             # (class name, arguments)
    runs: tuple
    prompt: str = PROMPT
    negative_prompt: str = NEGATIVE
    text_class: str = "UMT5EncoderModel"
    pipeline: dict = field(default_factory=dict)  # boundary_ratio, expand_timesteps
    guidance_2: float | None = None
    dmd_timesteps: tuple | None = None           # few-step: x0 and re-noise at these timesteps
    dmd_shift: float = 8.0
    max_shard_size: str | None = None            # of the transformer
    pipeline_class: str = "WanPipeline"


RUNS = (Run(5, 8, traced=True), Run(1, 2), Run(9, 30), Run(17, 2))


def text_config(**changes):
    # 416 rows for 400 pieces: the official embedding (256384 rows, 256000 pieces) is longer than its vocabulary too.
    return dict(vocab_size=416, d_model=32, d_kv=8, d_ff=48, num_heads=3, num_layers=2, num_decoder_layers=2,
                feed_forward_proj="gated-gelu", relative_attention_num_buckets=32,
                relative_attention_max_distance=128, dropout_rate=0.1) | changes


def transformer_config(heads, head_dim, channels, **changes):
    return dict(num_attention_heads=heads, attention_head_dim=head_dim, in_channels=channels, out_channels=channels,
                patch_size=(1, 2, 2), text_dim=32, freq_dim=64, ffn_dim=56, num_layers=2, cross_attn_norm=True,
                qk_norm="rms_norm_across_heads", eps=1e-6, rope_max_seq_len=64) | changes


def classic_vae(z_dim, base_dim=4, dim_mult=(1, 1, 2, 2), temporal=(False, True, True), **changes):
    return dict(base_dim=base_dim, z_dim=z_dim, dim_mult=list(dim_mult), num_res_blocks=1, attn_scales=[],
                temperal_downsample=list(temporal), dropout=0.0, scale_factor_temporal=4,
                scale_factor_spatial=2 ** len(temporal)) | changes


def residual_vae(z_dim, **changes):
    return dict(base_dim=4, decoder_base_dim=6, z_dim=z_dim, dim_mult=[1, 1, 2, 2], num_res_blocks=1, attn_scales=[],
                temperal_downsample=[False, True, True], dropout=0.0, is_residual=True, in_channels=12,
                out_channels=12, patch_size=2, scale_factor_temporal=4, scale_factor_spatial=16) | changes


def unipc(**changes):
    # As the official directories spell it: flow_prediction with flow sigmas; order 2, bh2, zero final sigma.
    return "UniPCMultistepScheduler", dict(prediction_type="flow_prediction", use_flow_sigmas=True,
                                           num_train_timesteps=1000, flow_shift=3.0) | changes


def euler(shift):
    return "FlowMatchEulerDiscreteScheduler", dict(num_train_timesteps=1000, shift=shift)


CASES = {case.name: case for case in (
    Case(name="wan21-tiny", seed=21, dtype="float32", width=48, height=32, guidance=5.0,
         text=text_config(),
         transformer=transformer_config(heads=2, head_dim=16, channels=16),
         vae=classic_vae(z_dim=16), scheduler=unipc(), runs=RUNS, max_shard_size="80KB"),
    Case(name="wan22-tiny", seed=22, dtype="bfloat16", width=96, height=64, guidance=5.0,
         text=text_config(),
         transformer=transformer_config(heads=4, head_dim=12, channels=20, ffn_dim=72),
         vae=residual_vae(z_dim=20), scheduler=unipc(flow_shift=5.0), runs=RUNS,
         pipeline=dict(expand_timesteps=True)),
    Case(name="a14b-tiny", seed=14, dtype="float16", width=32, height=48, guidance=4.0, guidance_2=3.0,
         prompt="A  small cat &amp;amp; a dog\n run (close up)", negative_prompt="",
         text=text_config(num_heads=2, d_kv=16),
         transformer=transformer_config(heads=2, head_dim=24, channels=16),
         vae=classic_vae(z_dim=16, base_dim=6), scheduler=unipc(solver_order=3, flow_shift=3.0), runs=RUNS,
         pipeline=dict(boundary_ratio=0.875)),
    Case(name="t5-euler-tiny", seed=5, dtype="float16", width=80, height=48, guidance=1.0,
         text=text_config(num_heads=4, d_kv=8), text_class="T5EncoderModel",
         transformer=transformer_config(heads=3, head_dim=20, channels=8, ffn_dim=64, num_layers=1),
         vae=classic_vae(z_dim=8, temporal=(True, True, False)),
         scheduler=euler(3.0), runs=RUNS),
    Case(name="few-step-tiny", seed=3, dtype="bfloat16", width=48, height=32, guidance=1.0,
         text=text_config(), transformer=transformer_config(heads=2, head_dim=16, channels=16),
         vae=classic_vae(z_dim=16), scheduler=unipc(flow_shift=8.0),
         runs=(Run(5, 3, traced=True), Run(9, 3)), dmd_timesteps=(1000, 757, 522),
         pipeline_class="WanDMDPipeline"),
)}
