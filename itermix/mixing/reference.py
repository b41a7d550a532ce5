"""The reference: a clean latent, how it is prepared for a pass, and what it looks like at every noise level.

`noised_trajectory` gives one level at a time; `batch_unsample` gives all at once, as the node pack's
"Batch Unsampler" does. Noise is one draw per image for the whole run, or a fresh one per step.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from itermix.mixing.lowpass import cosine_basis
from itermix.mixing.noising import VE, Noising, noised
from itermix.mixing.settings import FREQUENCY_BLENDS, MixingSettings

# Spreads (seed, step) over the generator's 64-bit seeds, so that neighbouring seeds share no draw.
SEED_STRIDE = 0x9E3779B97F4A7C15
RANDN_BLOCK = 16
LARGEST_BOOST = 4.0  # of an enlarged reference's amplitude; bilinear asks for 2.8 at most


@dataclass(frozen=True)
class Reference:
    """z_ref, clean, [B or 1, C, H, W], at the size being sampled.

    scale: how many times it was enlarged, (height, width), at least 1. interpolation: torch's name of what enlarged
    the latent; None where a picture was enlarged before it was encoded, or nothing was. source: what it is, in words.
    """

    latent: Tensor
    scale: tuple[float, float] = (1.0, 1.0)
    interpolation: str | None = None
    source: str = ""

    def prepared(self, settings: MixingSettings) -> Reference:
        """As these settings mix it: equalised for a blend by frequency, with their own scale where they name one."""
        made = self.equalised() if settings.blend in FREQUENCY_BLENDS else self
        scale = (settings.reference_scale,) * 2 if settings.reference_scale else self.scale
        return dataclasses.replace(made, scale=scale, interpolation=None)

    def equalised(self) -> Reference:
        """With the frequencies that its enlargement has weakened at their own strength (`equalised`)."""
        if self.interpolation is None:
            return self
        size = tuple(round(side / factor) for side, factor in zip(self.latent.shape[-2:], self.scale))
        return dataclasses.replace(self, latent=equalised(self.latent, size, self.interpolation), interpolation=None)


class NoiseSource(Protocol):
    """Unit Gaussian noise of the latent's shape for a step of the run."""

    def at(self, step: int) -> Tensor: ...


class SharedNoise:
    """One draw for the whole run: the very noise that the run started from. noise: [B, C, H, W]."""

    def __init__(self, noise: Tensor):
        self.noise = noise

    def at(self, step: int) -> Tensor:
        return self.noise


class FreshNoise:
    """A draw of its own for each step, as in the node pack, but seeded: image k depends on seeds[k] and the step alone.

    Drawn on the CPU in float32, so that a picture is the same on every device. What it gives is not kept: whoever
    asked may write over it.
    """

    def __init__(self, seeds: Sequence[int], like: Tensor):
        if len(seeds) != len(like):
            raise ValueError(f"{len(seeds)} seeds for a batch of {len(like)} latents")
        self.seeds, self.shape, self.device, self.dtype = list(seeds), like.shape[1:], like.device, like.dtype

    def at(self, step: int) -> Tensor:
        noise = torch.empty((len(self.seeds), *self.shape), device=self.device, dtype=self.dtype)
        for image, seed in zip(noise, self.seeds):
            generator = torch.Generator("cpu").manual_seed((int(seed) + (step + 1) * SEED_STRIDE) % 2**64)
            for part in drawn_parts(image):
                part.copy_(torch.randn(part.shape, generator=generator))
        return noise


def drawn_parts(image: Tensor) -> list[Tensor]:
    """What of an image's noise can be drawn after one another, for the same noise as all at once: planes, or all.

    torch draws normal numbers in blocks of `RANDN_BLOCK`, and fills the last one up.
    """
    planes = image.flatten(0, -3)
    return list(planes) if planes[0].numel() % RANDN_BLOCK == 0 else [image]


def noise_source(settings: MixingSettings, noise: Tensor, seeds: Sequence[int], state: Tensor) -> NoiseSource:
    """The noise that the settings put on the reference: the run's own, or a fresh one per step.

    Arguments:
        settings: `noise` says which.
        noise: that the run has started from, [B, C, H, W].
        seeds: of each image.
        state: the sampler's first. A host may start its sampler on the very tensor of the noise, which then changes
            under it; so that one is copied.
    """
    if settings.noise == "fresh per step":
        return FreshNoise(seeds, state)
    return SharedNoise(noise.clone() if noise.data_ptr() == state.data_ptr() else noise)


