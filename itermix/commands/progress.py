"""How far a run is, on the terminal."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence

WIDTH = 30  # characters of a whole bar
LINE = 79
SOONEST = 2.0  # seconds until a pace is known


def show(name: str, done: int, steps: int) -> None:
    """A pass's progress bar on one line, where somebody is looking."""
    if sys.stderr.isatty():
        bar = "#" * (WIDTH * done // steps)
        print(
            f"\r{name:10} [{bar:{WIDTH}}] {done}/{steps}",
            end="\n" if done == steps else "",
            file=sys.stderr,
            flush=True,
        )


class Bar:
    """One bar over all pictures of a run; where nobody is looking, a line for each picture that is done.

    work: how much work each picture is, in any unit; the time left follows from it.
    """

    def __init__(self, work: Sequence[float]):
        self.work, self.done, self.label = list(work), 0, ""
        self.share = 0.0  # of the work on the present picture
        self.started = time.monotonic()

    @property
    def pictures(self) -> int:
        """How many pictures the run makes."""
        return len(self.work)

    def begin(self, label: str) -> None:
        """The next picture, by what it is."""
        self.label, self.share = label, 0.0
        self._draw(f"{self.done + 1}/{self.pictures} {label}")

    def step(self, name: str, done: int, steps: int) -> None:
        """As `on_progress`: a step of the picture's pass is done."""
        self.share = max(self.share, done / steps)  # of two passes the second is the longer one by far
        self._draw(f"{self.done + 1}/{self.pictures} {self.label}: step {done}/{steps}")

    def end(self) -> None:
        """The picture is done."""
        self.done, self.share = self.done + 1, 0.0
        seconds = time.monotonic() - self.started
        if not sys.stderr.isatty():
            left = self.left()
            after = f", {left}" if left else ""
            print(f"{self.done}/{self.pictures} {self.label} ({seconds:.0f} s{after})", file=sys.stderr, flush=True)
        elif self.done == self.pictures:
            self._draw(f"{self.pictures} pictures in {seconds:.0f} s")
            print(file=sys.stderr)

    def left(self) -> str:
        """How long the rest will take at the present pace, as "40 s left"; "" until it is known."""
        finished = sum(self.work[: self.done]) + (self.share * self.work[self.done] if self.done < self.pictures else 0)
        rest = sum(self.work) - finished
        passed = time.monotonic() - self.started
        if finished <= 0.0 or rest <= 0.0 or passed < SOONEST:
            return ""
        seconds = math.ceil(passed * rest / finished)
        return f"{seconds} s left" if seconds < 100 else f"{math.ceil(seconds / 60)} min left"

    def _draw(self, text: str) -> None:
        if sys.stderr.isatty():
            bar, left = "#" * (WIDTH * self.done // self.pictures), self.left()
            room = LINE - len(left) - 1 if left else LINE
            line = f"[{bar:{WIDTH}}] {text}"
            print(f"\r{line[:room]:{room}}{left and ' '}{left}", end="", file=sys.stderr, flush=True)
