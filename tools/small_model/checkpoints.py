"""Runs that can be stopped at any moment and go on: state on disk, replaced whole, and a clock that counts work."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch


def load(path: Path) -> dict[str, Any] | None:
    return torch.load(path, map_location="cpu", weights_only=True) if path.is_file() else None


def save(path: Path, state: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


class Clock:
    """Seconds worked, over all runs of a stage, and when to say something and to save."""

    def __init__(self, worked: float, every: float = 30.0, saving: float = 120.0):
        self.began = time.monotonic() - worked
        self.every, self.saving = every, saving
        self.said = self.saved = time.monotonic()

    @property
    def worked(self) -> float:
        return time.monotonic() - self.began

    def is_time_to_say(self) -> bool:
        if time.monotonic() - self.said < self.every:
            return False
        self.said = time.monotonic()
        return True

    def is_time_to_save(self) -> bool:
        if time.monotonic() - self.saved < self.saving:
            return False
        self.saved = time.monotonic()
        return True
