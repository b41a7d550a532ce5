"""Writes the tables of README.md that come from the code: `python -m tools.document`; `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from itermix.settings import Field, MixingSettings

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- controls: made by python -m tools.document -->", "<!-- /controls -->"


def controls() -> str:
    """The fields of Iterative Mixing as a Markdown table, in the order of the positional API arguments."""
    rows = ["| control | API name | values | default | what it does |", "|---|---|---|---|---|"]
    for field in MixingSettings.fields():
        rows.append(f"| {field.label} | `{field.name}` | {_values(field)} | {_default(field)} | {field.help} |")
    return "\n".join(rows)


def documented(text: str) -> str:
    """The README with its tables as the code has them now. Raises ValueError where a mark is missing."""
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"README.md lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n{controls()}\n{END}{after}"


def _values(field: Field) -> str:
    if field.kind == "choice":
        return ", ".join(field.choices)
    return {"switch": "on, off", "image": "a picture (API: base64)"}.get(field.kind) or (
        f"{field.minimum:g} to {field.maximum:g}"
    )


def _default(field: Field) -> str:
    if field.kind == "switch":
        return "on" if field.default else "off"
    return "none" if field.default is None else f"{field.default:g}" if field.kind == "number" else field.default


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    wanted = documented(text)
    if "--check" in sys.argv[1:]:
        sys.exit("README.md is not as the code has it; run python -m tools.document" if text != wanted else 0)
    README.write_text(wanted, encoding="utf-8")
