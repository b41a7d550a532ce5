"""A large latent denoised in overlapping windows, without seams, in memory that does not grow with it.

MultiDiffusion (arXiv 2302.08113) averages overlapping windows evenly, DemoFusion (arXiv 2311.16973) moves them at
random from step to step. Here a window's weight falls to 0 towards its inner borders, where it has not seen what a
whole picture's denoiser has: with one that sees no farther than `margin` pixels the result is the whole picture's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from itermix.mixing.blend import working_dtype

Size = tuple[int, int]
# Of the space by which two windows overlap, what each may move: then half of it is left even where they move apart.
JITTER_SHARE = 4
DenoiseWindow = Callable[[Tensor, "Window"], Tensor]


@dataclass(frozen=True)
class Window:
    """A part of a latent: rows top to bottom, columns left to right, the ends left out."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, latent: Tensor) -> Tensor:
        """The window's part of [..., H, W], a view of it."""
        return latent[..., self.top : self.bottom, self.left : self.right]


def windows(size: Size, window: Size, stride: Size, moved: random.Random | None = None) -> list[Window]:
    """Windows that cover the size, row by row, one each stride, the last of a row or column flush with the border.

    DemoFusion's, which takes half a window as stride. Its pipeline pads the latent so that windows at a border can
    move outwards; here they stay within it, since what is padded is no picture.

    Arguments:
        size: (height, width) of the latent.
        window: of a window; cut to the size.
        stride: from one window to the next, at most the window.
        moved: moves each window that does not touch a border along that axis by up to a quarter of the overlap, at
            random; a border keeps its window. None moves none.

    Raises:
        ValueError: for a stride that leaves gaps.
    """
    for name, step, length in zip(("height", "width"), stride, window):
        if not 1 <= step <= length:
            raise ValueError(
                f"stride: {step} is not allowed along the {name}; it must be from 1 to the window's {length}"
            )
    rows, columns = (starts(*along) for along in zip(size, window, stride))
    found = []
    for top in rows:
        for left in columns:
            x = _moved(left, size[1], window[1], stride[1], moved)
            y = _moved(top, size[0], window[0], stride[0], moved)
            found.append(Window(y, min(y + window[0], size[0]), x, min(x + window[1], size[1])))
    return found


def starts(side: int, window: int, stride: int) -> list[int]:
    """Where windows begin along one axis."""
    if side <= window:
        return [0]
    return [*range(0, side - window, stride), side - window]


def _moved(start: int, side: int, window: int, stride: int, moved: random.Random | None) -> int:
    """Where a window begins after its move; what leads out of the latent is cut off."""
    if moved is None or side <= window:
        return start
    most = (window - stride) // JITTER_SHARE
    draw = moved.randint(0 if start + window >= side else -most, 0 if start == 0 else most)
    return min(max(start + draw, 0), side - window)


def in_windows(denoise: DenoiseWindow, x: Tensor, parts: Iterable[Window], margin: int = 0, ramp: int = 0) -> Tensor:
    """The denoised latent, each pixel the mean of the windows that have it, by their weights:

        D(x) = sum_k w_k D_k(x_k) / sum_k w_k

    w_k is 0 within `margin` of an inner border, rises over `ramp` pixels (0: at once, as in MultiDiffusion), and is 1
    from there on; at the latent's own border it is 1. Windows that overlap by 4 margin, or by 2 margin where none is
    moved, leave no pixel without weight.

    Arguments:
        denoise: of a window's part of x, [B, C, h, w], told which it is.
        x: [..., H, W]; it is not changed.
        parts: that cover it (`windows`).
        margin: how far from its border a window is not to be trusted, in pixels.
        ramp: over how many pixels a window comes in.

    Returns:
        Like x. Beside it and a window's own part one latent in float32 is held (float64 for float64).

    Raises:
        ValueError: where a pixel has no window with weight.
    """
    work, size = working_dtype(x), tuple(x.shape[-2:])
    total, weights = torch.zeros_like(x, dtype=work), torch.zeros(size, dtype=work, device=x.device)
    for part in parts:
        weight = window_weight(part, size, margin, ramp).to(work).to(x.device)
        part.of(total).addcmul_(denoise(part.of(x), part).to(work), weight)
        part.of(weights).add_(weight)
    if not bool((weights > 0.0).all()):
        raise ValueError(f"margin: {margin} is not allowed; with it windows overlap too little to cover the latent")
    return total.div_(weights).to(x.dtype)


def window_weight(part: Window, size: Size, margin: int, ramp: int) -> Tensor:
    """w_k of a window, [h, w], float64, between 0 and 1."""
    rows = _weight_along(part.top, part.bottom, size[0], margin, ramp)
    columns = _weight_along(part.left, part.right, size[1], margin, ramp)
    return rows[:, None] * columns


def _weight_along(start: int, end: int, side: int, margin: int, ramp: int) -> Tensor:
    position = torch.arange(end - start, dtype=torch.float64) + 0.5
    weight = torch.ones_like(position)
    for distance, is_border in ((position, start == 0), (end - start - position, end == side)):
        if not is_border:
            weight *= ((distance - margin) / ramp).clamp(0.0, 1.0) if ramp else distance > margin
    return weight
