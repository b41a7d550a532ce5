"""The reference of the next phase: what of it is taken from where, and how much noise goes on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from itermix.mixing.blend import working_dtype
from itermix.mixing.hires import LATENT, PIXEL
from itermix.mixing.lowpass import LowPass
from itermix.mixing.reference import Reference

INTERPOLATION = "bicubic"  # of latents: bilinear weakens what it carries over most
# This share of a picture's pixels counts as an edge in full (LSRNA's Canny edges are as rare), and only those that
# change at least so much of what the sharpest does.
EDGE_SHARE, LEAST_EDGE = 0.1, 0.1
FLAT = 1e-6


def from_source(source: str, enlarged: Callable[[], Reference], encoded: Callable[[], Tensor]) -> Reference:
    """The clean latent of a larger picture that the next pass starts from and is mixed with, made from a small one.

    Arguments:
        source: "latent" (interpolated), "pixel" (the picture enlarged and encoded), or "both" (`both_bands`).
        enlarged: makes the first; asked for its scale, too.
        encoded: makes the latent of the second, of the same shape; called where it is needed alone.
    """
    known = enlarged()
    if source == LATENT:
        return known
    if source == PIXEL:
        return replace(known, latent=encoded(), interpolation=None)
    made = known.equalised()
    return replace(made, latent=both_bands(made.latent, encoded(), LowPass(made.scale)))


def enlarged(latent: Tensor, size: tuple[int, int]) -> Reference:
    """A latent, [..., h, w], at another size (height, width), as a reference: [..., H, W]."""
    scale = tuple(new / old for new, old in zip(size, latent.shape[-2:]))
    planes = latent.reshape(-1, 1, *latent.shape[-2:])
    large = interpolate(planes, size=size, mode=INTERPOLATION).reshape(*latent.shape[:-2], *size)
    return Reference(large, scale, INTERPOLATION)


def both_bands(latent: Tensor, encoded: Tensor, lowpass: LowPass) -> Tensor:
    """L z_latent + (1 - L) z_encoded: low frequencies of the enlarged latent, high ones of the encoded picture.

    ScaleDiff's latent frequency mixing (arXiv 2510.25818, section 3.3). An enlarged latent keeps the picture's colours
    and shapes but is no latent of a sharp picture; an encoded enlarged picture is, but smooth.

    Arguments:
        latent: the small latent, enlarged, [B, C, H, W].
        encoded: the small picture, enlarged in pixels and encoded, of the same shape.
        lowpass: of the scale.

    Returns:
        A new tensor of the dtype of `latent`.
    """
    work = working_dtype(latent)
    apart = latent.to(work) - encoded.to(work)
    return lowpass.filter_(apart).add_(encoded).to(latent.dtype)


def edges(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Where a picture has edges, in [0, 1], at a latent's size: [B, 1, H, W].

    The gradient's length in units of the one that a tenth of the pixels exceed (or of a tenth of the largest, where
    that is more), at most 1, the mean over what becomes one pixel. A flat picture has none.

    picture: [B, C, h, w], pixels or a latent. size: (height, width).
    """
    down, across = torch.gradient(picture, dim=(-2, -1))
    length = (down.square() + across.square()).sum(1, keepdim=True).sqrt()
    pixels = length.flatten(1)
    unit = pixels.kthvalue(max(int((1.0 - EDGE_SHARE) * pixels.shape[1]), 1), dim=1).values
    unit = torch.maximum(unit, LEAST_EDGE * pixels.amax(1)).view(-1, 1, 1, 1)
    share = torch.where(unit > FLAT, length / unit.clamp(min=FLAT), torch.zeros_like(length)).clamp(max=1.0)
    return adaptive_avg_pool2d(share, size)


def with_edge_noise(reference: Tensor, noise: Tensor, where: Tensor, least: float, most: float) -> Tensor:
    """z + (least + (most - least) e) n: more noise where there are edges, whose detail is to be sampled again.

    LSRNA's region-wise noise addition (arXiv 2503.18446, section 3.2). where: e, [B, 1, H, W] in [0, 1] (`edges`).
    """
    return reference + (least + (most - least) * where) * noise
