"""The UNet: 16 x 16 latents, cross-attention to the text, v-prediction, trained together with the text encoder."""

from __future__ import annotations

import copy
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderDC, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from tools.small_model import checkpoints
from tools.small_model.artwork import BACKGROUNDS, NATIVE, Composition
from tools.small_model.autoencoder import CHANNELS
from tools.small_model.optimizers import Muon, split
from tools.small_model.renders import Renders, corners
from tools.small_model.text import WIDTH, Ids

TIMESTEPS = 1000
SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=TIMESTEPS)
RATE, WEIGHT_DECAY = 1e-3, 0.01
FALLING = 0.4  # share of the time in which the rate falls
WITHOUT_CAPTION = 0.1
EMA = 0.999
# What is in a picture is decided at high noise, which a uniform draw sees too little of.
HIGH_NOISE, SHARE_OF_HIGH_NOISE = 500, 0.5
ENCODED = 64  # native pictures at once, and as many pixels of larger ones
# Parts of larger pictures: what the network is to know of fine detail when a hires pass shows it a subject that is
# larger than any at the native size, as large models know it from close-ups. Only below that timestep: what a picture
# shows is decided above it, so that native pictures stay whole, and pictures that are made large directly repeat it.
PARTS, PARTS_BELOW = 0.4, 850
LARGER = {192: 480, 256: 384, 384: 240, 512: 120}  # pixels a side: how many pictures that parts are taken from


