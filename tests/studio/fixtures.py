"""Tiny random pipelines of the real classes, and the closed-form denoiser in the place of a network."""

from __future__ import annotations

import json

import pytest
import torch

from benchmarks import fields

try:
    import diffusers
    import transformers
except ImportError:  # the tests skip themselves
    diffusers = transformers = None

SD_SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)


@pytest.fixture(autouse=True)
def in_this_python(monkeypatch):
    """The commands stay in the Python that runs the tests, whatever the environment says."""
    monkeypatch.setenv("ITERMIX_ENVIRONMENT", "none")


class ClosedForm:
    """A network of the 1/f^2 field's exact denoiser: what `passes.run` needs, and nothing else."""

    device = torch.device("cpu")

    def __init__(self, is_flow=False, prediction="epsilon"):
        self.is_flow, self.prediction = is_flow, prediction
        self.scheduler_config = {} if is_flow else {**SD_SCHEDULE, "prediction_type": prediction}
        abar = diffusers.DDIMScheduler(**SD_SCHEDULE).alphas_cumprod.double()
        self.log_sigmas = ((1 - abar) / abar).sqrt().log()
        self.asked = []

    def tokens(self, height, width):
        return height * width // 4

    def predict(self, x, t):
        """x as the network sees it: variance preserving, or a flow's."""
        self.asked.append(float(t))
        dtype, x, t = x.dtype, x.double(), t.double()
        power = fields.power_spectrum(tuple(x.shape[-2:]), 2.0)
        if self.is_flow:
            s = t / 1000
            clean = torch.zeros_like(x) if s >= 1 else fields.denoise(x / (1 - s), float(s / (1 - s)), power)
            return ((x - clean) / s).to(dtype)
        below = int(t.floor().clamp(0, 998))
        sigma = float(torch.lerp(self.log_sigmas[below], self.log_sigmas[below + 1], t - below).exp())
        noisy = x * (1 + sigma**2) ** 0.5
        clean = fields.denoise(noisy, sigma, power)
        noise = (noisy - clean) / sigma
        if self.prediction == "v_prediction":
            return ((noise - sigma * clean) / (1 + sigma**2) ** 0.5).to(dtype)
        return noise.to(dtype)


@pytest.fixture
def closed_form():
    return ClosedForm


def clip_tokenizer(folder):
    """A CLIP tokenizer of single letters."""
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16, pad_token="<|endoftext|>"
    )


def clip_config(**changes):
    return transformers.CLIPTextConfig(**{
        "vocab_size": 190, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": 16, "projection_dim": 32, "bos_token_id": 188,
        "eos_token_id": 189, "pad_token_id": 189, **changes,
    })  # fmt: skip


def vae(channels=4, **changes):
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=channels, norm_num_groups=4, **changes,
    )  # fmt: skip


def unet(**changes):
    return diffusers.UNet2DConditionModel(**{
        "block_out_channels": (16, 32), "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "layers_per_block": 1, "cross_attention_dim": 32,
        "attention_head_dim": 8, "norm_num_groups": 8, "sample_size": 8, **changes,
    })  # fmt: skip


def sd15(folder):
    return diffusers.StableDiffusionPipeline(
        vae=vae(), unet=unet(), text_encoder=transformers.CLIPTextModel(clip_config()),
        tokenizer=clip_tokenizer(folder), scheduler=diffusers.PNDMScheduler(**SD_SCHEDULE, skip_prk_steps=True),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def sdxl(folder):
    return diffusers.StableDiffusionXLPipeline(
        vae=vae(),
        unet=unet(
            cross_attention_dim=64, addition_embed_type="text_time", addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=32 + 6 * 8,
        ),
        text_encoder=transformers.CLIPTextModel(clip_config()),
        text_encoder_2=transformers.CLIPTextModelWithProjection(clip_config()),
        tokenizer=clip_tokenizer(folder / "1"), tokenizer_2=clip_tokenizer(folder / "2"),
        scheduler=diffusers.EulerDiscreteScheduler(**SD_SCHEDULE),
    )  # fmt: skip


def flux(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "apple": 3, "red": 4}
    letters = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    letters.pre_tokenizer = pre_tokenizers.Whitespace()
    second = transformers.PreTrainedTokenizerFast(
        tokenizer_object=letters, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=12
    )
    t5 = transformers.T5Config(vocab_size=8, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    return diffusers.FluxPipeline(
        vae=vae(4, shift_factor=0.1, use_quant_conv=False, use_post_quant_conv=False),
        transformer=diffusers.FluxTransformer2DModel(
            patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=(4, 4, 8),
            guidance_embeds=True,
        ),
        text_encoder=transformers.CLIPTextModel(clip_config()), tokenizer=clip_tokenizer(folder),
        text_encoder_2=transformers.T5EncoderModel(t5), tokenizer_2=second,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )  # fmt: skip


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """The tiny pipelines by class, saved in diffusers' layout."""
    root = tmp_path_factory.mktemp("pipelines")
    for name, make in (("sd15", sd15), ("sdxl", sdxl), ("flux", flux)):
        torch.manual_seed(0)
        make(root / "tokenizers" / name).save_pretrained(root / name)
    return root
