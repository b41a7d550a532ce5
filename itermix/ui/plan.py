"""The plan of a sequence as a table that a narrow page can show."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

# Heading, the name in a row of the plan, and whether its values stay on one line.
COLUMNS = (
    ("frame", "frame", True), ("seed", "seed", True), ("denoise", "denoise", True), ("prompt", "prompt", False),
    ("negative", "negative", False), ("latent", "interpolation", True),
)  # fmt: skip
OFTEN_EMPTY: dict[str, Callable[[Any], bool]] = {
    "negative": lambda value: not value,
    "latent": lambda value: value == "off",
}
CELL = "padding: 2px 8px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--border-color-primary);"
ARROW = "-&gt;"
ONE_LINE, WRAPPED = "white-space: nowrap;", "overflow-wrap: anywhere;"


def plan_table(rows: list[dict[str, Any]]) -> str:
    """HTML: at which frames keyframes were read, and the table; a column that says nothing of any frame is left out."""
    columns = [
        (title, name, ONE_LINE if is_short else WRAPPED)
        for title, name, is_short in COLUMNS
        if title not in OFTEN_EMPTY or not all(OFTEN_EMPTY[title](row[name]) for row in rows)
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
    return html.escape(str(value)).replace(ARROW, f'<span style="{ONE_LINE}">{ARROW}</span>')
