"""Perlin noise in the mixing: as a mask, as a latent in the reference, or as a part of the reference's noise.

Improved Perlin noise (Perlin, SIGGRAPH 2002) in two dimensions, summed over octaves, after the modes of
ComfyUI-Iterative-Mixer. The gradients come from a lattice of the picture's own seed, so that the noise is continuous
over a picture of any size (the pack's begins anew, with a seam) and an image is the same alone, in a batch and on every
device.

    m    the sum, stretched to [0, 1]        p    each channel's sum, with mean 0 and standard deviation 1
    s    strength

    mixing mask      the weight of the reference times 1 - s (1 - m)
    latent           z_ref becomes (1 - s) z_ref + s l, l being p with mean and deviation of z_ref's channels
    matched noise    the reference's noise n becomes sqrt(1 - s^2) n + s p
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2

import torch
from torch import Tensor

from itermix.mixing.normalize import normalized
from itermix.mixing.reference import NoiseSource
from itermix.mixing.settings import PERLINS, MixingSettings

OFF, MASK, LATENT, NOISE = PERLINS
PERSISTENCE = 0.5  # of the amplitude from an octave to the next, whose frequency doubles
MIDDLE = 0.5  # of a pixel
# Spreads the lattice's seeds away from those that noise is drawn with.
SEED_SHIFT = 0x632BE59BD9B4E019
# What the improved noise's 16 directions are in the plane z = 0: (x, y).
DIRECTIONS = (
    (1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (1, 0), (-1, 0),
    (0, 1), (0, -1), (0, 1), (0, -1), (1, 1), (0, -1), (-1, 1), (0, -1),
)  # fmt: skip


def mask_of(settings: MixingSettings, seeds: Sequence[int], like: Tensor) -> Tensor | None:
    """The factor of the weight, [B, 1, H, W], of a video [B, 1, 1, H, W], on the CPU; None where Perlin noise is no
    mask."""
    if not is_used(settings, MASK):
        return None
    fields = torch.stack([stretched(field(settings, seed, 1, like.shape[-2:])) for seed in seeds])
    return 1.0 - settings.perlin_strength * (1.0 - _for_all_frames(fields, like))


def latent_of(settings: MixingSettings, seeds: Sequence[int], z_ref: Tensor) -> Tensor:
    """The reference with Perlin noise in it, [B, C, H, W] or [B, C, T, H, W]; itself where there is to be none.

    z_ref: of each image, or one for all of them.
    """
    if not is_used(settings, LATENT):
        return z_ref
    z_ref = z_ref.expand(len(seeds), *z_ref.shape[1:])
    matched = normalized(_standard(settings, seeds, z_ref).to(z_ref.device, z_ref.dtype).expand_as(z_ref), z_ref)
    return torch.lerp(z_ref, matched, settings.perlin_strength)


def noise_of(settings: MixingSettings, seeds: Sequence[int], source: NoiseSource, like: Tensor) -> NoiseSource:
    """The source of noise with Perlin noise in it; itself where there is to be none."""
    if not is_used(settings, NOISE):
        return source
    return WithPerlin(source, _standard(settings, seeds, like), settings.perlin_strength)


class WithPerlin:
    """sqrt(1 - s^2) n + s p: of the variance of n. added: p, [B, C, H, W], on any device."""

    def __init__(self, source: NoiseSource, added: Tensor, strength: float):
        self.source, self.added, self.strength = source, added, strength

    def at(self, step: int) -> Tensor:
        noise = self.source.at(step)
        self.added = self.added.to(noise.device, noise.dtype)
        return (1.0 - self.strength**2) ** 0.5 * noise + self.strength * self.added


def is_used(settings: MixingSettings, kind: str) -> bool:
    return settings.perlin == kind and settings.perlin_strength > 0.0


def field(settings: MixingSettings, seed: int, channels: int, size: Sequence[int]) -> Tensor:
    """Perlin noise of one image: [channels, H, W], float32, on the CPU. Octaves whose cells are smaller than a latent
    pixel are left out: they would be nothing but chance, of a lattice beyond all bounds."""
    generator = torch.Generator("cpu").manual_seed((int(seed) + settings.perlin_seed + SEED_SHIFT) % 2**64)
    lattices = []
    for octave in range(min(settings.perlin_octaves, 1 + int(log2(settings.perlin_scale)))):
        cells = (ceil(side * 2**octave / settings.perlin_scale) + 2 for side in size)
        lattices.append(torch.randint(0, len(DIRECTIONS), (channels, *cells), generator=generator))
    return fractal(lattices, size, settings.perlin_scale)


def fractal(
    lattices: Sequence[Tensor],
    size: Sequence[int],
    scale: float,
    persistence: float = PERSISTENCE,
    offset: float = MIDDLE,
) -> Tensor:
    """The sum over octaves o of persistence^o noise(2^o x / scale).

    Arguments:
        lattices: of each octave the number of the direction at each corner of a cell, [channels, rows, columns].
        size: (height, width), in latent pixels.
        scale: of the first octave's cells, in latent pixels.
        offset: of the first pixel from the lattice's corner, where the noise is 0 whatever the directions.

    Returns:
        [channels, H, W], float32.
    """
    total = torch.zeros(len(lattices[0]), *size)
    for octave, lattice in enumerate(lattices):
        y, x = ((torch.arange(side, dtype=torch.float32) + offset) / scale * 2**octave for side in size)
        total += persistence**octave * gradient_noise(lattice, y, x)
    return total


def gradient_noise(lattice: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Improved Perlin noise at the crossings of y, [H], and x, [W], in cells of the lattice: [channels, H, W]."""
    directions = torch.tensor(DIRECTIONS, dtype=torch.float32)
    row, column = y.floor().long(), x.floor().long()
    down, right = (y - row)[:, None], x - column

    def corner(below: int, beside: int) -> Tensor:
        found = directions[lattice[:, row + below][:, :, column + beside]]
        return found[..., 0] * (right - beside) + found[..., 1] * (down - below)

    v, u = _fade(down), _fade(right)
    return torch.lerp(torch.lerp(corner(0, 0), corner(0, 1), u), torch.lerp(corner(1, 0), corner(1, 1), u), v)


def stretched(field: Tensor) -> Tensor:
    """From its least value to its greatest to [0, 1]; 0.5 where it is flat."""
    low, high = field.min(), field.max()
    return (field - low) / (high - low) if high > low else torch.full_like(field, 0.5)


def _standard(settings: MixingSettings, seeds: Sequence[int], like: Tensor) -> Tensor:
    """p for each image and channel: [B, C, H, W], and with one frame for all of a video's."""
    fields = torch.stack([field(settings, seed, like.shape[1], like.shape[-2:]) for seed in seeds])
    unbiased = int(fields[0, 0].numel() > 1)
    std, mean = torch.std_mean(fields, (2, 3), correction=unbiased, keepdim=True)
    fields = (fields - mean) / std.clamp(min=torch.finfo(std.dtype).tiny)
    return _for_all_frames(fields, like)


def _for_all_frames(fields: Tensor, like: Tensor) -> Tensor:
    """[B, C, H, W], and with one frame where `like` is a video's latent."""
    return fields if like.dim() == 4 else fields[:, :, None]


def _fade(t: Tensor) -> Tensor:
    return t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
