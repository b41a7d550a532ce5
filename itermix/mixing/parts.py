"""Blending in half precision without a latent in float32: a plane at a time.

torch converts all of a tensor before it adds it to one of another dtype. Two latents in float32 and what becomes of
them are five of a state in half precision; a plane of one channel is a quarter of a latent or less.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import reduce
from operator import add

import torch
from torch import Tensor

from itermix.mixing.blend import BLENDS, SHARES, Pair, Weight, combine_, per_image, whole_outside, working_dtype
from itermix.mixing.lowpass import LowPass
from itermix.mixing.settings import FREQUENCY_BLENDS

Index = tuple[int, ...]
MakePart = Callable[[Index], Tensor]
WHOLE: Index = ()


def blend_parts(
    name: str, x: Tensor, z: MakePart, weight: Weight, lowpass: LowPass, rest: float, into: Tensor | None = None
) -> Tensor:
    """`blend.blend`, of a z that is made as it is needed.

    Arguments:
        name, weight, rest: as of `blend.blend`. lowpass: of its cutoff.
        x: the sampler's state, [B, C, H, W] or [B, C, T, H, W].
        z: of an index gives z[index], in `working_dtype(x)`, not used elsewhere; of `WHOLE`, all of it. Where x is of
            half precision it is asked for planes, [H, W], and by "slerp" and "norm only" twice for each.
        into: where the result goes in half precision, like x; what z is made of may be there, plane by plane.

    Returns:
        `into`, or a new tensor of the shape, dtype and device of x.
    """
    if x.dtype == working_dtype(x):
        return BLENDS[name](x, z(WHOLE), weight, lowpass, rest)
    if name in FREQUENCY_BLENDS:
        lowpass.bases(x, working_dtype(x))  # made while nothing else is held
    mixed = torch.empty_like(x) if into is None else into
    if name in SHARES:
        for image, c in enumerate(per_image(weight, x)):
            planes = [(image, *index) for index in plane_indices(x[image])]
            a, b = SHARES[name](reduce(add, (Pair.of(x[index], z(index)) for index in planes)), c)
            a = whole_outside(a, c)
            for index in planes:
                own = (_part(share, x[image], index[1:]) for share in (a, b))
                mixed[index] = combine_(z(index), *own, x[index])
    else:
        for index in plane_indices(x):
            mixed[index] = BLENDS[name](x[index], z(index), _part(weight, x, index), lowpass, rest)
    return mixed


def plane_indices(x: Tensor) -> Iterator[Index]:
    """Of all planes [H, W] of [..., H, W]."""
    return itertools.product(*map(range, x.shape[:-2]))


def _part(weight: Weight, like: Tensor, index: Index) -> Weight:
    """A plane's part of a weight that broadcasts to `like`; one number is every plane's."""
    if not isinstance(weight, Tensor) or weight.dim() == 0:
        return weight
    return weight.expand_as(like)[index]
