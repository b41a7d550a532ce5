"""Values over time: `0:(0.5), 24:(0.8)`, as Deforum writes them, one value for each frame.

A key is a frame, or arithmetic of max_f, the number of the last one; a key past the end counts, too, as where its value
goes. Between two keys a number goes to the next one's value. Arithmetic of t (the frame), max_f and s (the seed) is
worked out for each frame up to the next key. Without any key it holds for all frames.

    linear   v = a + (b - a) x,   x = (t - t_a) / (t_b - t_a)
    smooth   the same with x^2 (3 - 2 x) for x
    step     v = a
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from itermix.sequence.expressions import Expression, ExpressionError, Number, parsed
from itermix.settings import BOM, SettingsError, shown

VARIABLES = ("t", "max_f", "s")
QUOTES = "\"'\u201c\u201d"


@dataclass(frozen=True)
class ValueSchedule:
    """The values of one field. name: of the field. keys: frame and value, in rising order; one at least.

    is_whole: the values are whole numbers, rounded down, and keep all their digits, as a seed needs it.
    """

    name: str
    keys: tuple[tuple[int, Expression], ...]
    frames: int
    is_whole: bool = False

    @property
    def has_seed(self) -> bool:
        """Whether it can be worked out only where the seed is known."""
        return any(isinstance(part, ast.Name) and part.id == "s" for _, of in self.keys for part in ast.walk(of.tree))

    def values(self, seed: int, between: str) -> list[Number]:
        """One for each frame. Raises SettingsError where there is none."""
        values = [self._value(frame, seed, between) for frame in range(self.frames)]
        return [math.floor(value) for value in values] if self.is_whole else values

    def _value(self, frame: int, seed: int, between: str) -> Number:
        place = max((place for place, (start, _) in enumerate(self.keys) if start <= frame), default=None)
        if place is None:  # before the first key its value holds
            return self._worked_out(0, self.keys[0][0], seed)
        value = self._worked_out(place, frame, seed)
        if between == "step" or place + 1 == len(self.keys) or not _is_number(self.keys[place][1]):
            return value
        start, end = self.keys[place][0], self.keys[place + 1][0]
        share = (frame - start) / (end - start)
        share = share * share * (3.0 - 2.0 * share) if between == "smooth" else share
        goal = self._worked_out(place + 1, end, seed)
        if self.is_whole:
            return math.floor(value) + math.floor((math.floor(goal) - math.floor(value)) * share)
        return value + (goal - value) * share

    def _worked_out(self, place: int, frame: int, seed: int) -> Number:
        expression = self.keys[place][1]
        try:
            return expression.value(t=frame, max_f=self.frames - 1, s=seed)
        except ExpressionError as error:
            raise SettingsError(f"{self.name}: {shown(expression.text)} is not allowed; it {error}") from None


def read_values(name: str, text: str, frames: int, is_whole: bool = False) -> ValueSchedule | None:
    """The schedule in a text; None where there is none. name: of the field. Raises SettingsError."""
    keys: dict[int, Expression] = {}
    for entry in filter(None, _entries(unicodedata.normalize("NFKC", text.removeprefix(BOM)))):
        key, colon, value = entry.rpartition(":")
        frame = _frame(name, entry, key.strip().strip(QUOTES), frames) if colon else 0
        if frame in keys:
            raise SettingsError(f"{name}: {shown(entry)} is not allowed; frame {frame} has its value already")
        try:
            keys[frame] = parsed(value.strip().strip(QUOTES), VARIABLES)
        except ExpressionError as error:
            raise SettingsError(f"{name}: {shown(entry)} is not allowed; its value {error}") from None
    if not keys:
        return None
    return ValueSchedule(name, tuple(sorted(keys.items())), frames, is_whole)


def over_time(schedule: ValueSchedule, seed: int, between: str, low: float, high: float) -> list[Number]:
    """The values of a schedule, one for each frame, in a field's range. Raises SettingsError."""
    values = schedule.values(seed, between)
    for frame, value in enumerate(values):
        if not low <= value <= high:
            raise SettingsError(
                f"{schedule.name}: {value:g} in frame {frame} is not allowed; it takes numbers from {low:g} to {high:g}"
            )
    return values if schedule.is_whole else [float(value) for value in values]


def _entries(text: str) -> Iterator[str]:
    """What stands between commas and line breaks outside of brackets."""
    depth, start = 0, 0
    for at, mark in enumerate(text):
        depth += (mark == "(") - (mark == ")")
        if mark in ",\n\r" and depth <= 0:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()


def _frame(name: str, entry: str, key: str, frames: int) -> int:
    where = f"{name}: {shown(entry)} is not allowed"
    if re.fullmatch(r"[0-9]{1,9}", key):
        return int(key)
    try:
        value = parsed(key, ("max_f",)).value(max_f=frames - 1)
    except ExpressionError as error:
        raise SettingsError(f'{where}; its frame {error}; write it as in "0:(0.5), 24:(0.8)"') from None
    if value < 0 or re.fullmatch(r"[\d.+-]+", key) and value != int(value):
        raise SettingsError(f"{where}; its frame is a whole number from 0, or arithmetic of max_f")
    return int(value)


def _is_number(expression: Expression) -> bool:
    tree = expression.tree
    return isinstance(tree.operand if isinstance(tree, ast.UnaryOp) else tree, ast.Constant)
