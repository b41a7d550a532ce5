"""The VAE: f8, sixteen channels, diffusers' AutoencoderDC (Chen et al., 2024, "Deep compression autoencoder").

Its only normalisation is each pixel's own (RMS over the channels), so that a picture is encoded alike at every size;
group normalisation, AutoencoderKL's, is not. Residual branches begin at zero. Latents are kept whitened while it is
trained, channel by channel; at the end that is folded into the encoder's last convolution. In some steps the latent
is resized between encoder and decoder, so that latents enlarged by hires fix decode to a picture and not to ripples.
"""

from __future__ import annotations

import copy
import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from diffusers import AutoencoderDC
from torch import Tensor
from torch.nn.functional import interpolate, mse_loss

from tools.small_model import checkpoints
from tools.small_model.artwork import BACKGROUNDS, NATIVE
from tools.small_model.losses import sliced_loss, total_loss
from tools.small_model.optimizers import Muon, split
from tools.small_model.renders import Renders, corners

if TYPE_CHECKING:
    from tools.small_model.redrawn import Redrawn

CHANNELS = 16
ENCODER, DECODER = (32, 32, 64, 64), (64, 64, 64, 64)  # widths at 1/1 (unused), 1/2, 1/4, 1/8
RATE, DECODER_RATE, CROP = 2e-3, 1e-3, 64
SIZES = {128: 0.45, 192: 0.1, 256: 0.2, 384: 0.1, 512: 0.15}  # pixels a side: share of the crops
RESIZED = 0.15  # share of steps with a resized latent
DRAWN = 0.6  # share of the decoder's steps with latents that the UNet has drawn
# Weights there: of what is right in its place, where that is known and where it hardly is; of the patches' distance.
DRAWN_PLACES, FAR_PLACES, SLICED = 0.5, 0.1, 1.0
NOISE = 0.05  # at most, of a latent's deviation: the sampler's latents are never exact either
JITTER = 24  # of a background's colour, in 8-bit steps
MEASURED = 50  # steps from one look at the latents' mean and deviation to the next
SETTLED = 0.9  # share of the time after which these stay as they are


def build() -> AutoencoderDC:
    """One with residual branches that begin at zero."""
    plain = ((),) * 4
    vae = AutoencoderDC(
        latent_channels=CHANNELS,
        encoder_block_out_channels=ENCODER,
        decoder_block_out_channels=DECODER,
        encoder_layers_per_block=(0, 1, 2, 2),  # none at full size, where a convolution costs most
        decoder_layers_per_block=(0, 2, 2, 2),
        encoder_qkv_multiscales=plain,
        decoder_qkv_multiscales=plain,
        encoder_out_shortcut=False,  # so that whitening can be folded in
        decoder_in_shortcut=False,
    )
    for name, values in vae.named_parameters():
        if name.endswith("norm.weight"):
            torch.nn.init.zeros_(values)
    return vae


@dataclass
class Whitening:
    """Mean and deviation of each latent channel over native pictures, [16]."""

    mean: Tensor
    std: Tensor

    def __call__(self, latents: Tensor) -> Tensor:
        return (latents - self.mean[:, None, None]) / self.std[:, None, None]

    def follow(self, latents: Tensor, weight: float) -> None:
        """Moves towards those of latents [B, 16, H, W]."""
        self.mean = torch.lerp(self.mean, latents.mean(dim=(0, 2, 3)), weight)
        self.std = torch.lerp(self.std, latents.std(dim=(0, 2, 3)), weight)


