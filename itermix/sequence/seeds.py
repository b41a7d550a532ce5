"""The seed of each frame. Seeds are whole numbers in 0 .. 2^64 - 1 and wrap around at both ends.

Random seeds are drawn from the first one, so that a run can be repeated. The nodes' own seeds, with all their
quirks, are here for users who want the same pictures again.
"""

from __future__ import annotations

import math
from random import Random

from itermix.sequence.settings import SequenceSettings

SEEDS = 2**64
SWING = 1000  # how far sine keying goes from the first seed, as in the node


def seeds(settings: SequenceSettings, first: int) -> list[int]:
    """One seed for each frame; the first frame has `first`, but for the node's alternating seeds."""
    drawn = Random(first)
    by_node = {"KSampler Sequence": node_seeds, "KSampler Sequence (v2)": node_seeds_v2}
    if settings.node_seeds in by_node:
        chosen = by_node[settings.node_seeds](settings, first, drawn)
    else:
        chosen = _own(settings, first, drawn)
    return [seed % SEEDS for seed in chosen]


def _own(settings: SequenceSettings, first: int, drawn: Random) -> list[int]:
    """What the options say. Keying stands in for the seed mode; alternating goes between two seeds."""
    if settings.seed_keying != "off":
        return [keyed(settings, first, frame) for frame in range(settings.frames)]
    chosen = [first]
    for frame in range(1, settings.frames):
        back = settings.alternate and frame % 2 == 0
        chosen.append(first if back else following(settings.seed_mode, chosen[-1], drawn))
    return chosen


def keyed(settings: SequenceSettings, first: int, frame: int) -> int:
    """sine: first + 1000 sin(2 pi k / d), rounded; modulo: first + k where d divides k, else first."""
    if settings.seed_keying == "sine":
        return first + round(SWING * math.sin(2.0 * math.pi * frame / settings.seed_divisor))
    return first + frame if frame % settings.seed_divisor == 0 else first


def following(mode: str, seed: int, drawn: Random) -> int:
    """The seed after this one, not yet wrapped."""
    if mode == "random":
        return drawn.randint(0, SEEDS - 1)
    return seed + {"increment": 1, "decrement": -1, "fixed": 0}[mode]


def node_seeds(settings: SequenceSettings, first: int, drawn: Random) -> list[int]:
    """Of "KSampler Sequence": alternating changes its two seeds at even frames if 3 divides the *first seed*."""
    chosen: list[int] = []
    before = current = first
    for frame in range(settings.frames):
        if settings.alternate and frame % 2 == 0:
            if settings.seed_mode != "fixed" and first % 3 == 0:
                before, current = current, before + (1 if first // 2 % 2 == 0 else -1)
            chosen.append(current)
        else:
            chosen.append(following(settings.seed_mode, chosen[-1], drawn) if frame else first)
    return chosen


def node_seeds_v2(settings: SequenceSettings, first: int, drawn: Random) -> list[int]:
    """Of "KSampler Sequence (v2)": the seed mode acts a second time, on keyed seeds too; sine is rounded towards 0.

    Sine seeds are floats there, of which the random generator takes the whole part.
    """
    chosen: list[int] = [first]
    for frame in range(1, settings.frames):
        if settings.seed_keying == "sine":
            seed = SWING * math.sin(2.0 * math.pi * frame / settings.seed_divisor) + first
        elif settings.seed_keying == "modulo":
            seed = (first + frame) % (SEEDS - 1) if frame % settings.seed_divisor == 0 else first
        else:
            seed = following(settings.seed_mode, chosen[-1], drawn)
        chosen.append(int(following(settings.seed_mode, seed, drawn)))
    return chosen
