"""The order and the speed of a film: which picture is shown when, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import Image


@dataclass(frozen=True)
class Timing:
    """fps: frames per second. hold_first, hold_last: how many frames longer the first and the last one stay."""

    fps: float = 12.0
    hold_first: int = 0
    hold_last: int = 0
    ping_pong: bool = False

    @classmethod
    def of(cls, settings: Any) -> Timing:
        """As the settings of a sequence have it."""
        return cls(settings.fps, settings.hold_first, settings.hold_last, settings.ping_pong)

    def order(self, count: int) -> Iterator[int]:
        """Which picture each frame of the film shows. Ping-pong repeats neither end: the film goes round."""
        if not count:
            return
        yield from [0] * self.hold_first
        yield from range(count)
        yield from [count - 1] * self.hold_last
        if self.ping_pong:
            yield from range(count - 2, 0, -1)


class Reel:
    """Pictures on the disk as the frames of a film, RGB and of the first one's size, each read when it is asked for."""

    def __init__(self, pictures: list[Path], timing: Timing):
        self.pictures, self.fps, self.order = pictures, timing.fps, list(timing.order(len(pictures)))
        with Image.open(pictures[0]) as first:
            self.size = first.size

    def __iter__(self) -> Iterator[Image.Image]:
        """Every frame, a held one as often as it is shown."""
        for index, repeats in groupby(self.order):
            frame = self.picture(index)
            yield from (frame for _ in repeats)

    def picture(self, index: int) -> Image.Image:
        with Image.open(self.pictures[index]) as picture:
            frame = picture.convert("RGB")
        return frame if frame.size == self.size else frame.resize(self.size, Image.Resampling.LANCZOS)

    def shots(self, units: int, shortest: int, longest: int) -> Iterator[tuple[int, int]]:
        """Pictures and how long each is shown, for formats that count time in whole units.

        The end of each is rounded, not its length, so that the film takes as long as it is meant to. A picture that
        would be shown for less than `shortest` is left out, and its time goes to a neighbour; one that is shown for
        longer than `longest` comes again. units: in a second.
        """
        pending, begin, place = None, 0, 0
        for index, repeats in groupby(self.order):
            place += sum(1 for _ in repeats)
            end = round(place * units / self.fps)
            if end - begin < shortest and place < len(self.order):
                continue
            if end - begin < shortest and pending is not None:  # the last one: its time goes to the one before
                pending = pending[0], pending[1] + end - begin
                break
            if pending is not None:
                yield from _repeated(*pending, longest)
            pending, begin = (index, max(end - begin, shortest)), end
        if pending is not None:
            yield from _repeated(*pending, longest)


def _repeated(index: int, duration: int, longest: int) -> Iterator[tuple[int, int]]:
    while duration > longest:
        yield index, longest
        duration -= longest
    if duration:
        yield index, duration
