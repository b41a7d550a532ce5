"""The low-pass behind "low-pass" and "two bands": what an enlarged reference still knows, and what it does not.

Separable, in the basis of the cosine transform, which continues a picture by its mirror image: nothing comes in from
the opposite border.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

NYQUIST = 0.5  # cycles per sample: the highest frequency that a latent holds
# Edges: mixed in full up to the first times the cutoff and not at all from the second times it on. In the octave below
# the cutoff an enlarged picture is what its interpolation made of it, and a soft edge rings less; a little short of the
# cutoff, so that at a picture's borders, too, nothing above it is touched. A sharp one holds more of that octave.
SOFT, SHARP = (0.5, 0.9), (0.8, 1.0)
# Enlarged by less than this a reference has lost little, so the edge comes in from above Nyquist with the scale: a
# picture that had to be fitted by a pixel is mixed as one that fits.
WHOLE_SPLIT = 1.25


class LowPass:
    """L for one run: x -> B^T B x along the height and the width, B being the cosines below the cutoff.

    scale: how many times the reference was enlarged, (height, width). What it was enlarged from knew frequencies up
    to the cutoff, 1 / (2 scale) cycles per sample. The bases are brought to the device once for each size.
    maps: weight maps of what lies below and of what lies above the cutoff, each [1, 1, H, W], or None for 1 everywhere.
    edge: SOFT or SHARP.
    """

    def __init__(
        self,
        scale: tuple[float, float],
        maps: tuple[Tensor, Tensor] | None = None,
        edge: tuple[float, float] = SOFT,
    ):
        self.maps, self.edge = maps, edge
        self.cutoff = tuple(NYQUIST / max(factor, 1.0) for factor in scale)
        self._bases: dict[tuple, Tensor] = {}

    @classmethod
    def of_cutoff(cls, cutoff: tuple[float, float], edge: tuple[float, float] = SOFT) -> LowPass:
        """cutoff: (height, width), in cycles per sample; 0.5 passes all."""
        return cls(tuple(NYQUIST / share for share in cutoff), edge=edge)

    def filter_(self, d: Tensor, rest: float = 0.0) -> Tensor:
        """(L + rest (1 - L)) d, in place; with maps m, n (m L + rest n (1 - L)) d.

        d: [..., H, W], float32 or float64, of any memory layout. One plane at a time, so that no second latent is held.
        """
        if self.maps is not None:
            return self._filter_by_maps_(d, rest)
        bases = self.bases(d, d.dtype)
        if bases is None:
            return d
        rows, columns = bases
        for index in itertools.product(*map(range, d.shape[:-2])):
            plane = d[index]
            low = rows.T @ (rows @ plane @ columns.T)
            if rest:
                plane.addmm_(low, columns, beta=rest, alpha=1.0 - rest)
            else:
                torch.mm(low, columns, out=plane)
        return d

    def _filter_by_maps_(self, d: Tensor, rest: float) -> Tensor:
        self.maps = tuple(weights.to(d.device, d.dtype) for weights in self.maps)  # to the device once
        below, above = (weights[0, 0] for weights in self.maps)
        bases = self.bases(d, d.dtype)
        if bases is None:
            return d.mul_(below)
        rows, columns = bases
        for index in itertools.product(*map(range, d.shape[:-2])):
            plane = d[index]
            low = rows.T @ (rows @ plane @ columns.T) @ columns
            plane.sub_(low).mul_(rest * above).add_(low.mul_(below))
        return d

    def bases(self, like: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Those of the height and the width of [..., H, W], on its device; None where the reference knows everything.

        Made when they are first asked for, in float64, which takes three times the memory that they keep.
        """
        if min(self.cutoff) >= NYQUIST:
            return None
        return tuple(self._basis(*along, dtype, like.device) for along in zip(like.shape[-2:], self.cutoff))

    def _basis(self, *key: Any) -> Tensor:
        if key not in self._bases:
            size, cutoff, dtype, device = key
            basis = _basis(size, cutoff, self.edge)
            self._bases[key] = basis.to(dtype).to(device)  # in this order: not all have float64
        return self._bases[key]


def gain(frequency: Tensor, cutoff: float, edge: tuple[float, float] = SOFT) -> Tensor:
    """1 up to edge[0] * cutoff, 0 from edge[1] * cutoff on, half a cosine between. A cutoff of 0.5 passes all.

    With s = 0.5 / cutoff below WHOLE_SPLIT both ends lie higher, by (1 - edge[0]) (WHOLE_SPLIT - s) / (WHOLE_SPLIT - 1)
    of the cutoff: continuous in s, down to s = 1 where the edge begins at Nyquist.
    """
    if cutoff >= NYQUIST:
        return torch.ones_like(frequency)
    passes, stops = edge
    raised = (1.0 - passes) * max((WHOLE_SPLIT - NYQUIST / cutoff) / (WHOLE_SPLIT - 1.0), 0.0)
    below = ((stops + raised) * cutoff - frequency) / ((stops - passes) * cutoff)
    return 0.5 - 0.5 * torch.cos(torch.pi * below.clamp(0.0, 1.0))


def cosine_basis(size: int, count: int | None = None) -> Tensor:
    """[count, size], float64: the first `count` (or all) orthonormal DCT-II cosines of a signal of `size` samples."""
    position = (torch.arange(size, dtype=torch.float64) + 0.5) * torch.pi / size
    order = torch.arange(size if count is None else count, dtype=torch.float64)
    basis = torch.cos(order[:, None] * position) * (2.0 / size) ** 0.5
    basis[0] /= 2.0**0.5
    return basis


def _basis(size: int, cutoff: float, edge: tuple[float, float]) -> Tensor:
    """[K, size], float64: the K cosines below the cutoff, each times the root of its gain; B^T B is the low-pass."""
    frequency = torch.arange(size, dtype=torch.float64) / (2 * size)  # cycles per sample
    share = gain(frequency, cutoff, edge)
    kept = int((share > 0.0).sum())
    return share[:kept, None].sqrt() * cosine_basis(size, kept)
