"""Whose turn it is: one run at a time over all pages that are open. The others wait in the order in which they came,
and can be stopped there, too."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from itermix.studio.runner import Background

LOOK_EVERY = 0.2  # seconds between two looks whether it is its turn
GONE_AFTER = 5.0  # seconds without a look: nobody asks any more for what waits


@dataclass(eq=False)
class Turn:
    """A press of a button: it waits until no other runs, then has its run. number: from 1, over all pages."""

    number: int
    run: Background | None = None
    is_running: bool = False
    is_stopped: bool = False
    looked: float = field(default_factory=time.monotonic)  # when it last asked whether it is its turn

    def stop(self) -> None:
        """Ends it where it waits, or its run at the next step; what is finished is kept."""
        self.is_stopped = True
        if self.run is not None:
            self.run.cancel()

    def status(self, text: str, share: float | None = None, preview: str = "") -> str:
        """What it is doing, as HTML, with its number for whoever waits for it."""
        bar = "" if share is None else f'<progress value="{share:.3f}" max="1"></progress>'
        return f'<p data-run="{self.number}">{html.escape(text)}</p>{bar}{preview}'


@dataclass
class Tab:
    """A page in a browser: its turns under way, and what it made last. sequence: that one's folder and seed."""

    turns: list[Turn] = field(default_factory=list)
    seed: int | None = None  # of the first picture of the newest run
    sequence: tuple[Path, int] | None = None

    def stop(self) -> None:
        """Ends all its turns."""
        for turn in self.turns:
            turn.stop()


class Turns:
    """The turns of all pages."""

    def __init__(self) -> None:
        self._taken = 0
        self._line: list[Turn] = []  # that are running or wait, in the order in which they came
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, tab: Tab) -> Iterator[Turn]:
        """A new turn of this page's. It ends with the context, as when the page is gone."""
        with self._changed:
            self._taken += 1
            turn = Turn(self._taken)
            self._line.append(turn)
        tab.turns.append(turn)
        try:
            yield turn
        finally:
            tab.turns.remove(turn)
            with self._changed:
                self._line.remove(turn)
                self._changed.notify_all()

    def waited(self, turn: Turn) -> Iterator[None]:
        """Until it is this turn's time, or it is stopped; yields after each look that found another before it."""
        while not turn.is_stopped:
            with self._changed:
                turn.looked = time.monotonic()
                turn.is_running = self._changed.wait_for(lambda: self._is_next(turn), LOOK_EVERY)
            if turn.is_running:
                return
            yield

    def _is_next(self, turn: Turn) -> bool:
        """Whether nothing runs, and nothing that came before it waits."""
        asked = time.monotonic() - GONE_AFTER
        before = self._line[: self._line.index(turn)]
        waits = any(one.looked > asked and not one.is_stopped for one in before)
        return not waits and not any(one.is_running for one in self._line)
