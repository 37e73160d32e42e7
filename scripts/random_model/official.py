"""Configs and storage dtypes of the official diffusers repositories, as they stand on the hub.

Sources: diffusers' scripts/convert_wan_to_diffusers.py (configs, shards of 5 GB) and the published file lists. The
text encoder is bfloat16 in the 2.2 repositories and float32 in the 2.1 ones (`--dtype text_encoder=fp32`); here it
is bfloat16 throughout, because that is what fits small machines.
"""

UMT5_XXL = {
    "architectures": ["UMT5EncoderModel"], "classifier_dropout": 0.0, "d_ff": 10240, "d_kv": 64, "d_model": 4096,
    "decoder_start_token_id": 0, "dense_act_fn": "gelu_new", "dropout_rate": 0.1, "eos_token_id": 1,
    "feed_forward_proj": "gated-gelu", "initializer_factor": 1.0, "is_encoder_decoder": True, "is_gated_act": True,
    "layer_norm_epsilon": 1e-06, "model_type": "umt5", "num_decoder_layers": 24, "num_heads": 64, "num_layers": 24,
    "output_past": True, "pad_token_id": 0, "relative_attention_max_distance": 128,
    "relative_attention_num_buckets": 32, "scalable_attention": True, "tie_word_embeddings": False,
    "tokenizer_class": "T5Tokenizer", "use_cache": True, "vocab_size": 256384,
}


def transformer(heads, ffn_dim, layers, channels=16):
    return {"_class_name": "WanTransformer3DModel", "added_kv_proj_dim": None, "attention_head_dim": 128,
            "cross_attn_norm": True, "eps": 1e-06, "ffn_dim": ffn_dim, "freq_dim": 256, "image_dim": None,
            "in_channels": channels, "num_attention_heads": heads, "num_layers": layers, "out_channels": channels,
            "patch_size": [1, 2, 2], "pos_embed_seq_len": None, "qk_norm": "rms_norm_across_heads",
            "rope_max_seq_len": 1024, "text_dim": 4096}


VAE_21 = {
    "_class_name": "AutoencoderKLWan", "attn_scales": [], "base_dim": 96, "decoder_base_dim": None,
    "dim_mult": [1, 2, 4, 4], "dropout": 0.0, "in_channels": 3, "is_residual": False,
    "latents_mean": [-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517,
                     -0.3632, -0.1922, -0.9497, 0.2503, -0.2921],
    "latents_std": [2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579,
                    1.6382, 1.1253, 2.8251, 1.916],
    "num_res_blocks": 2, "out_channels": 3, "patch_size": None, "scale_factor_spatial": 8,
    "scale_factor_temporal": 4, "temperal_downsample": [False, True, True], "z_dim": 16,
}

VAE_22 = VAE_21 | {
    "base_dim": 160, "decoder_base_dim": 256, "in_channels": 12, "is_residual": True, "out_channels": 12,
    "patch_size": 2, "scale_factor_spatial": 16, "z_dim": 48,
    "latents_mean": [-0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557, -0.1382, 0.0542, 0.2813,
                     0.0891, 0.157, -0.0098, 0.0375, -0.1825, -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108,
                     -0.2158, 0.2502, -0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.123, -0.0313,
                     -0.1649, 0.0117, 0.0723, -0.2839, -0.2083, -0.052, 0.3748, 0.0152, 0.1957, 0.1433, -0.2944,
                     0.3573, -0.0548, -0.1681, -0.0667],
    "latents_std": [0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.499, 0.4818, 0.5013, 0.8158, 1.0344, 0.5894, 1.0901,
                    0.6885, 0.6165, 0.8454, 0.4978, 0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659,
                    0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999, 0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944,
                    0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.06, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744],
}


def scheduler(flow_shift):
    return {"_class_name": "UniPCMultistepScheduler", "beta_end": 0.02, "beta_schedule": "linear",
            "beta_start": 0.0001, "disable_corrector": [], "dynamic_thresholding_ratio": 0.995,
            "final_sigmas_type": "zero", "flow_shift": flow_shift, "lower_order_final": True,
            "num_train_timesteps": 1000, "predict_x0": True, "prediction_type": "flow_prediction",
            "rescale_betas_zero_snr": False, "sample_max_value": 1.0, "solver_order": 2, "solver_p": None,
            "solver_type": "bh2", "steps_offset": 0, "thresholding": False, "timestep_spacing": "linspace",
            "trained_betas": None, "use_beta_sigmas": False, "use_exponential_sigmas": False,
            "use_flow_sigmas": True, "use_karras_sigmas": False}


def repository(transformer, vae, flow_shift, experts=1, **pipeline):
    """`experts`: 2 adds transformer_2. `pipeline`: keys of model_index.json beside the components."""
    return {"transformer": transformer, "vae": vae, "scheduler": scheduler(flow_shift), "experts": experts,
            "pipeline": pipeline}


REPOSITORIES = {
    "wan2.1-t2v-1.3b": repository(transformer(12, 8960, 30), VAE_21, 3.0),
    "wan2.1-t2v-14b": repository(transformer(40, 13824, 40), VAE_21, 3.0),
    "wan2.2-ti2v-5b": repository(transformer(24, 14336, 30, channels=48), VAE_22, 5.0,
                                 boundary_ratio=None, expand_timesteps=True),
    "wan2.2-t2v-a14b": repository(transformer(40, 13824, 40), VAE_21, 3.0, experts=2,
                                  boundary_ratio=0.875, expand_timesteps=False),
}

DTYPES = {"text_encoder": "bf16", "transformer": "fp32", "transformer_2": "fp32", "vae": "fp32"}
