"""The quality benchmark's rows as a table and as a picture."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from benchmarks.measures import bands_above

Row = dict[str, Any]

# What the default settings promise, drawn as lines.
STRUCTURE_WANTED, DETAIL_WANTED = 0.99, 0.95
TICKS = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999)
SHAPES = "ovs^D"

LEGEND = """\
structure: correlation with the reference below half its cutoff, 1 is the same picture.
detail: power in each band above the cutoff over the plain sampler's; below 1 is blur, above 1 is grain.
edge: the same in the octave below the cutoff. known: there, over the picture's own power or the sampler's, the smaller.
evaluations: of the network, over the plain sampler's; of a part of the picture the part's share."""


def table(rows: list[Row]) -> str:
    """One line per method, over all of its cells."""
    lines: list[tuple[str, ...]] = [
        ("method", "structure", "", "detail", "", "", "edge", "", "known", "evaluations"),
        ("", "worst", "median", "lowest", "median", "highest", "lowest", "median", "lowest", "median"),
    ]
    for method, own in by_method(rows).items():
        structures = [row["structure"] for row in own]
        above = [value for row in own for value in details_above(row)]
        edges = [edge(row) for row in own]
        values = (
            *(min(structures), median(structures)),
            *(min(above), median(above), max(above)),
            *(min(edges), median(edges)),
            min(row["known"] for row in own),
            median(row["evaluations"] for row in own),
        )
        lines.append((method, *(f"{value:.3f}" for value in values)))
    return _aligned(lines) + f"\n\n{len(rows) // len(by_method(rows))} cells\n{LEGEND}"


def by_schedule(rows: list[Row]) -> str:
    """One line per schedule, number of steps and denoising strength: means over scales and samplers; detail in the
    first band above the cutoff, at 2x, where the reference is not far from knowing it, and at the larger scales."""
    lines: list[tuple[str, ...]] = [("schedule", "steps", "strength", "structure", "detail, 2x", "detail, larger")]
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault((row["schedule"], row["steps"], row["strength"]), []).append(row)
    for (schedule, steps, strength), own in groups.items():
        small, large = (
            [details_above(row)[0] for row in own if (row["scale"] > 2) == larger] for larger in (False, True)
        )
        values = (fmean(row["structure"] for row in own), fmean(small), fmean(large))
        lines.append((schedule, str(steps), f"{strength:g}", *(f"{value:.3f}" for value in values)))
    return _aligned(lines)


def every_cell(rows: list[Row]) -> str:
    """One line per row, detail as the edge and the three bands above the cutoff."""
    head = ("method", "scale", "schedule", "steps", "sampler", "structure", "detail: edge", "low", "middle", "high")
    lines = [head]
    for row in rows:
        condition = (str(row[name]) for name in ("scale", "schedule", "steps", "sampler"))
        values = (row["structure"], edge(row), *details_above(row))
        lines.append((row["method"], *condition, *(f"{value:.3f}" for value in values)))
    return _aligned(lines)


def draw(rows: list[Row], path: Path) -> None:
    """Structure against the lowest detail above the cutoff: every cell a dot, each method's worst of both a mark."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5.5), layout="constrained")
    axes.set_xscale("function", functions=(_stretch, _unstretch))
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.axvline(STRUCTURE_WANTED, color="0.7", linewidth=1)
    axes.axhline(DETAIL_WANTED, color="0.7", linewidth=1)
    colours = pyplot.get_cmap("tab20").colors
    for number, (method, own) in enumerate(by_method(rows).items()):
        colour, shape = colours[number % len(colours)], SHAPES[number % len(SHAPES)]
        structures, details = [row["structure"] for row in own], [min(details_above(row)) for row in own]
        axes.scatter(structures, details, s=9, color=colour, alpha=0.6, linewidths=0)
        axes.scatter(
            min(structures), min(details), s=80, color=colour, edgecolors="black", marker=shape, label=method, zorder=3
        )
    axes.set_xlabel("structure: correlation with the reference's low frequencies")
    axes.set_ylabel("detail: power above the cutoff over the plain sampler's")
    axes.legend(title="worst over all cells", fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def by_method(rows: list[Row]) -> dict[str, list[Row]]:
    methods: dict[str, list[Row]] = {}
    for row in rows:
        methods.setdefault(row["method"], []).append(row)
    return methods


def details_above(row: Row) -> list[float]:
    """Detail in the bands above the cutoff, low to high."""
    return [row["detail"][name] for name in bands_above(row["scale"])]


def edge(row: Row) -> float:
    """Detail in the octave below the cutoff."""
    return next(iter(row["detail"].values()))


def _aligned(lines: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines)


def _stretch(structure: np.ndarray) -> np.ndarray:
    """An axis on which 0.9, 0.99, 0.999 are evenly spaced; 1 itself is put where 0.99999 is."""
    return -np.log10(np.maximum(1.0 - structure, 1e-5))


def _unstretch(position: np.ndarray) -> np.ndarray:
    return 1.0 - 10.0**-position
