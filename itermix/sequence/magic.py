"""How a state's file begins. Apart from what reads it, which wants torch."""

from __future__ import annotations

from pathlib import Path

MAGIC = b"itermix sequence\n"


def is_state(file: Path) -> bool:
    """Whether a file is a state of a sequence, whole or not. Raises OSError."""
    with open(file, "rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC
