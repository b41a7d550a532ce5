"""Prompt schedules in the formats that people have them in: itermix's own, and those of four other programs.

| format | looks like | between two keyframes | before the first |
|---|---|---|---|
| itermix | `0: a cat`, lines below it go on (`prompts.py`) | travels | the host's own prompt |
| Deforum | `{"0": "a cat --neg blurry", "max_f/2": "a dog"}` | holds | the first one |
| FizzNodes | the same without braces, Pre text and Append text around it | travels, linearly | the first one |
| AnimateDiff | lines of a head, `0: a cat` lines, lines of a tail, joined by commas | travels, slerp | the first one |
| prompt travel | one line for each stage, evenly spaced, the last in the last frame | travels, slerp | - |

Deforum's may stand in its whole settings file (`deforum.py`). A frame of Deforum's and FizzNodes' may be arithmetic of
max_f, the number of frames. Within their prompts, arithmetic between backticks is worked out for each frame, of t, its
number, and max_f, that of the last one.
"""

from __future__ import annotations

import re
from dataclasses import replace

from itermix.sequence import prompts, quoted
from itermix.sequence.expressions import ExpressionError, parsed
from itermix.sequence.fields.prompts import ANIMATEDIFF, DEFORUM, FIZZNODES, OWN, STAGES
from itermix.sequence.prompt_schedule import NEGATIVE, Around, PromptSchedule, check_arithmetic, joined, parted
from itermix.sequence.prompts import Keyframes
from itermix.settings import BOM, SettingsError, shown

QUOTED = (DEFORUM, FIZZNODES)
NUMBER_KEY = re.compile(r"\s*[-+]?[\d.]+\s*[:\uff1a](?!\d)")  # as a frame number, or nearly
NUMBER_AND_BLANK = re.compile(r"\s*\d+\s")


def read(
    positive: str, negative: str, spacing: str, frames: int, format: str = "automatic", around: Around | None = None
) -> PromptSchedule:
    """The schedule of both fields of prompts. spacing: of a plain list, or "numbered". Raises SettingsError."""
    from itermix.sequence.deforum import settings_file  # late: a host's start waits for every import

    if spacing != "numbered":
        if format not in ("automatic", OWN) and prompts.lines(positive):
            raise SettingsError(f'keyframes: "{spacing}" is for a plain list; set it to "numbered" for {format}')
        tables = prompts.read(positive, negative, spacing, frames)
        return (around or Around()).put(PromptSchedule(OWN, *tables, frames))
    file = settings_file(positive) if format in ("automatic", DEFORUM) else None
    if file is not None:
        positive = file.prompts
    if format == "automatic" or not prompts.lines(positive):
        format = recognised(positive)
    schedule = READERS[format](positive, negative, frames)
    schedule = (around or Around()).put(schedule if file is None else file.around.put(schedule))
    for frame, text in schedule.positive.items():
        if not text:
            line = f", line {schedule.lines[frame]}" if frame in schedule.lines else ""
            raise SettingsError(f"prompts{line}: frame {frame} has no prompt; write one, or leave it out")
    is_apart = recognised(negative) in QUOTED  # the negative prompts have keyframes and lines of their own
    schedule = replace(schedule, has_arithmetic=format in QUOTED or is_apart)
    check_arithmetic("prompts", schedule.positive, schedule)
    if is_apart:
        check_arithmetic("negative_prompts", schedule.negative, replace(schedule, lines={}))
    else:
        check_arithmetic("prompts", schedule.negative, schedule)
    return schedule


def recognised(text: str) -> str:
    """The format that a text of prompts has; itermix's own, which says what is wrong, where it has none."""
    text = text.removeprefix(BOM)
    if quoted.BRACED.match(text):
        return DEFORUM
    if quoted.BARE.match(text):
        return FIZZNODES
    lines = [line for _, line in prompts.lines(text)]
    if not lines or prompts.KEYFRAME.match(lines[0]):
        return OWN
    keyed = [place for place, line in enumerate(lines) if prompts.KEYFRAME.match(line)]
    if any(NUMBER_KEY.match(line) for line in lines[: keyed[0] if keyed else None]):
        return OWN
    if keyed:
        return ANIMATEDIFF
    is_list = len(lines) > 1 and not all(NUMBER_AND_BLANK.match(line) for line in lines)
    return STAGES if is_list else OWN


def _read_own(positive: str, negative: str, frames: int) -> PromptSchedule:
    found = recognised(negative)
    if found in (*QUOTED, ANIMATEDIFF):
        other = READERS[found](negative, "", frames, "negative_prompts").positive
    else:
        other = prompts.numbered("negative_prompts", negative, frames)
    table = prompts.numbered("prompts", positive, frames)
    return PromptSchedule(OWN, table, other, frames, notes=tuple(prompts.ratios(positive)))


