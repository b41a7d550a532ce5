"""The plan of a sequence as curves and a table that a narrow page can show."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

# Heading, the name in a row of the plan, and whether its values stay on one line.
COLUMNS = (
    ("frame", "frame", True), ("seed", "seed", True), ("denoise", "denoise", True), ("prompt", "prompt", False),
    ("negative", "negative", False), ("latent", "interpolation", True), ("CFG", "cfg", True),
    ("alpha_1", "alpha_1", True), ("camera", "camera", False),
)  # fmt: skip
OFTEN_EMPTY: dict[str, Callable[[Any], bool]] = {
    "negative": lambda value: not value,
    "latent": lambda value: value == "off",
    "CFG": lambda value: value is None,
    "alpha_1": lambda value: value is None,
    "camera": lambda value: not value,
}
CELL = "padding: 2px 8px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--border-color-primary);"
ARROW = "-&gt;"
WIDTH, HEIGHT = 600, 40  # of a curve, in its own units
ONE_LINE, WRAPPED = "white-space: nowrap;", "overflow-wrap: anywhere;"


def plan_table(rows: list[dict[str, Any]]) -> str:
    """HTML: at which frames keyframes were read, and the table; a column that says nothing of any frame is left out."""
    columns = [
        (title, name, ONE_LINE if is_short else WRAPPED)
        for title, name, is_short in COLUMNS
        if title not in OFTEN_EMPTY or not all(OFTEN_EMPTY[title](row.get(name)) for row in rows)
    ]
    head = "".join(f'<th style="{CELL}">{title}</th>' for title, _, _ in columns)
    body = "".join(_row(row, columns) for row in rows)
    keyframes = ", ".join(str(row["frame"]) for row in rows if row["keyframe"])
    return (
        f"<p>Keyframes at {keyframes}</p>"
        '<div style="max-height: 24em; overflow-y: auto;"><table style="width: 100%; border-collapse: collapse;">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row: dict[str, Any], columns: list[tuple[str, str, str]]) -> str:
    cells = (f'<td style="{CELL} {style}">{_text(row[name])}</td>' for _, name, style in columns)
    return f"<tr>{''.join(cells)}</tr>"


def _text(value: Any) -> str:
    """HTML; the arrow between two prompts stays in one piece at a line's end."""
    return html.escape(_shown(value)).replace(ARROW, f'<span style="{ONE_LINE}">{ARROW}</span>')


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def plan_curves(curves: dict[str, list[float]]) -> str:
    """HTML: each schedule as a curve over the frames, with its name and its ends; nothing where there is none.

    curves: of at least one value each, by label.
    """
    return "".join(_curve(label, values) for label, values in curves.items())


def _curve(label: str, values: list[float]) -> str:
    low, high = min(values), max(values)
    span = (high - low) or 1
    points = " ".join(
        f"{place / max(len(values) - 1, 1) * WIDTH:.1f},{HEIGHT - (value - low) / span * HEIGHT:.1f}"
        for place, value in enumerate(values)
    )
    ends = f"{_shown(low)} to {_shown(high)}" if low < high else _shown(low)
    return (
        f'<div style="display: flex; gap: 1em; align-items: center; padding: 2px 8px;">'
        f'<span style="flex: 0 0 14em;">{html.escape(label)}<br><small>{ends}</small></span>'
        f'<svg viewBox="-2 -2 {WIDTH + 4} {HEIGHT + 4}" preserveAspectRatio="none" role="img" '
        f'aria-label="{html.escape(label)}: {ends}" style="width: 100%; height: 3em;">'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="2" '
        f'vector-effect="non-scaling-stroke"/></svg></div>'
    )
