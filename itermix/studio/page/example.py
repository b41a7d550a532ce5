"""A picture of the small model with its counterpart, for the page to show before anything was made.

`python -m tools.example` makes the files, with the page's first settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parent / "example"
LABEL = "An example"


@dataclass(frozen=True)
class Example:
    """Two pictures' files, what the second one's parameters are, and what to call the two."""

    before: str
    after: str
    infotext: str
    label: str = LABEL


def example() -> Example | None:
    """None where the files are not there."""
    before, after = FOLDER / "without.png", FOLDER / "mixed.png"
    if not before.is_file() or not after.is_file():
        return None
    with Image.open(after) as picture:
        return Example(str(before), str(after), picture.info.get("parameters", ""))
