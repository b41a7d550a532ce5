"""The picture benchmark's rows as a table, and some of its pictures as a sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from itermix.pictures.saving import save_picture
from itermix.pictures.sheet import composed
from itermix.studio.pictures import picture_of

HEAD = ("method", "scale", "structure", "distance", "sharpness", "objects", "mended")
LEGEND = """\
structure: correlation with the native picture's low frequencies; 1 is the same picture.
distance: sliced Wasserstein distance from real pictures of that size, mean over the Laplacian levels; 0 is real.
sharpness: power of the finest Laplacian level over the real pictures'; below 1 is blur.
objects: share of pictures with as many separate objects as the native one; mended: of those where direct has not."""
TITLE = "The picture benchmark at 2x"
SENTENCE = "One seed of each prompt; the native picture stands left, at its own size."
SHOWN = ("direct", "hires 0.3", "hires 0.7", "DemoFusion", "itermix", "itermix Creative")
PICTURES = 6  # rows of the sheet


def table(rows: list[dict[str, Any]]) -> str:
    lines = [HEAD]
    for row in sorted(rows, key=lambda row: row["scale"]):
        numbers = (f"{row[name]:.3f}" for name in HEAD[2:5])
        shares = (f"{row[name]:.0%}" for name in HEAD[5:])
        lines.append((row["method"], f"{row['scale']}x", *numbers, *shares))
    widths = [max(map(len, column)) for column in zip(*lines)]
    text = "\n".join("  ".join(v.ljust(w) for v, w in zip(line, widths)).rstrip() for line in lines)
    return f"{text}\n\n{LEGEND}"


def sheet(made: dict[tuple[str, int], Tensor], prompts: list[str], seeds: int, path: Path, scale: int = 2) -> None:
    """Prompts down, methods across, at 2x; the native picture stands left at its own size."""
    columns = [("native", 1), *((name, scale) for name in SHOWN)]
    prompts = prompts[:PICTURES]
    rows = [[picture_of(made[column][number * seeds][None]) for column in columns] for number in range(len(prompts))]
    save_picture(path, composed(TITLE, SENTENCE, [name for name, _ in columns], prompts, rows))
