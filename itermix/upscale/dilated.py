"""Dilated sampling: every s-th pixel of a large latent is a small picture of the whole (DemoFusion, arXiv 2311.16973,
section 3.4), which a network of the native size sees as one. A Gaussian filter first lets neighbours know each other.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from itermix.upscale.phases import LEAST_STD
from itermix.upscale.windows import Size, Window, in_windows, windows

Denoise = Callable[[Tensor, float], Tensor]  # D(x, sigma), of a state x of any size

ALPHA_2, ALPHA_3 = 1.0, 1.0  # DemoFusion's, of the dilated samples' weight and of the filter's width
FILTER_STD, LEAST_FILTER = 0.8, 0.01  # the filter's std at the start, and the share of it that stays


def dilated(denoise: Callable[[Tensor], Tensor], x: Tensor, factor: int, seen: Tensor | None = None) -> Tensor:
    """Each of the factor^2 interleaved small latents denoised by itself, and put back in its place:

        D(x) = x - seen + D(seen)

    so that the noise which is found in `seen` is taken from x.

    Arguments:
        denoise: of a small latent, [B, C, ceil(H / factor), ceil(W / factor)] or a pixel less.
        x: [B, C, H, W].
        factor: s; one small latent has every s-th pixel of a row and a column.
        seen: what is denoised in the place of x, the filtered state.

    Returns:
        Like x.
    """
    source, result = x if seen is None else seen, torch.empty_like(x)
    for row in range(factor):
        for column in range(factor):
            result[..., row::factor, column::factor] = denoise(source[..., row::factor, column::factor])
    return result if seen is None else result.add_(x).sub_(seen)


def filtered(x: Tensor, factor: int, std: float) -> Tensor:
    """A Gaussian of 2 factor - 1 pixels on x, whose own mean and standard deviation are put back.

    As DemoFusion's filter (see `blurred`). Each image by itself. x: [B, C, H, W].
    """
    result = blurred(x, 2 * factor - 1, std)
    axes = tuple(range(1, x.dim()))
    centred = result - result.mean(axes, keepdim=True)
    ratio = x.std(axes, keepdim=True) / result.std(axes, keepdim=True).clamp(min=LEAST_STD)
    return centred * ratio + x.mean(axes, keepdim=True)


def blurred(x: Tensor, kernel: int, std: float) -> Tensor:
    """exp(-(i - (k - 1) / 2)^2 / (2 std^2)), normalised, along the height and the width.

    DemoFusion's takes zeros beyond the border, which dims it; here the border's own pixels go on.
    """
    position = torch.arange(kernel, dtype=torch.float64) - (kernel - 1) / 2.0
    weights = torch.exp(-(position**2) / (2.0 * std**2))
    weights = (weights / weights.sum()).to(x.dtype).to(x.device)
    channels, beyond = x.shape[1], kernel // 2
    wide = pad(x, (beyond, beyond, beyond, beyond), mode="replicate")
    wide = conv2d(wide, weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return conv2d(wide, weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)


def falling(u: float, alpha: float = 1.0) -> float:
    """((1 + cos(pi u)) / 2)^alpha: c2 and c3 over the progress u (DemoFusion, eq. 6 and section 3.4)."""
    return ((1.0 + math.cos(math.pi * u)) / 2.0) ** alpha


def filter_std(u: float) -> float:
    """c3: the filter's standard deviation, from FILTER_STD down to a hundredth of it."""
    return FILTER_STD * ((1.0 - LEAST_FILTER) * falling(u, ALPHA_3) + LEAST_FILTER)


@dataclass
class Denoiser:
    """DemoFusion's denoiser of a large latent: dilated and windowed samples of it, one fading into the other.

        D(x) = c2(u) D_dilated(x) + (1 - c2(u)) D_windows(x)

    Its pipeline mixes the states after the step; a step is linear in D, so that is the same.

    Arguments:
        denoise: D(x, sigma) at the native size.
        progress: u of a level (`Noising.progress`).
        native: (height, width) of windows.
        factor: how many times larger the latent is.
        seed: of the windows' moves.
    """

    denoise: Denoise
    progress: Callable[[float], float]
    native: Size
    factor: int
    seed: int = 0
    _moves: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._moves = random.Random(self.seed)

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        u = self.progress(sigma)
        share = falling(u, ALPHA_2)
        local = in_windows(lambda part, _: self.denoise(part, sigma), x, self._windows(tuple(x.shape[-2:])))
        if self.factor == 1:
            return local
        seen = filtered(x, self.factor, filter_std(u))
        whole = dilated(lambda part: self.denoise(part, sigma), x, self.factor, seen)
        return torch.lerp(local, whole, share)

    def _windows(self, size: Size) -> list[Window]:
        stride = tuple(max(side // 2, 1) for side in self.native)
        return windows(size, self.native, stride, self._moves)