def _read_quoted(positive: str, negative: str, frames: int, name: str = "prompts") -> PromptSchedule:
    """Both of Deforum and of FizzNodes: each entry is a frame and a prompt, with `--neg` before its negative part."""
    table: dict[int, tuple[str, str]] = {}
    lines: dict[int, int] = {}
    text = positive.removeprefix(BOM)
    for entry in quoted.entries(name, text):
        index = _frame_of(name, entry, frames)
        if index in table:
            why = f"frame {index} has its prompt in line {lines[index]}"
            raise SettingsError(f"{name}, line {entry.line}: {shown(entry.key)} is not allowed; {why}")
        table[index], lines[index] = parted(f"{name}, line {entry.line}", entry.prompt), entry.line
    if not table:
        raise SettingsError(f'{name}, line 1: there is no keyframe, such as "0": "a rose"')
    table = dict(sorted(table.items()))
    first = next(iter(table))
    table = {0: table[first], **table}
    if name == "negative_prompts" and any(without for _, without in table.values()):
        raise SettingsError(f"{name}: {NEGATIVE} is not allowed in negative prompts; leave it out")
    own = {frame: without for frame, (_, without) in table.items()} if any(n for _, n in table.values()) else {}
    lines.setdefault(0, lines[first])
    format = DEFORUM if quoted.BRACED.match(text) else FIZZNODES
    return PromptSchedule(
        format, {frame: text for frame, (text, _) in table.items()}, _with(own, negative, frames), frames, lines
    )


def _read_animatediff(positive: str, negative: str, frames: int, name: str = "prompts") -> PromptSchedule:
    """Head and tail are put around every keyframe's prompt."""
    head: list[str] = []
    table: dict[int, str] = {}
    lines: dict[int, int] = {}
    tail: list[str] = []
    for number, line in prompts.lines(positive):
        key = prompts.KEYFRAME.match(line)
        if key is None:
            (tail if table else head).append(line.strip())
            continue
        if tail:
            raise prompts.refused(name, number, line, "after the first line of the tail no frame follows")
        index = prompts.index_of(name, number, line, key.group(1), frames)
        if index in table:
            raise prompts.refused(name, number, line, f"frame {index} has its prompt in line {lines[index]}")
        text = line[key.end() :].strip()
        if not text:
            raise prompts.refused(name, number, line, f"frame {index} has no prompt; write one, or leave it out")
        table[index], lines[index] = text, number
    if not table:
        raise SettingsError(f"{name}: there is no line of a frame, such as 0: a rose")
    joined = {index: ", ".join(filter(None, (*head, text, *tail))) for index, text in sorted(table.items())}
    whole = {0: next(iter(joined.values())), **joined}
    return PromptSchedule(ANIMATEDIFF, whole, _with({}, negative, frames), frames, lines)


def _read_stages(positive: str, negative: str, frames: int, name: str = "prompts") -> PromptSchedule:
    """The first stage is frame 0, the last one the last frame; the shorter list stays at its last stage."""
    lists = [[line.strip() for _, line in prompts.lines(text)] for text in (positive, negative)]
    count = max(map(len, lists))
    if len(lists[0]) < 2:
        raise SettingsError(f"{name}: {len(lists[0])} line is not allowed; it takes two or more, one for each stage")
    if count > frames:
        raise SettingsError(f"{name}: {count} stages are not allowed in {frames} frames; each takes one at least")
    starts = [(2 * stage * (frames - 1) + count - 1) // (2 * (count - 1)) for stage in range(count)]
    table, other = (dict(zip(starts, stages)) for stages in lists)
    if negative and recognised(negative) not in (STAGES, OWN):
        other = _with({}, negative, frames)
    return PromptSchedule(STAGES, table, other, frames)


READERS = {
    OWN: _read_own, DEFORUM: _read_quoted, FIZZNODES: _read_quoted, ANIMATEDIFF: _read_animatediff, STAGES: _read_stages
}  # fmt: skip


def _with(own: Keyframes, negative: str, frames: int) -> Keyframes:
    """The negative prompts of a schedule and those of the field: a table of its own, or one text for all frames.

    Raises SettingsError.
    """
    found = recognised(negative)
    is_table = found in (*QUOTED, ANIMATEDIFF) or any(
        prompts.KEYFRAME.match(line) for _, line in prompts.lines(negative)
    )
    if is_table and own:
        raise SettingsError(f"negative_prompts: the prompts have {NEGATIVE} already; leave one of both out")
    if is_table:
        return _read_own("", negative, frames).negative
    plain = joined(*(line.strip() for _, line in prompts.lines(negative)))
    if not plain:
        return own
    return {frame: joined(text, plain) for frame, text in (own or {0: ""}).items()}


def _frame_of(name: str, entry: quoted.Entry, frames: int) -> int:
    """The frame of a key: a whole number, or arithmetic of max_f, of which the whole part counts."""
    where = f"{name}, line {entry.line}: {shown(entry.key)}"
    if re.fullmatch(r"[0-9]{1,9}", entry.key):
        return int(entry.key)
    try:
        value = parsed(entry.key, ("max_f",)).value(max_f=frames)
    except ExpressionError as error:
        raise SettingsError(f"{where} is no frame number; it {error}") from None
    is_plain = re.fullmatch(r"[-+]?[\d.]+", entry.key) is not None
    if value < 0 or is_plain and value != int(value):
        raise SettingsError(f"{where} is no frame number; it takes a whole number from 0, or arithmetic of max_f")
    return int(value)
