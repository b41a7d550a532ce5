"""Runs that can be stopped at any moment and go on: state on disk, replaced whole, and a clock that counts work."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

SAYING, SAVING = 10.0, 100.0  # seconds between two lines, and between two savings


def load(path: Path) -> dict[str, Any] | None:
    return torch.load(path, map_location="cpu", weights_only=True) if path.is_file() else None


def save(path: Path, state: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def shares(
    name: str, seconds: float, worked: float, save: Callable[[float], None], news: Callable[[], str], say=print
) -> Iterator[float]:
    """The share of a stage's time that is over, before each of its steps, until there is none left.

    worked: seconds of its earlier runs. save: keeps the state, given the seconds worked; called now and then, at the
    end, and after the step in which SIGTERM came, which then ends the program. news: what to say now and then.
    """
    stopped = []
    before = signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    clock = time.monotonic if torch.cuda.is_available() else time.process_time  # a CPU may have others to serve
    began = clock() - worked
    said = saved = time.monotonic()
    while worked < seconds and not stopped:
        yield worked / seconds
        worked, now = clock() - began, time.monotonic()
        if now - said > SAYING:
            said = now
            say(f"{name} {worked:6.0f} of {seconds:.0f} s: {news()}", flush=True)
        if now - saved > SAVING:
            saved = now
            save(worked)
    save(worked)
    signal.signal(signal.SIGTERM, before)
    if stopped:
        raise SystemExit(143)
