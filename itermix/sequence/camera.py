"""A camera over latents: the frame before is moved, turned and enlarged before the next one is sampled from it.

In the order of Deforum's two-dimensional animation: the picture is moved, then turned and enlarged around its centre.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from itermix.mixing.blend import working_dtype
from itermix.sequence.plan import Move

TAPS = range(-2, 4)  # pixels around a place that count for its value, on each axis


def moved(latent: Tensor, move: Move, noise: Tensor | None = None, share: float = 0.0) -> Tensor:
    """The latent as the camera sees it after a move. A place p shows what was at q, from the centre c:

        q - c = R(-rotation) (p - c) / zoom - pan

    What was outside is the picture's mirror image m, or with a share k > 0 noise of its mean and standard deviation:
    mean + sqrt(1 - k^2) (m - mean) + k std noise.

    Arguments:
        latent: [B, C, H, W] or [B, C, T, H, W].
        move: of which a still one gives the latent itself.
        noise: unit noise like `latent`; needed where share is not 0.
        share: 0 to 1.

    Returns:
        A tensor like `latent`.
    """
    if move.is_still:
        return latent
    height, width = latent.shape[-2:]
    y, x = _sources(height, width, move)
    seen = resampled(latent, y, x)
    if share and noise is not None:
        part, work = share * _outside(y, x, height, width).to(seen), latent.to(seen)
        over = tuple(range(2, latent.ndim))
        mean, std = work.mean(dim=over, keepdim=True), work.std(dim=over, keepdim=True, correction=0)
        seen = mean + (1.0 - part**2).sqrt() * (seen - mean) + part * std * noise.to(seen)
    return seen.to(latent.dtype)


def resampled(latent: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """The latent at places between its pixels, by Keys' six-point kernel, which is exact for polynomials up to the
    third degree (IEEE Trans. ASSP 29, 1981, eq. 25); beyond its border the latent is mirrored.

    Arguments:
        latent: [..., H, W].
        y, x: [H', W'], float64 on the CPU; 0 is the middle of the first pixel.

    Returns:
        [..., H', W'] in the latent's working dtype.
    """
    work = latent.to(working_dtype(latent))
    rows, of_rows = _taps(y, latent.shape[-2], work)
    columns, of_columns = _taps(x, latent.shape[-1], work)
    found = torch.zeros((*work.shape[:-2], *y.shape), dtype=work.dtype, device=work.device)
    for row, of_row in zip(rows, of_rows):
        for column, of_column in zip(columns, of_columns):
            found += work[..., row, column] * (of_row * of_column)
    return found


def _sources(height: int, width: int, move: Move) -> tuple[Tensor, Tensor]:
    """Where each pixel of a moved picture was before: rows and columns, [H, W] each, float64 on the CPU."""
    angle = math.radians(move.rotation)
    cosine, sine = math.cos(angle) / move.zoom, math.sin(angle) / move.zoom
    middle_y, middle_x = (height - 1) / 2.0, (width - 1) / 2.0
    down = torch.arange(height, dtype=torch.float64)[:, None] - middle_y
    right = torch.arange(width, dtype=torch.float64)[None, :] - middle_x
    x = cosine * right - sine * down + (middle_x - move.pan_x * width)
    y = sine * right + cosine * down + (middle_y - move.pan_y * height)
    return y, x


def _taps(places: Tensor, size: int, like: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The pixels that count at each place along one axis, and their weights."""
    start = places.floor()
    pixels = [_mirrored(start.long() + tap, size).to(like.device) for tap in TAPS]
    weights = [_kernel((places - start - tap).abs()).to(dtype=like.dtype).to(like.device) for tap in TAPS]
    return pixels, weights


def _kernel(s: Tensor) -> Tensor:
    """Keys' six-point kernel at distances s from 0 to 3."""
    near = ((4.0 / 3.0) * s - 7.0 / 3.0) * s * s + 1.0
    middle = ((-7.0 / 12.0 * s + 3.0) * s - 59.0 / 12.0) * s + 15.0 / 6.0
    far = ((1.0 / 12.0 * s - 2.0 / 3.0) * s + 21.0 / 12.0) * s - 3.0 / 2.0
    return torch.where(s <= 1.0, near, torch.where(s <= 2.0, middle, far))


def _mirrored(index: Tensor, size: int) -> Tensor:
    """The pixel that stands at an index beyond the border: ... 1 0 | 0 1 2 ... n-1 | n-1 n-2 ..."""
    index = index.remainder(2 * size)
    return torch.where(index < size, index, 2 * size - 1 - index)


def _outside(y: Tensor, x: Tensor, height: int, width: int) -> Tensor:
    """[H, W]: 1 where a place lies outside of the picture, 0 where it lies inside, soft over the pixel between."""
    beyond = torch.stack((-0.5 - y, y - (height - 0.5), -0.5 - x, x - (width - 0.5))).amax(dim=0)
    return (beyond + 0.5).clamp(0.0, 1.0)
