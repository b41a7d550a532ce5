"""Comparison sheets: pictures in a grid, each column and row with its label, a title and a sentence above."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw, ImageFont

BACKGROUND, FOREGROUND, FAINT = "#ffffff", "#1a1a1a", "#5a5a5a"
LEAST_CELL, LARGEST_CELL = 200, 512  # widths, pixels
MOST_PIXELS = 2**26  # of all pictures: 200 MB, and what a browser still shows
# For cells of 256 pixels, growing with them, so that a sheet shown small can still be read. The heights are letters'.
USUAL_CELL, TITLE, TEXT, LABEL, ROW_LABEL, GAP, MARGIN = 256, 38, 26, 21, 170, 10, 26


Fonts = Callable[[int], ImageFont.FreeTypeFont]  # a font by its letters' height in pixels


@dataclass(frozen=True)
class Group:
    """Columns that belong together: what is written over them, how many they are, the bar's colour."""

    label: str
    columns: int
    colour: str = FAINT


def composed(
    title: str,
    sentence: str,
    columns: Sequence[str],
    rows: Sequence[str],
    pictures: Sequence[Sequence[Image.Image]],
    groups: Sequence[Group] = (),
    fonts: Fonts = ImageFont.load_default,
) -> Image.Image:
    """The sheet. pictures: row by row. All are shown at one scale, whole, in the middle of their cell; 1 where the
    largest has no side above LARGEST_CELL, and all together no more than MOST_PIXELS. Rows have no labels where all
    are empty. fonts: Pillow's own needs Pillow 10.1."""
    scale = _scale([picture.size for line in pictures for picture in line])
    shown = [[_scaled(picture, scale) for picture in line] for line in pictures]
    width = max(LEAST_CELL, *(picture.width for line in shown for picture in line))
    unit = max(1.0, width / USUAL_CELL)
    title_letters, text_letters, letters, left, gap, margin = (
        round(size * unit) for size in (TITLE, TEXT, LABEL, ROW_LABEL, GAP, MARGIN)
    )
    left = left if any(rows) else 0

    def words(text: str, letters: int, width: int, *more: Any, **named: Any) -> Image.Image:
        return written(text, fonts(letters), letters, width, *more, **named)

    def line(label: str, cells: Sequence[Image.Image]) -> Image.Image:
        return _beside([*([words(label, letters, left)] if left else []), *cells], gap)

    lines = []
    if groups:
        widths = [group.columns * (width + gap) - gap for group in groups]
        bars = [words(group.label, letters, w, BACKGROUND, group.colour, gap) for group, w in zip(groups, widths)]
        lines.append(line("", bars))
    lines.append(line("", [words(label, letters, width, margin=gap // 2) for label in columns]))
    lines.extend(
        line(label, [_centred(picture, width) for picture in cells]) for label, cells in zip(rows, shown, strict=True)
    )
    grid = below(lines, gap)
    head = [words(title, title_letters, grid.width), words(sentence, text_letters, grid.width, FAINT)]
    sheet = below([*head, Image.new("RGB", (1, gap), BACKGROUND), grid], gap)
    return framed(sheet, margin)


def written(
    text: str,
    font: ImageFont.FreeTypeFont,
    letters: int,
    width: int,
    colour: str = FOREGROUND,
    background: str = BACKGROUND,
    margin: int | None = None,
) -> Image.Image:
    """Text in as many lines as it needs; in the middle with a margin at its sides, at the left without one."""
    leading, side = round(letters * 1.35), margin or 0
    lines = _wrapped(text, font, width - 2 * side)
    made = Image.new("RGB", (width, len(lines) * leading + (side if background != BACKGROUND else 0)), background)
    draw, top = ImageDraw.Draw(made), (side // 2 if background != BACKGROUND else 0)
    for number, words in enumerate(lines):
        at = (0 if margin is None else width // 2, top + number * leading)
        draw.text(at, words, colour, font, "la" if margin is None else "ma")
    return made


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The text in lines of at most so many pixels; a word that is longer is broken."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        lines.append("")
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return [words for words in lines if words] or [""]


def _scale(sizes: Sequence[tuple[int, int]]) -> float:
    longest, pixels = max(map(max, sizes)), sum(width * height for width, height in sizes)
    return min(1.0, LARGEST_CELL / longest, (MOST_PIXELS / pixels) ** 0.5)


def _scaled(picture: Image.Image, scale: float) -> Image.Image:
    picture = picture.convert("RGB")
    if scale == 1.0:
        return picture
    return picture.resize([max(round(side * scale), 1) for side in picture.size], Image.Resampling.LANCZOS)


def _centred(picture: Image.Image, width: int) -> Image.Image:
    made = Image.new("RGB", (width, picture.height), BACKGROUND)
    made.paste(picture, ((width - picture.width) // 2, 0))
    return made


def _beside(parts: Sequence[Image.Image], gap: int) -> Image.Image:
    """Side by side, each in the middle of the highest one's height."""
    height = max(part.height for part in parts)
    made, x = Image.new("RGB", (sum(part.width + gap for part in parts) - gap, height), BACKGROUND), 0
    for part in parts:
        made.paste(part, (x, (height - part.height) // 2))
        x += part.width + gap
    return made


def below(parts: Sequence[Image.Image], gap: int) -> Image.Image:
    height = sum(part.height + gap for part in parts) - gap
    made, y = Image.new("RGB", (max(part.width for part in parts), height), BACKGROUND), 0
    for part in parts:
        made.paste(part, (0, y))
        y += part.height + gap
    return made


def framed(picture: Image.Image, margin: int) -> Image.Image:
    made = Image.new("RGB", tuple(side + 2 * margin for side in picture.size), BACKGROUND)
    made.paste(picture, (margin, margin))
    return made
