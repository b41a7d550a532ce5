"""What the fields of prompts say, read from whichever format (`formats.py`): which prompt begins at which frame."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from itermix.sequence import prompts
from itermix.sequence.expressions import ExpressionError, parsed
from itermix.sequence.fields.prompts import ANIMATEDIFF, DEFORUM, FIZZNODES, OWN, STAGES
from itermix.sequence.prompts import Keyframes
from itermix.settings import SettingsError

TRAVELS = {OWN: "slerp", DEFORUM: "off", FIZZNODES: "linear", ANIMATEDIFF: "slerp", STAGES: "slerp"}
NEGATIVE = "--neg"  # begins the negative part of a prompt
BACKTICKS = re.compile(r"`([^`]*)`")
MOST_NAMED = 8  # frames in a message


@dataclass(frozen=True)
class PromptSchedule:
    """What the fields of prompts say.

    format: of the positive prompts, one of FORMATS but automatic. positive, negative: may be empty, for the host's
    own. frames: of the sequence. travel: how the format's program goes from one keyframe to the next. lines: of the
    positive keyframes, where they are known. has_arithmetic: whether what stands between backticks is worked out.
    notes: what may have been meant in another way, in words.
    """

    format: str
    positive: Keyframes
    negative: Keyframes
    frames: int
    lines: dict[int, int] = field(default_factory=dict)
    has_arithmetic: bool = False
    notes: tuple[str, ...] = ()

    @property
    def travel(self) -> str:
        return TRAVELS[self.format]

    def text(self, prompt: str, frame: int) -> str:
        """A keyframe's prompt as it is in a frame; the host's own, whose backticks may be anything, if they are."""
        if not self.has_arithmetic or "`" not in prompt:
            return prompt
        try:
            return _worked_out(prompt, frame, self.frames)
        except ExpressionError:
            return prompt

    def messages(self) -> list[str]:
        """What was recognised, in words, and what of it has no frame; of itermix's own format the notes alone."""
        if self.format == OWN:
            return list(self.notes)
        said = [f"Prompts are read as those of {self.format}"]
        late = [frame for frame in self.positive if frame >= self.frames]
        if late:
            named = ", ".join(map(str, late[:MOST_NAMED])) + (", ..." if len(late) > MOST_NAMED else "")
            many = "keyframes" if len(late) > 1 else "keyframe"
            said.append(f"past the last frame, {self.frames - 1}: {many} {named}; {late[-1] + 1} frames have all")
        return said


@dataclass(frozen=True)
class Around:
    """Text before and after each keyframe's prompt, FizzNodes' pre_text and app_text, each with a negative part."""

    before: str = ""
    after: str = ""

    def put(self, schedule: PromptSchedule) -> PromptSchedule:
        """Raises SettingsError."""
        if not (self.before or self.after) or not (schedule.positive or schedule.negative):
            return schedule
        before, without = parted("pre_text", self.before)
        after, without_after = parted("append_text", self.after)
        negative = schedule.negative or ({0: ""} if without or without_after else {})
        return replace(
            schedule,
            positive={frame: joined(before, text, after) for frame, text in schedule.positive.items()},
            negative={frame: joined(without, text, without_after) for frame, text in negative.items()},
        )


def parted(where: str, text: str) -> tuple[str, str]:
    """A prompt without its negative part, and that. Raises SettingsError."""
    parts = [part.strip() for part in text.split(NEGATIVE)]
    if len(parts) > 2:
        raise SettingsError(f"{where}: {NEGATIVE} is not allowed twice in a prompt; leave one out")
    return parts[0], parts[1] if len(parts) > 1 else ""


def joined(*parts: str) -> str:
    return " ".join(filter(None, (part.strip() for part in parts)))


def _worked_out(prompt: str, frame: int, frames: int) -> str:
    """Raises ExpressionError."""

    def value(found: re.Match[str]) -> str:
        return str(parsed(found.group(1), ("t", "max_f")).value(t=frame, max_f=frames - 1))

    return BACKTICKS.sub(value, prompt)


def check_arithmetic(name: str, table: Keyframes, schedule: PromptSchedule) -> None:
    """Works out every prompt once for each frame that it is in. Raises SettingsError."""
    if not schedule.has_arithmetic or not any("`" in text for text in table.values()):
        return
    for frame in range(schedule.frames):
        for place in prompts.ends(table, frame):
            if place is not None:
                line = f", line {schedule.lines[place]}" if place in schedule.lines else ""
                _check(f"{name}{line}: the arithmetic of frame {place}", table[place], frame, schedule.frames)


def _check(where: str, prompt: str, frame: int, frames: int) -> None:
    if prompt.count("`") % 2:
        raise SettingsError(f"{where} ends without a backtick; close it, or leave the first one out")
    try:
        _worked_out(prompt, frame, frames)
    except ExpressionError as error:
        raise SettingsError(f"{where} {error}") from None
