"""Keyframes of prompts: which prompt begins at which frame.

Two ways to write them. Numbered, as the node "CLIP Text Encode Sequence": `index: prompt`, which goes on over the
lines below it up to the next number. Or a plain list, one prompt per line, spaced over the frames, as "(v2)" of that
node. Empty lines and lines that begin with # are left out. A keyframe holds until the next one.

The number may be indented, and its colon the full-width one of a Chinese or Japanese keyboard. `16:9` is no keyframe
but a ratio: a number right after the colon, unless letters follow it at once (`8:1girl`).
"""

from __future__ import annotations

import math
import re
from itertools import pairwise

from itermix.settings import BOM, SettingsError, shown

SPACINGS = ("numbered", "linear", "sinus", "sinus inverted", "half sinus", "half sinus inverted")
LONGEST_SHOWN = 40  # characters of a line repeated in its message

KEYFRAME = re.compile(r"\s*(\d+)\s*[:\uff1a](?!\d+(?!\w))")
RATIO = re.compile(r"\s*\d+\s*[:\uff1a]\d")
KEY = re.compile(r"([^\s:<>()\[\]{},]+)\s*:")  # what else stands where a frame number belongs

Keyframes = dict[int, str]  # frame number, prompt; in rising order


def read(positive: str, negative: str, spacing: str, frames: int) -> tuple[Keyframes, Keyframes]:
    """Both tables of keyframes. Raises SettingsError, which names the field and the line.

    Of two plain lists each prompt and its negative begin together; the shorter list stays at its last one. Frame 0
    may be missing, and a table may be empty: the host's own prompt is what is meant then.
    """
    if spacing == "numbered":
        return numbered("prompts", positive, frames), numbered("negative_prompts", negative, frames)
    lists = [[line for _, line in lines(text)] for text in (positive, negative)]
    count = max(map(len, lists))
    if count > frames:
        raise SettingsError(f"prompts: {count} prompts are not allowed in {frames} frames; each takes one at least")
    starts = spaced(spacing, frames, count)
    return tuple(dict(zip(starts, prompts)) for prompts in lists)  # type: ignore[return-value]


def numbered(name: str, text: str, frames: int) -> Keyframes:
    """The keyframes of a table of `index: prompt`. name: of the field. Raises SettingsError."""
    bodies: dict[int, list[str]] = {}
    at: dict[int, int] = {}
    for line_number, line in lines(text):
        key = _key_of(line)
        if key:
            index = index_of(name, line_number, line, key.group(1), frames)
            if index in bodies:
                raise refused(name, line_number, line, f"frame {index} has its prompt in line {at[index]}")
            bodies[index], at[index] = [line[key.end() :].strip()], line_number
        elif bodies:
            bodies[next(reversed(bodies))].append(line.strip())
        else:
            why = 'the first prompt begins with its frame number, a colon and a blank, as in "0: a rose"'
            raise refused(name, line_number, line, why)
    table = {index: "\n".join(filter(None, body)) for index, body in sorted(bodies.items())}
    for index, prompt in table.items():
        if not prompt and name == "prompts":  # to have no negative prompt is a wish like any other
            raise refused(name, at[index], f"{index}:", f"frame {index} has no prompt; write one, or leave it out")
    return table


def spaced(spacing: str, frames: int, count: int) -> list[int]:
    """The frame at which each of `count` prompts begins: rising from 0, one frame each at least.

    linear: as the node's. half sinus: as the node's, the later the shorter; inverted is that backwards in time (the
    node's, once sorted, is the same as not inverted). sinus: short at both ends, inverted: short in the middle (the
    node gives no usable numbers for these).
    """
    if count < 2:
        return [0] * count
    if spacing == "linear":
        starts = [0, *_rising(frames // count, frames, count)[:-1]]
    elif spacing == "half sinus":
        starts = [0, *_half_sinus(frames, count)[:-1]]
    elif spacing == "half sinus inverted":
        starts = [frames - later for later in reversed(_half_sinus(frames, count))]
    elif spacing == "sinus":
        starts = [int(frames * (1.0 - math.cos(math.pi * i / count)) / 2.0) for i in range(count)]
    else:
        starts = [int(frames * math.acos(1.0 - 2.0 * i / count) / math.pi) for i in range(count)]
    for i in range(1, count):
        starts[i] = max(starts[i], starts[i - 1] + 1)
    return [min(start, frames - count + i) for i, start in enumerate(starts)]


def ends(table: Keyframes, frame: int) -> tuple[int, int | None]:
    """The keyframe that holds at a frame, and the next one if there is one. The table begins with frame 0."""
    for first, following in pairwise([*table, None]):
        if following is None or frame < following:
            return first, following
    raise ValueError("a table of keyframes begins with frame 0")


def lines(text: str) -> list[tuple[int, str]]:
    """Number and text of each line that says something. Blanks before a line stay: they mark its going on."""
    found = [(number, line.rstrip()) for number, line in enumerate(text.removeprefix(BOM).splitlines(), start=1)]
    return [(number, line) for number, line in found if line and not line.lstrip().startswith("#")]


def ratios(text: str) -> list[str]:
    """Lines that begin with a ratio, or with a keyframe that is written like one, and how they are read."""
    read_as = "is read as prompt; a frame number has a blank behind its colon"
    return [
        f"prompts, line {number}: {shown(line.strip())} {read_as}"
        for number, line in lines(text)
        if RATIO.match(line) and not KEYFRAME.match(line)
    ]


def _key_of(line: str) -> re.Match[str] | None:
    """What a line has in the place of a frame number, its first group; None for a line of prompt."""
    found = KEYFRAME.match(line)
    return found if found or RATIO.match(line) else KEY.match(line)


def index_of(name: str, line_number: int, line: str, key: str, frames: int) -> int:
    """The frame number of a line. Raises SettingsError, which names the line, for what is none of the sequence's."""
    if not re.fullmatch(r"\d{1,9}", key):
        raise refused(
            name, line_number, line, f'"{key[:LONGEST_SHOWN]}" is no frame number; indent the line if it is prompt'
        )
    if int(key) >= frames:
        raise refused(name, line_number, line, f"the last of {frames} frames is {frames - 1}")
    return int(key)


def refused(name: str, line_number: int, line: str, why: str) -> SettingsError:
    """The error for a line of a field."""
    shown = line if len(line) <= LONGEST_SHOWN else line[:LONGEST_SHOWN] + "..."
    return SettingsError(f"{name}, line {line_number}: {shown!r} is not allowed; {why}")


def _rising(first: int, last: int, count: int) -> list[int]:
    """`count` whole numbers from first to last, evenly spaced and rounded down; two or more."""
    step = (last - first) / (count - 1)
    return [*(int(i * step + first) for i in range(count - 1)), last]


def _half_sinus(frames: int, count: int) -> list[int]:
    quarter = [math.pi / 2.0 * i / (count - 1) for i in range(count)]
    return [int(math.sin(angle) * (frames - 1) + 1) for angle in quarter]
