"""A large picture in phases of at most 2x each (DemoFusion, arXiv 2311.16973, section 3.2, goes up by 1x each time).

Each phase enlarges the clean latent of the one before and samples it again with that as its reference; then the
latent's mean and standard deviation are put back to those of the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

Size = tuple[int, int]  # (height, width)
LARGEST_STEP = 2  # times a side grows in a phase: beyond it direct sampling repeats the picture's objects
LEAST_STD = 1e-6

SamplePhase = Callable[[Tensor, Size, int], Tensor]


def phase_sizes(size: Size, target: Size, multiple: int = 1, phases: int = 0) -> list[Size]:
    """The sizes that lead from `size`, which is not among them, to `target`, which is the last.

    No side more than doubles in a phase, and all phases enlarge about equally: s_k is s_0 (s_n / s_0)^(k / n), rounded.

    Arguments:
        size: (height, width) to start from, multiples of `multiple`.
        target: at the end, multiples too, neither side smaller than at the start.
        multiple: that every side must be divisible by.
        phases: how many; 0 takes as few as there can be, and more than those are allowed.

    Raises:
        ValueError: for sides that are no multiples or get smaller, and for too few phases.
    """
    for name, (height, width) in (("size", size), ("target", target)):
        if any(side < multiple or side % multiple for side in (height, width)):
            raise ValueError(f"{name}: {height}x{width} is not allowed; both sides must be multiples of {multiple}")
    if any(new < old for new, old in zip(target, size)):
        raise ValueError(f"target: {target[0]}x{target[1]} is not allowed; no side may be smaller than at the start")
    if tuple(target) == tuple(size):
        return []
    fewest = fewest_phases(size, target)
    if phases and phases < fewest:
        raise ValueError(f"phases: {phases} is not allowed; it takes {fewest} or more, or 0 for as few as there can be")
    count = phases or fewest
    sides = [_along(old // multiple, new // multiple, count) for old, new in zip(size, target)]
    return [(height * multiple, width * multiple) for height, width in zip(*sides)]


def sizes_to(size: Size, target: Size, multiple: int = 1, phases: int = 1) -> list[Size]:
    """The sizes of a pass's phases: `phase_sizes`, but the last is the target whatever its sides are divisible by, and
    one phase takes any factor.

    Raises ValueError for too few phases of more than one.
    """
    start, end = (tuple(max(side // multiple, 1) * multiple for side in sides) for sides in (size, target))
    if phases == 1 or any(new < old for new, old in zip(end, start)):
        return [target]
    return [*phase_sizes(start, end, multiple, phases)[:-1], target]


def fewest_phases(size: Size, target: Size) -> int:
    """How many phases it takes at least, with no side more than doubled in any."""
    count = 0
    while any(old * LARGEST_STEP**count < new for old, new in zip(size, target)):
        count += 1
    return count


def _along(first: int, last: int, count: int) -> list[int]:
    """`count` whole numbers from `first`, left out, to `last`, each at most twice the one before, in equal ratios."""
    sides, side = [], first
    for phase in range(1, count + 1):
        wanted = round(first * (last / first) ** (phase / count))
        least = math.ceil(last / LARGEST_STEP ** (count - phase))  # else the phases that are left cannot reach it
        side = min(max(wanted, least, side), side * LARGEST_STEP, last)
        sides.append(side)
    return sides


def in_phases(latent: Tensor, sizes: Sequence[Size], sample: SamplePhase) -> Iterator[Tensor]:
    """The clean latent after each phase, [B, C, H, W], with the mean and std of the one that was given.

    sample(latent, size, phase) makes a latent of that size from the one before; phases count from 0.
    """
    first = latent
    for phase, size in enumerate(sizes):
        latent = restored(sample(latent, size, phase), first)
        yield latent


def restored(latent: Tensor, like: Tensor) -> Tensor:
    """The latent with the mean and standard deviation of another, each image by itself over all of its channels.

    (x - mean(x)) / std(x) std(like) + mean(like), after DemoFusion's pipeline. A latent without contrast only gets the
    mean. Computed in float32 (float64 for float64). latent, like: [B, C, ...]; of like, B may be 1.
    """
    axes = tuple(range(1, latent.dim()))
    work, goal = (one if one.element_size() >= 4 else one.float() for one in (latent, like))
    mean, std = work.mean(axes, keepdim=True), work.std(axes, keepdim=True)
    ratio = goal.std(axes, keepdim=True) / std.clamp(min=LEAST_STD)
    ratio = ratio.masked_fill(std < LEAST_STD, 1.0)
    return ((work - mean) * ratio + goal.mean(axes, keepdim=True)).to(latent.dtype)
