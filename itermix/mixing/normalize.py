"""A result with the mean and the standard deviation of its reference (the node pack's "normalize on mean")."""

from __future__ import annotations

import torch
from torch import Tensor

from itermix.mixing.blend import working_dtype


def normalized(x: Tensor, z_ref: Tensor, painted: Tensor | None = None) -> Tensor:
    """(x - mean x) std z / std x + mean z, of each image and channel.

    Arguments:
        x: a clean latent, [B, C, H, W] or [B, C, T, H, W].
        z_ref: the reference, [B or 1, C, H, W] or with T, on any device.
        painted: weight map in [0, 1], [1, 1, H, W]: the part of the picture that was sampled. Means and deviations are
            those of this part, and nothing else changes.

    Returns:
        A new tensor like x. A channel of x that is flat keeps its deviation, 0.
    """
    work = working_dtype(x)
    z_ref = z_ref.to(x.device, work)
    weight = x.new_ones((1, 1, *x.shape[-2:]), dtype=work) if painted is None else painted.to(x.device, work)
    mean, std = _moments(x.to(work), weight)
    goal, goal_std = _moments(z_ref, weight)
    ratio = torch.where(std > 0.0, goal_std / std.clamp(min=torch.finfo(work).tiny), 1.0)
    moved = (x.to(work) - mean) * ratio + goal
    return torch.lerp(x.to(work), moved, weight.expand_as(x)).to(x.dtype)


def _moments(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean and standard deviation of each image and channel, [B, C, 1, 1] (or with T)."""
    pixels = tuple(range(2, x.dim()))
    total = weight.expand_as(x[:1, :1]).sum(pixels, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
    mean = (x * weight).sum(pixels, keepdim=True) / total
    variance = ((x - mean) ** 2 * weight).sum(pixels, keepdim=True) / total
    return mean, variance.sqrt()
