"""Whose turn it is: one run at a time over all pages that are open. The others wait, and can be stopped there, too."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from itermix.studio.runner import Background

LOOK_EVERY = 0.2  # seconds between two looks whether it is its turn


@dataclass(eq=False)
class Turn:
    """A press of a button: it waits until no other runs, then has its run. number: from 1, over all pages."""

    number: int
    run: Background | None = None
    is_running: bool = False
    is_stopped: bool = False

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
        self._running = threading.Lock()

    @contextmanager
    def taken(self, tab: Tab) -> Iterator[Turn]:
        """A new turn of this page's. It ends with the context, as when the page is gone."""
        self._taken += 1
        turn = Turn(self._taken)
        tab.turns.append(turn)
        try:
            yield turn
        finally:
            tab.turns.remove(turn)
            if turn.is_running:
                self._running.release()

    def waited(self, turn: Turn) -> Iterator[None]:
        """Until it is this turn's time, or it is stopped; yields after each look that found another running."""
        while not turn.is_stopped:
            turn.is_running = self._running.acquire(timeout=LOOK_EVERY)
            if turn.is_running:
                return
            yield
