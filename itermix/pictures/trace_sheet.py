"""Draws a trace of a run: a strip of pictures, step by step, over a plot of the latents' mean and std."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw
from torch import Tensor

from itermix.mixing.trace import DENOISED, MIXED, REFERENCE, STATE, Trace
from itermix.pictures import sheet

ROWS = (REFERENCE, STATE, MIXED, DENOISED)
COLOURS = {REFERENCE: "#7a5ea8", STATE: "#8a8a8a", MIXED: "#c4530a", DENOISED: "#1f6f8b"}
SENTENCE = "Noisy latents are divided by a unit latent's standard deviation at their noise level."
PARTS = ("mean", "standard deviation")  # of `TracedStep.statistics`, in its order
CELL, PLOT, GAP, LETTERS, TICKS = 256, 260, 28, 20, 4  # widths and heights in pixels
Decode = Callable[[Tensor], Image.Image]


def picture(
    trace: Trace, weights: dict[int, float], image: int, title: str, decode: Decode, fonts: sheet.Fonts
) -> Image.Image | None:
    """The trace of one image of the batch; None where no step is kept.

    weights: c1 of each mixed step. decode: a latent [C, H, W] as a picture.
    """
    steps = [step for step in sorted(trace.traced) if trace.traced[step].latents]
    if not steps:
        return None
    columns = [_heading(step, trace.traced[step].level, weights.get(step, 0.0)) for step in steps]
    rows = [[_cell(trace.traced[step].latents.get(name), image, decode) for step in steps] for name in ROWS]
    strip = sheet.composed(title, SENTENCE, columns, ROWS, rows, fonts=fonts)
    plots = [_plot(trace, image, part, (strip.width - 3 * GAP) // len(PARTS), fonts) for part in range(len(PARTS))]
    legend = _legend(strip.width - 2 * GAP, fonts)
    made = Image.new("RGB", (strip.width, strip.height + legend.height + PLOT + GAP), sheet.BACKGROUND)
    made.paste(strip, (0, 0))
    made.paste(legend, (GAP, strip.height))
    for number, plot in enumerate(plots):
        made.paste(plot, (GAP + number * (plot.width + GAP), strip.height + legend.height))
    return made


def _heading(step: int, level: float, weight: float) -> str:
    return f"step {step + 1}, level {level:.3g}, weight {weight:.2f}"


def _cell(latents: Tensor | None, image: int, decode: Decode) -> Image.Image:
    if latents is None:
        return Image.new("RGB", (CELL, CELL), sheet.BACKGROUND)
    shown = decode(latents[image]).convert("RGB")
    scale = max(CELL // max(shown.size), 1)  # latent pixels stay squares
    return shown.resize((shown.width * scale, shown.height * scale), Image.Resampling.NEAREST)


def _plot(trace: Trace, image: int, part: int, width: int, fonts: sheet.Fonts) -> Image.Image:
    """One statistic over the steps, a line for each kind of latent."""
    font, made = fonts(LETTERS), Image.new("RGB", (width, PLOT), sheet.BACKGROUND)
    draw = ImageDraw.Draw(made)
    lines = {name: _line(trace, name, image, part) for name in ROWS}
    values = [value for line in lines.values() for _, value in line]
    low, high = _range(values)
    ticks = [low + tick / TICKS * (high - low) for tick in range(TICKS + 1)]
    left = max(4 * LETTERS, round(max(font.getlength(f"{value:.3g}") for value in ticks)) + LETTERS)
    top, right, bottom = 2 * LETTERS, width - LETTERS, PLOT - 2 * LETTERS
    last = max(trace.traced)

    def at(step: float, value: float) -> tuple[float, float]:
        return left + step / max(last, 1) * (right - left), bottom - (value - low) / (high - low) * (bottom - top)

    for value in ticks:
        y = at(0, value)[1]
        draw.line([(left, y), (right, y)], "#dddddd")
        draw.text((left - LETTERS // 2, y), f"{value:.3g}", sheet.FAINT, font, "rm")
    for step, side in ((0, "la"), (last, "ra")):
        draw.text((at(step, low)[0], bottom + LETTERS // 3), f"step {step + 1}", sheet.FAINT, font, side)
    draw.text((left, 0), PARTS[part], sheet.FOREGROUND, font)
    for name, line in lines.items():
        if len(line) > 1:
            draw.line([at(*point) for point in line], COLOURS[name], 3)
        for x, y in (at(*point) for point in line):
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), COLOURS[name])
    return made


def _legend(width: int, fonts: sheet.Fonts) -> Image.Image:
    """The names of the plots' lines in their colours."""
    font, made = fonts(LETTERS), Image.new("RGB", (width, 2 * LETTERS), sheet.BACKGROUND)
    x = 4 * LETTERS
    for name in ROWS:
        ImageDraw.Draw(made).text((x, 0), name, COLOURS[name], font)
        x += font.getlength(name) + 2 * LETTERS
    return made


def _line(trace: Trace, name: str, image: int, part: int) -> list[tuple[int, float]]:
    found = ((step, traced.statistics.get(name)) for step, traced in sorted(trace.traced.items()))
    points = [
        (step, float(values[image, part])) for step, values in found if values is not None and image < len(values)
    ]
    return [(step, value) for step, value in points if abs(value) < float("inf")]  # not so for NaN


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high - low > 1e-6 else (low - 0.5, high + 0.5)