def noised_trajectory(
    z_ref: Tensor, sigmas: Iterable[float], noise: Tensor | NoiseSource, noising: Noising | None = None
) -> Iterator[Tensor]:
    """z'_i = a_i z_ref + s_i n, the reference at each level in turn (DemoFusion, arXiv 2311.16973, section 3.3).

    Arguments:
        z_ref: clean, [B, C, H, W].
        sigmas: levels in the convention of `noising`.
        noise: n, unit Gaussian like z_ref, shared by all steps, or a source of noise per step.
        noising: VE where it is not given.

    Returns:
        Tensors like z_ref, one at a time.
    """
    source = SharedNoise(noise) if isinstance(noise, Tensor) else noise
    for step, sigma in enumerate(sigmas):
        yield noised(noising or VE(), z_ref, source.at(step), float(sigma))


def batch_unsample(
    z_ref: Tensor,
    sigmas: Tensor,
    noise: Tensor | NoiseSource,
    start: int = 0,
    end: int | None = None,
    latent_scale: float = 1.0,
    centred: bool = False,
) -> Tensor:
    """z_ref at the levels of steps start to end, the cleanest first (the node pack's "Batch Unsampler").

    Arguments:
        z_ref: clean, [1, C, H, W].
        sigmas: [N + 1], falling to 0, as the sampler has them; the final 0 is left out.
        noise: unit Gaussian like z_ref, or a source of noise per step.
        start: the first step.
        end: the step after the last; N where it is not given.
        latent_scale: what sigmas are divided by; the pack takes the model's latent scale factor.
        centred: subtracts the mean of the first result from all (the pack's "normalize").

    Returns:
        [steps, C, H, W].

    Raises:
        ValueError: if no step is left.
    """
    steps = len(sigmas) - 1
    last = steps if end is None else min(end, steps)
    if not 0 <= start < last:
        raise ValueError(f"start_step: {start} is not allowed; it must be from 0 to {last - 1}, below end_step")
    levels = (sigmas[start:last] / latent_scale).flip(0)
    batch = torch.cat(list(noised_trajectory(z_ref, levels, noise)))
    return batch - batch[0].mean() if centred else batch


def equalised(z_ref: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    """z_ref as it would be had its enlargement not weakened the frequencies that it carried over.

    Each cosine below the old Nyquist frequency is divided by the interpolation's gain for it, up to `LARGEST_BOOST`
    times. Bilinear enlargement leaves 0.35 to 0.4 of the amplitude there; mixed as it is, such a reference blurs the
    picture (benchmarks/quality). Frequencies above are left alone: low-pass mixing takes none of them.

    Arguments:
        z_ref: enlarged, [..., H, W].
        size: what it was enlarged from, (height, width).
        interpolation: torch's name of how: "bilinear", "bicubic", "nearest" or "nearest-exact".

    Returns:
        A tensor like z_ref.
    """
    rows, columns = (
        _equaliser(old, new, interpolation).to(z_ref.dtype).to(z_ref.device) for old, new in zip(size, z_ref.shape[-2:])
    )
    return rows @ z_ref @ columns


@lru_cache(maxsize=8)
def _equaliser(old: int, new: int, interpolation: str) -> Tensor:
    """[new, new], float64, symmetric: one over the interpolation's gain for each cosine that the old size can hold."""
    if old >= new:
        return torch.eye(new, dtype=torch.float64)
    small, large = cosine_basis(old), cosine_basis(new)
    enlarged = torch.nn.functional.interpolate(
        small[:, None, :, None].expand(-1, 1, -1, 2),
        size=(new, 2),
        mode=interpolation,
        **({"align_corners": False} if interpolation in ("bilinear", "bicubic") else {}),
    )[:, 0, :, 0]
    kept = (enlarged * large[:old]).sum(1) * (old / new) ** 0.5
    boost = torch.ones(new, dtype=torch.float64)
    boost[:old] = 1.0 / kept.clamp(min=1.0 / LARGEST_BOOST)
    return large.T @ (boost[:, None] * large)
