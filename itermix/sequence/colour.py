"""Colours that stay: the mean and the standard deviation of each latent channel held to those of the first frame.

Without it a sequence drifts: what a model adds to every frame adds up. Cf. adaptive instance normalisation (Huang and
Belongie, arXiv 1703.06868), here on latents.
"""

from __future__ import annotations

from torch import Tensor

from itermix.mixing.blend import working_dtype

FLAT = 1e-6  # a channel with a smaller standard deviation has no contrast that could be raised


def anchored(latent: Tensor, first: Tensor, strength: float) -> Tensor:
    """Mean and standard deviation of each channel moved towards those of `first` by strength, 0 to 1.

    latent, first: [B, C, H, W], or [B, C, T, H, W]; each image by itself. At strength 0 it is the latent itself.
    """
    if strength == 0.0:
        return latent
    work, goal = latent.to(working_dtype(latent)), first.to(working_dtype(latent))
    over = tuple(range(2, latent.ndim))
    mean, wanted_mean = (t.mean(dim=over, keepdim=True) for t in (work, goal))
    std, goal_std = (t.std(dim=over, keepdim=True, correction=0) for t in (work, goal))
    gain = (1.0 - strength) + strength * (goal_std / std.clamp_min(FLAT))
    gain = gain.masked_fill(std < FLAT, 1.0)
    return ((work - mean) * gain + mean + strength * (wanted_mean - mean)).to(latent.dtype)
