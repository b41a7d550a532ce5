"""The first pass's own denoised predictions as a reference that is matched in time, and what later work makes of them.

A finished picture is more certain than any prediction at the same noise level, so replacing predictions by it commits
too early; a prediction of the first pass at that level is as certain as the one it stands beside (HiFlow, arXiv
2504.06232).
"""

from __future__ import annotations

from bisect import bisect_left

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from itermix.mixing.lowpass import LowPass


class Trajectory:
    """The denoised predictions of a pass, by their noise level, in half precision on the CPU.

    interpolation: torch's name of how they are enlarged.
    """

    def __init__(self, interpolation: str = "bicubic"):
        self.interpolation = interpolation
        self._levels: list[float] = []  # rising
        self._kept: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._levels)

    def record(self, level: float, denoised: Tensor) -> None:
        """Keeps the prediction at a level, [B, C, H, W]; a level that comes again (Restart) keeps its last."""
        place = bisect_left(self._levels, level)
        kept = denoised.detach().to("cpu", torch.float16, copy=True)
        if place < len(self._levels) and self._levels[place] == level:
            self._kept[place] = kept
        else:
            self._levels.insert(place, level)
            self._kept.insert(place, kept)

    def at(self, level: float, size: tuple[int, int], like: Tensor) -> Tensor:
        """The prediction at a level, enlarged to a size (height, width), on the device and in the dtype of `like`.

        Between two levels it is linear in the level; outside it is the nearest one. Raises ValueError where nothing
        was recorded.
        """
        if not self._levels:
            raise ValueError("trajectory: nothing was recorded")
        above = min(bisect_left(self._levels, level), len(self._levels) - 1)
        below = max(above - 1, 0)
        low, high = self._levels[below], self._levels[above]
        fraction = 1.0 if high == low else min(max((level - low) / (high - low), 0.0), 1.0)
        small = torch.lerp(self._kept[below].float(), self._kept[above].float(), fraction)
        return interpolate(small, size=size, mode=self.interpolation).to(like.device, like.dtype)


class Acceleration:
    """O_k = D_k - b [(D_k - R_k) - (s_k / s_{k-1}) (O_{k-1} - R_{k-1})] (HiFlow, arXiv 2504.06232, section 3.3).

    D is the prediction, R the reference's at the same level s, O what goes on. With b = 1 the prediction changes from
    step to step as the reference's does; the first step has none before it and stays as it is. The raw D_k is what b
    acts on, and b fades by step.
    """

    def __init__(self) -> None:
        self._apart: list[tuple[float, Tensor]] = []  # (s, O - R) of the last two levels

    def __call__(self, denoised: Tensor, reference: Tensor, level: float, share: float) -> Tensor:
        """O_k, like D_k. share: b_k in [0, 1]. A level that is asked for twice (Heun) has one O before it."""
        if self._apart and self._apart[-1][0] == level:
            self._apart.pop()
        apart = denoised - reference
        if self._apart and share > 0.0:
            before, last = self._apart[-1]
            apart = torch.lerp(apart, last * (level / before), share)
        self._apart = [*self._apart[-1:], (level, apart)]
        return reference + apart


def aligned(denoised: Tensor, reference: Tensor, share: float, lowpass: LowPass) -> Tensor:
    """D + c L(R - D): the prediction with the low frequencies of the reference's.

    HiFlow's direction alignment with R matched in time, DiffuseHigh's structural guidance (arXiv 2406.18459, there by
    wavelets) with R the finished small picture. denoised, reference: [B, C, H, W], float32 or float64.
    """
    return denoised + share * lowpass.filter_(reference - denoised)
