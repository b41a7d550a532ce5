"""The picture benchmark's rows as a table, and some of its pictures as a sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from itermix.studio.pictures import picture_of

HEAD = ("method", "scale", "structure", "distance", "sharpness", "objects", "mended")
LEGEND = """\
structure: correlation with the native picture's low frequencies; 1 is the same picture.
distance: sliced Wasserstein distance from real pictures of that size, mean over the Laplacian levels; 0 is real.
sharpness: power of the finest Laplacian level over the real pictures'; below 1 is blur.
objects: share of pictures with as many separate objects as the native one; mended: of those where direct has not."""
GAP, CELL, HEADING = 10, 192, 30
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
    columns = ["native", *SHOWN]
    count = min(PICTURES, len(prompts))
    wide, high = len(columns) * (CELL + GAP) + GAP, count * (CELL + GAP + HEADING) + HEADING + GAP
    canvas = Image.new("RGB", (wide, high), "white")
    write = ImageDraw.Draw(canvas)
    font, small = ImageFont.load_default(16), ImageFont.load_default(13)
    for x, name in enumerate(columns):
        write.text((GAP + x * (CELL + GAP), GAP), name, fill="black", font=font)
        for y in range(count):
            top = HEADING + GAP + y * (CELL + GAP + HEADING)
            pictures = made["native", 1] if name == "native" else made[name, scale]
            picture = picture_of(pictures[y * seeds][None])
            if name == "native":  # shown as small as it is
                picture = picture.resize((CELL // scale, CELL // scale), Image.Resampling.LANCZOS)
                write.text((GAP, top + CELL + 4), prompts[y], fill="black", font=small)
            else:
                picture = picture.resize((CELL, CELL), Image.Resampling.LANCZOS)
            canvas.paste(picture, (GAP + x * (CELL + GAP), top + (CELL - picture.height) // 2))
    canvas.save(path)
