"""Colours that stay: the mean and the standard deviation of each latent channel held to those of the first frame.

Without it a sequence drifts: what a model adds to every frame adds up. Cf. adaptive instance normalisation (Huang and
Belongie, arXiv 1703.06868), here on latents.
"""

from __future__ import annotations

from torch import Tensor

from itermix.mixing.blend import working_dtype

FLAT = 1e-6  # a channel with a smaller standard deviation has no contrast that could be raised


def anchored(latent: Tensor, first: Tensor, strength: float) -> Tensor:
    """m + s (m_first - m) + (x - m) (1 - s + s std_first / std): mean and std of each channel moved towards `first`.

    Arguments:
        latent: x, [B, C, H, W] or [B, C, T, H, W]; each channel of each image by itself.
        first: of the same shape.
        strength: s, 0 to 1.

    Returns:
        A tensor like `latent`; at strength 0 the latent itself.
    """
    if strength == 0.0:
        return latent
    work, goal = latent.to(working_dtype(latent)), first.to(working_dtype(latent))
    over = tuple(range(2, latent.ndim))
    mean, goal_mean = (t.mean(dim=over, keepdim=True) for t in (work, goal))
    std, goal_std = (t.std(dim=over, keepdim=True, correction=0) for t in (work, goal))
    gain = (1.0 - strength) + strength * (goal_std / std.clamp_min(FLAT))
    gain = gain.masked_fill(std < FLAT, 1.0)
    return ((work - mean) * gain + mean + strength * (goal_mean - mean)).to(latent.dtype)