def build() -> UNet2DConditionModel:
    """Attention at 8 x 8 and 4 x 4 only, as SDXL has none at full size: two thirds faster, and far more when the
    picture is large."""
    return UNet2DConditionModel(
        sample_size=NATIVE // 8,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        block_out_channels=(96, 128, 128),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


class Latents:
    """Pictures that are encoded once, and what they show. Every subject has as many; backgrounds are drawn.

    values: [N, 16, H, W], half precision. Of larger pictures a batch has parts of the native size: the VAE encodes a
    part alike whatever is around it.
    """

    def __init__(self, vae: AutoencoderDC, renders: Renders, path: Path, count: int, seed: int = 0, say=print):
        draw = random.Random(f"latents {seed}")
        names = list(BACKGROUNDS)
        self.drawn = [(n % len(renders.made), draw.choice(names), draw.random() < 0.5) for n in range(count)]
        self.renders = renders
        self.made = [renders.composition(index, name, BACKGROUNDS[name], flip) for index, name, flip in self.drawn]
        self.values = self._encoded(vae, renders, path, say).to(renders.device)

    def _encoded(self, vae: AutoencoderDC, renders: Renders, path: Path, say) -> Tensor:
        """Goes on where an earlier run was stopped."""
        saved = checkpoints.load(path)
        found = [saved["latents"]] if saved else []
        first, kept = sum(map(len, found)), time.monotonic()
        at_once = max(ENCODED * NATIVE**2 // renders.side**2, 1)
        for start in range(first, len(self.drawn), at_once):
            chosen = self.drawn[start : start + at_once]
            indices, names, mirrored = map(list, zip(*chosen))
            pictures = renders.pictures(indices, [BACKGROUNDS[name] for name in names], mirrored)
            with torch.inference_mode():
                pictures = pictures.contiguous(memory_format=torch.channels_last)
                found.append(vae.encode(pictures).latent.contiguous().half().cpu())
            if time.monotonic() - kept > checkpoints.SAVING or start + at_once >= len(self.drawn):
                kept = time.monotonic()
                checkpoints.save(path, dict(latents=torch.cat(found)))
                say(f"latents {start + len(chosen)} of {len(self.drawn)} at {renders.side} px", flush=True)
        return torch.cat(found)

    def batch(self, draw: random.Random, size: int) -> tuple[Tensor, list[str]]:
        """[B, 16, 16, 16], float32, and the captions, some of them empty."""
        chosen = [draw.randrange(len(self.made)) for _ in range(size)]
        span = torch.arange(NATIVE // 8, device=self.values.device)
        room = self.values.shape[-1] - len(span)
        index, (y, x) = span.new_tensor(chosen), span.new_tensor(corners(draw, size, room)).T
        rows, columns = (y[:, None] + span)[:, :, None], (x[:, None] + span)[:, None, :]
        values = self.values[index[:, None, None], :, rows, columns].permute(0, 3, 1, 2).float()
        return values, [self._caption(self.made[index], draw) for index in chosen]

    @staticmethod
    def _caption(made: Composition, draw: random.Random) -> str:
        return "" if draw.random() < WITHOUT_CAPTION else made.caption(draw.random())


@dataclass(frozen=True)
class Mixture:
    """Whole pictures and parts of larger ones, each size of these as often."""

    whole: Latents
    larger: list[Latents]

    def batch(self, draw: random.Random, size: int) -> tuple[Tensor, list[str], Tensor]:
        """[B, 16, 16, 16], float32, the captions, and the timestep below which each may be drawn, [B]."""
        sources = [draw.choice(self.larger) if draw.random() < PARTS else self.whole for _ in range(size)]
        found, highest = [], []
        for source in (self.whole, *self.larger):
            if count := sum(one is source for one in sources):
                found.append(source.batch(draw, count))
                highest += [TIMESTEPS if source is self.whole else PARTS_BELOW] * count
        values, captions = zip(*found)
        return torch.cat(values), sum(captions, []), torch.tensor(highest, device=values[0].device)


def alphas() -> tuple[Tensor, Tensor]:
    """sqrt(abar) and sqrt(1 - abar), [1000] each."""
    betas = torch.linspace(SCHEDULE["beta_start"] ** 0.5, SCHEDULE["beta_end"] ** 0.5, TIMESTEPS).double() ** 2
    abar = torch.cumprod(1.0 - betas, 0)
    return abar.sqrt().float(), (1.0 - abar).sqrt().float()


class Trainer:
    """UNet and text encoder, the averages of their weights, the optimizer and the steps made, as kept on disk.

    start: an exported model whose weights a new training begins with. is_half: multiplies in bfloat16 on a CPU, too.
    highest: learning rate.
    """

    def __init__(
        self, state: Path, tokenizer: CLIPTokenizer, text: CLIPTextModel, device: torch.device, batch: int,
        seed: int = 0, start: Path | None = None, is_half: bool = False, highest: float = RATE,
    ):  # fmt: skip
        torch.manual_seed(seed)
        self.state, self.ids, self.device, self.size, self.seed = state, Ids(tokenizer, device), device, batch, seed
        unet = build()
        if start is not None:
            unet.load_state_dict(UNet2DConditionModel.from_pretrained(start / "unet").state_dict())
            text.load_state_dict(CLIPTextModel.from_pretrained(start / "text_encoder").state_dict())
        unet = unet.to(device, memory_format=torch.channels_last)
        self.both = nn.ModuleDict(dict(unet=unet, text=text.to(device))).train()
        self.average = copy.deepcopy(self.both).requires_grad_(False)
        self.optimizer = Muon(*split(self.both), lr=highest, weight_decay=WEIGHT_DECAY)
        self.highest = highest
        self.is_half = is_half or device.type == "cuda"
        self.signal, self.noise_level = (values.to(device) for values in alphas())
        self.step, self.worked, self.losses = 0, 0.0, []
        saved = checkpoints.load(state)
        if saved:
            self.both.load_state_dict(saved["model"])
            self.average.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step, self.worked = saved["step"], saved["worked"]

    def train(self, latents: Mixture, seconds: float) -> None:
        """So many seconds of work in all; prints how it goes."""
        for share in checkpoints.shares("unet", seconds, self.worked, self.save, self._news):
            self.advance(latents, share)

    def save(self, worked: float) -> None:
        self.worked = worked
        checkpoints.save(self.state, dict(
            model=self.both.state_dict(), average=self.average.state_dict(), optimizer=self.optimizer.state_dict(),
            step=self.step, worked=worked,
        ))  # fmt: skip

    def advance(self, latents: Mixture, share: float) -> None:
        """One step; share: of the time that is over."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.step, share, self.highest)
        batch = latents.batch(random.Random(f"unet {self.seed} {self.step}"), self.size)
        loss = self._loss(*batch, torch.Generator(self.device).manual_seed(self.step))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.both.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        follow(self.average, self.both, min(EMA, (self.step + 1) / (self.step + 10)))
        self.losses.append(loss.detach())

    def _loss(self, clean: Tensor, captions: list[str], highest: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of v = sqrt(abar) n - sqrt(1 - abar) x0."""
        share, within = torch.rand(2, len(clean), generator=generator, device=self.device)
        lowest = torch.where(share < SHARE_OF_HIGH_NOISE, HIGH_NOISE, 0)
        t = (lowest + within * (highest - lowest)).long()
        noise = torch.randn(clean.shape, generator=generator, device=self.device)
        a, s = self.signal[t][:, None, None, None], self.noise_level[t][:, None, None, None]
        x = (a * clean + s * noise).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.is_half):
            states = self.both["text"](self.ids(captions))[0]
            made = self.both["unet"](x, t, encoder_hidden_states=states, return_dict=False)[0]
        return nn.functional.mse_loss(made.float(), a * noise - s * clean)

    def _news(self) -> str:
        loss, count = float(sum(self.losses)) / max(len(self.losses), 1), self.step * self.size
        self.losses.clear()
        return f"step {self.step}, {count} pictures: loss {loss:.4f}"


def rate(step: int, share: float, highest: float = RATE) -> float:
    """Learning rate: up over the first steps, flat, then down linearly to 0 (Hägele et al., arXiv 2405.18392).

    Flat, so that the time may still be changed while it trains. share: of the time that is over.
    """
    return highest * min(1.0, (step + 1) / 100, max(0.0, 1.0 - share) / FALLING)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Moves the averages of the weights towards the weights."""
    averages, values = list(average.parameters()), [p.detach() for p in model.parameters()]
    torch._foreach_lerp_(averages, values, 1.0 - decay)