class Trainer:
    """The VAE with its optimizer and its steps made, as kept on disk.

    finished: a VAE whose latents are not to change any more; then only its decoder learns. redrawn: what it learns
    from in a share of its steps.
    """

    def __init__(
        self, state: Path, renders: dict[int, Renders], device: torch.device, batch: int, seed: int = 0,
        finished: AutoencoderDC | None = None, redrawn: Sequence[Redrawn] = (),
    ):  # fmt: skip
        self.redrawn = redrawn
        torch.manual_seed(seed)
        self.state, self.renders, self.device, self.size, self.seed = state, renders, device, batch, seed
        self.vae = (copy.deepcopy(finished) if finished else build()).to(device, memory_format=torch.channels_last)
        self.vae.train().requires_grad_(True).encoder.requires_grad_(finished is None)
        self.whitening = Whitening(torch.zeros(CHANNELS, device=device), torch.ones(CHANNELS, device=device))
        self.is_settled, self.rate = finished is not None, DECODER_RATE if finished else RATE
        self.optimizer = Muon(*split(self.vae.decoder if finished else self.vae), lr=self.rate)
        self.step, self.worked, self.errors = 0, 0.0, []
        saved = checkpoints.load(state)
        if saved:
            self.vae.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.whitening = Whitening(saved["mean"].to(device), saved["std"].to(device))
            self.step, self.worked = saved["step"], saved["worked"]

    def train(self, seconds: float) -> None:
        """So many seconds of work in all; prints how it goes."""
        for share in checkpoints.shares("vae", seconds, self.worked, self.save, self._news):
            self.advance(share)

    def save(self, worked: float) -> None:
        self.worked = worked
        checkpoints.save(self.state, dict(
            model=self.vae.state_dict(), optimizer=self.optimizer.state_dict(), mean=self.whitening.mean,
            std=self.whitening.std, step=self.step, worked=worked,
        ))  # fmt: skip

    def advance(self, share: float) -> None:
        """One step; share: of the time that is over."""
        draw = random.Random(f"vae {self.seed} {self.step}")
        generator = torch.Generator(self.device).manual_seed(self.step)
        if self.step % MEASURED == 0 and share < SETTLED and not self.is_settled:
            self._measure(draw)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.step, share, self.rate)
        if self.redrawn and draw.random() < DRAWN:
            loss, error = self._loss_of_drawn(draw, generator)
        else:
            pictures = views(self.renders, draw, self.size).contiguous(memory_format=torch.channels_last)
            loss, error = losses(self.vae, self.whitening, pictures, draw, generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.vae.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        if error is not None:
            self.errors.append(error)

    def _loss_of_drawn(self, draw: random.Random, generator: torch.Generator) -> tuple[Tensor, None]:
        drawn = draw.choice(self.redrawn)
        latent, target = drawn.views(draw, self.size, CROP)
        made = self.vae.decode(latent.contiguous(memory_format=torch.channels_last), return_dict=False)[0]
        places = FAR_PLACES if drawn.is_far else DRAWN_PLACES
        return places * total_loss(made, target) + SLICED * sliced_loss(made, target, generator), None

    def finished(self) -> AutoencoderDC:
        """A copy on the CPU whose latents are white, with the whitening folded in."""
        vae = copy.deepcopy(self.vae).to("cpu", memory_format=torch.contiguous_format).eval().requires_grad_(False)
        last, mean, std = vae.encoder.conv_out, self.whitening.mean.cpu(), self.whitening.std.cpu()
        last.weight /= std[:, None, None, None]
        last.bias.copy_((last.bias - mean) / std)
        return vae

    def _news(self) -> str:
        error = float(sum(self.errors)) / max(len(self.errors), 1)
        self.errors.clear()
        return f"step {self.step}: {decibels(error):.2f} dB"

    @torch.no_grad()
    def _measure(self, draw: random.Random) -> None:
        natives = views({NATIVE: self.renders[NATIVE]}, draw, 24, crop=NATIVE)
        latents = self.vae.encode(natives.contiguous(memory_format=torch.channels_last)).latent
        self.whitening.follow(latents, 1.0 if self.step == 0 else 0.2)


def decibels(error: float) -> float:
    """PSNR of a mean squared error of values in [-1, 1]."""
    return 10.0 * math.log10(4.0 / max(error, 1e-9))


def rate(step: int, share: float, highest: float) -> float:
    """Learning rate: up over the first steps, then down along a cosine over the time there is, to a hundredth."""
    falling = 0.01 + 0.99 * (1.0 + math.cos(math.pi * min(share, 1.0))) / 2.0
    return highest * falling * min(1.0, (step + 1) / 100)


def views(renders: dict[int, Renders], draw: random.Random, count: int, crop: int = CROP) -> Tensor:
    """[count, 3, crop, crop] in [-1, 1]: crops of compositions of all sizes, around the subject."""
    sizes = [side for side in SIZES if side in renders]
    drawn = Counter(draw.choices(sizes, [SIZES[side] for side in sizes], k=count))
    return torch.cat([_views(renders[side], draw, drawn[side], crop) for side in sizes if drawn[side]])


def _views(renders: Renders, draw: random.Random, count: int, crop: int) -> Tensor:
    indices = [draw.randrange(len(renders.made)) for _ in range(count)]
    starts = corners(draw, count, renders.side - crop)
    names = list(BACKGROUNDS)
    plain = [BACKGROUNDS[draw.choice(names)] for _ in indices]
    colours = [tuple(min(max(value + draw.randint(-JITTER, JITTER), 0), 255) for value in one) for one in plain]
    return renders.pictures(indices, colours, [draw.random() < 0.5 for _ in indices], starts, crop)


def losses(
    vae: AutoencoderDC, whitening: Whitening, pictures: Tensor, draw: random.Random, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """The loss, and the squared error; None where the latent was resized."""
    latent, target = whitening(vae.encode(pictures).latent), pictures
    noise = torch.randn(latent.shape, generator=generator, device=latent.device)
    latent = latent + NOISE * draw.random() * noise
    is_resized = draw.random() < RESIZED
    if is_resized:
        factor = draw.choice((0.5, 2.0))
        latent = interpolate(latent, scale_factor=factor, mode="bicubic", antialias=factor < 1.0)
        target = interpolate(pictures, scale_factor=factor, mode="bicubic", antialias=factor < 1.0).clamp(-1.0, 1.0)
    made = vae.decode(latent, return_dict=False)[0]
    return total_loss(made, target), None if is_resized else mse_loss(made, target).detach()
