"""How far a run is, on the terminal."""

from __future__ import annotations

import sys
import time

WIDTH = 30  # characters of a whole bar
LINE = 79


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
    """One bar over all pictures of a run; where nobody is looking, a line for each picture that is done."""

    def __init__(self, pictures: int):
        self.pictures, self.done, self.label = pictures, 0, ""
        self.started = time.monotonic()

    def begin(self, label: str) -> None:
        """The next picture, by what it is."""
        self.label = label
        self._draw(f"{self.done + 1}/{self.pictures} {label}")

    def step(self, name: str, done: int, steps: int) -> None:
        """As `on_progress`: a step of the picture's pass is done."""
        self._draw(f"{self.done + 1}/{self.pictures} {self.label}: step {done}/{steps}")

    def end(self) -> None:
        """The picture is done."""
        self.done += 1
        seconds = time.monotonic() - self.started
        if not sys.stderr.isatty():
            print(f"{self.done}/{self.pictures} {self.label} ({seconds:.0f} s)", file=sys.stderr, flush=True)
        elif self.done == self.pictures:
            self._draw(f"{self.pictures} pictures in {seconds:.0f} s")
            print(file=sys.stderr)

    def _draw(self, text: str) -> None:
        if sys.stderr.isatty():
            bar = "#" * (WIDTH * self.done // self.pictures)
            line = f"[{bar:{WIDTH}}] {text}"
            print(f"\r{line[:LINE]:{LINE}}", end="", file=sys.stderr, flush=True)
