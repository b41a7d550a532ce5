"""Writes what the documents have from code and records: `python -m tools.document`. `--check` only compares.

The tables of settings (docs/settings.md), of examples (docs/sequence.md) and of hosts (docs/hosts.md), and the plot
docs/curve.svg.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from itermix.mixing.settings import MixingSettings
from itermix.sequence.gallery import examples
from itermix.sequence.settings import SequenceSettings
from itermix.settings import Field, Settings
from itermix.upscale.settings import UpscaleSettings
from tools import curve_plot, host_table

ROOT = Path(__file__).resolve().parents[1]


def controls(model: type[Settings]) -> str:
    """The fields of a settings model as a Markdown table, in the order of the positional API arguments."""
    rows = ["| control | API name | values | default | what it does |", "|---|---|---|---|---|"]
    for field in model.fields():
        rows.append(f"| {field.label} | `{field.name}` | {_values(field)} | {_default(field)} | {field.help} |")
    return "\n".join(rows)


def presets(model: type[Settings]) -> str:
    """A settings model's presets as a Markdown table: the fields that they set."""
    fields = {field.name: field for field in model.fields()}
    rows = ["| preset | sets |", "|---|---|"]
    for name, values in model.presets().items():
        words = [f"{fields[field].label} {_shown(fields[field], value)}" for field, value in values.items()]
        rows.append(f"| {name} | {', '.join(words) or 'all defaults'} |")
    return "\n".join(rows)


def example_films() -> str:
    """The example sequences as a Markdown table, with their films."""
    rows = ["| name | what it shows | film |", "|---|---|---|"]
    for example in examples():
        film = f"![{example.label}](films/{example.name}.webp)"
        rows.append(f"| `{example.name}` | {example.about} | {film} |")
    return "\n".join(rows)


# Of each document, what stands between its marks.
TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "docs/settings.md": {
        "controls": lambda: controls(MixingSettings),
        "presets": lambda: presets(MixingSettings),
        "upscale controls": lambda: controls(UpscaleSettings),
        "upscale presets": lambda: presets(UpscaleSettings),
        "sequence controls": lambda: controls(SequenceSettings),
    },
    "docs/sequence.md": {"examples": example_films},
    "docs/hosts.md": {"hosts": lambda: host_table.table(host_table.records())},
}


def marks(name: str) -> tuple[str, str]:
    """What stands before and after a table."""
    return f"<!-- {name}: made by python -m tools.document -->", f"<!-- /{name} -->"


def documented(document: str, text: str) -> str:
    """The text with its tables as code and records have them now. Raises ValueError where a mark is missing."""
    for name, table in TABLES[document].items():
        begin, end = marks(name)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{document} lacks {begin} or {end}")
        text = f"{before}{begin}\n{table()}\n{end}{after}"
    return text


def _values(field: Field) -> str:
    if field.kind == "choice":
        return ", ".join(field.choices)
    words = {"switch": "on, off", "image": "a picture (API: base64)", "text": "text"}
    return words.get(field.kind) or (f"{field.minimum:g} to {field.maximum:g}")


def _default(field: Field) -> str:
    return "none" if field.default in (None, "") else _shown(field, field.default)


def _shown(field: Field, value: Any) -> str:
    if field.kind == "switch":
        return "on" if value else "off"
    return f"{value:g}" if field.kind in ("number", "integer") else str(value)


def main(arguments: list[str]) -> int:
    wanted = {curve_plot.FILE: curve_plot.svg()}
    for document in TABLES:
        wanted[ROOT / document] = documented(document, (ROOT / document).read_text(encoding="utf-8"))
    stale = {file: text for file, text in wanted.items() if file.read_text(encoding="utf-8") != text}
    if "--check" in arguments:
        names = ", ".join(file.name for file in stale)
        print(f"{names}: not as the code has it; run python -m tools.document" if stale else "all as the code has it")
        return 1 if stale else 0
    for file, text in stale.items():
        file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
