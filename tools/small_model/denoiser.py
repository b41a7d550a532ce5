"""The UNet: 16 x 16 latents, cross-attention to the text, v-prediction, trained together with the text encoder."""

from __future__ import annotations

import copy
import math
import random
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from tools.small_model import checkpoints
from tools.small_model.artwork import Artwork, Composition, composition, tensor_of
from tools.small_model.text import WIDTH, ids_of

SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
BATCH, RATE, LAST_RATE, WARM_UP = 32, 1.2e-3, 5e-5, 200
WITHOUT_CAPTION = 0.1
EMA = 0.9995
# What is in a picture is decided at high noise, which a uniform draw sees too little of.
HIGH_NOISE, SHARE_OF_HIGH_NOISE = 550, 0.5


def build() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(64, 96, 96),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


class Latents:
    """Pictures that were encoded beforehand, as many as there are, and the captions to choose from."""

    def __init__(self, vae: AutoencoderKL, artwork: Artwork, path: Path, count: int, seed: int = 0, say=print):
        draw = random.Random(f"latents {seed}")
        self.made = [composition(draw) for _ in range(count)]
        saved = checkpoints.load(path)
        self.latents = saved["latents"] if saved else self._encoded(vae, artwork, say)
        if not saved:
            checkpoints.save(path, dict(latents=self.latents))

    @torch.inference_mode()
    def _encoded(self, vae: AutoencoderKL, artwork: Artwork, say) -> Tensor:
        found = []
        for start in range(0, len(self.made), 32):
            pictures = tensor_of([artwork.picture(one) for one in self.made[start : start + 32]])
            found.append(vae.encode(pictures.contiguous(memory_format=torch.channels_last)).latent_dist.mode())
            if start % 3200 == 0:
                say(f"latents {start} of {len(self.made)}", flush=True)
        return torch.cat(found).contiguous().half()

    def batch(self, draw: random.Random) -> tuple[Tensor, list[str]]:
        """[B, 4, 16, 16] and the captions, some of them empty."""
        chosen = [draw.randrange(len(self.made)) for _ in range(BATCH)]
        captions = [self._caption(self.made[index], draw) for index in chosen]
        return self.latents[chosen].float(), captions

    @staticmethod
    def _caption(made: Composition, draw: random.Random) -> str:
        return "" if draw.random() < WITHOUT_CAPTION else made.caption(draw.random())


def alphas() -> tuple[Tensor, Tensor]:
    """sqrt(abar) and sqrt(1 - abar), [1000] each."""
    betas = torch.linspace(SCHEDULE["beta_start"] ** 0.5, SCHEDULE["beta_end"] ** 0.5, 1000).double() ** 2
    abar = torch.cumprod(1.0 - betas, 0)
    return abar.sqrt().float(), (1.0 - abar).sqrt().float()


def train(
    latents: Latents, tokenizer: CLIPTokenizer, text: CLIPTextModel, state: Path, seconds: float, seed: int = 0,
    say=print,
) -> tuple[UNet2DConditionModel, CLIPTextModel]:  # fmt: skip
    """UNet and text encoder, the averages of their weights, after so many seconds of work in all."""
    torch.manual_seed(seed)
    unet = build().to(memory_format=torch.channels_last)
    unet.set_attn_processor(AttnProcessor())  # its backward pass is a quarter faster than fused attention's, on a CPU
    both = torch.nn.ModuleDict(dict(unet=unet, text=text))
    optimizer = torch.optim.AdamW(both.parameters(), lr=RATE, weight_decay=0.01, betas=(0.9, 0.99))
    average = copy.deepcopy(both).requires_grad_(False)
    worked, step = 0.0, 0
    saved = checkpoints.load(state)
    if saved:
        both.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        worked, step = saved["worked"], saved["step"]
    clock = checkpoints.Clock(worked)
    signal, noise_level = alphas()
    total, counted = 0.0, 0

    def keep() -> None:
        checkpoints.save(state, dict(
            model=both.state_dict(), average=average.state_dict(), optimizer=optimizer.state_dict(),
            worked=clock.worked, step=step,
        ))  # fmt: skip

    both.train()
    while clock.worked < seconds:
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, clock.worked / seconds)
        draw = random.Random(f"unet {seed} {step}")
        generator = torch.Generator().manual_seed(step)
        clean, captions = latents.batch(draw)
        lowest = torch.where(torch.rand(BATCH, generator=generator) < SHARE_OF_HIGH_NOISE, HIGH_NOISE, 0)
        t = (lowest + torch.rand(BATCH, generator=generator) * (1000 - lowest)).long()
        noise = torch.randn(clean.shape, generator=generator)
        a, s = signal[t][:, None, None, None], noise_level[t][:, None, None, None]
        x = (a * clean + s * noise).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            states = text(ids_of(tokenizer, captions))[0]
            made = unet(x, t, encoder_hidden_states=states, return_dict=False)[0]
        loss = torch.nn.functional.mse_loss(made.float(), a * noise - s * clean)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        _follow(average, both, min(EMA, (step + 1) / (step + 10)))
        total, counted, step = total + float(loss), counted + 1, step + 1
        if clock.is_time_to_say():
            rate = step * BATCH / clock.worked
            say(f"unet {clock.worked:6.0f} s, step {step}: loss {total / counted:.4f}, {rate:.0f}/s", flush=True)
            total, counted = 0.0, 0
        if clock.is_time_to_save():
            keep()
    keep()
    return average["unet"], average["text"]


def _rate(step: int, share: float) -> float:
    """Learning rate: up over the first steps, then down along a cosine over the time there is."""
    falling = LAST_RATE + (RATE - LAST_RATE) * (1.0 + math.cos(math.pi * min(share, 1.0))) / 2.0
    return falling * min(1.0, (step + 1) / WARM_UP)


@torch.no_grad()
def _follow(average: torch.nn.Module, model: torch.nn.Module, decay: float) -> None:
    averages, values = list(average.parameters()), [p.detach() for p in model.parameters()]
    torch._foreach_lerp_(averages, values, 1.0 - decay)
