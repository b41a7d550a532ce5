"""The README's plot of the curve, docs/curve.svg: c1 over the run of some presets, named with their alpha_1.

Written by `python -m tools.document`, from the code's own numbers.
"""

from __future__ import annotations

from pathlib import Path

import torch

from itermix.mixing import curve
from itermix.mixing.settings import MixingSettings

FILE = Path(__file__).resolve().parents[1] / "docs" / "curve.svg"
WIDTH, HEIGHT = 760, 320
LEFT, TOP, RIGHT, BOTTOM = 56, 20, 190, 46  # margins
POINTS = 100
PRESETS = ("Faithful", "Creative", "DemoFusion paper")
COLOURS = ("#2563eb", "#16a34a", "#ea580c", "#9333ea")
STYLE = 'font-family="sans-serif" font-size="13" fill="#444"'


def lines() -> list[tuple[str, MixingSettings]]:
    """What is drawn: a name, and the settings."""
    default = MixingSettings()
    presets = {name: MixingSettings.from_dict({"preset": name}) for name in PRESETS}
    return [(f"{name}, {settings.alpha_1:g}", settings) for name, settings in {"default": default, **presets}.items()]


def svg() -> str:
    """The plot: solid the weight below the reference's cutoff, dashed above it."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        *_axes(),
    ]
    for number, (name, settings) in enumerate(lines()):
        colour = COLOURS[number % len(COLOURS)]
        at = torch.linspace(0.0, 1.0, POINTS + 1, dtype=torch.float64)
        c1 = curve.weight(settings, at).tolist()
        parts.append(_path(at.tolist(), c1, colour, ""))
        if settings.blend == "two bands":
            high = [curve.high_weight(settings, weight) for weight in c1]
            parts.append(_path(at.tolist(), high, colour, ' stroke-dasharray="5 4"'))
        y = TOP + 16 + 22 * number
        x = WIDTH - RIGHT + 14
        parts.append(f'<line x1="{x}" y1="{y - 4}" x2="{x + 18}" y2="{y - 4}" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{x + 24}" y="{y}" {STYLE}>{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _axes() -> list[str]:
    found = []
    for value in (0.0, 0.5, 1.0):
        found.append(_line(_x(0.0), _y(value), _x(1.0), _y(value)))
        found.append(f'<text x="{LEFT - 8}" y="{_y(value) + 4:.1f}" text-anchor="end" {STYLE}>{value:g}</text>')
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        found.append(_line(_x(value), _y(0.0), _x(value), _y(1.0)))
        found.append(f'<text x="{_x(value):.1f}" y="{_y(0) + 18:.1f}" text-anchor="middle" {STYLE}>{value:g}</text>')
    middle = (_x(0.0) + _x(1.0)) / 2
    caption = "weight of the reference over the run: 0 pure noise, 1 clean"
    return [*found, f'<text x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle" {STYLE}>{caption}</text>']


def _path(us: list[float], weights: list[float], colour: str, dashes: str) -> str:
    points = "L".join(f"{_x(u):.1f},{_y(weight):.1f}" for u, weight in zip(us, weights))
    return f'<path d="M{points}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _x(u: float) -> float:
    return LEFT + u * (WIDTH - LEFT - RIGHT)


def _y(weight: float) -> float:
    return TOP + (1.0 - weight) * (HEIGHT - TOP - BOTTOM)
