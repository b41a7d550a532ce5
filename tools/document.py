"""Writes what the documents have from the code, README.md's tables and docs/curve.svg: `python -m tools.document`.

`--check` only compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings
from itermix.settings import Field, Settings
from tools import curve_plot, host_table

README = Path(__file__).resolve().parents[1] / "README.md"
TABLES = {"controls": MixingSettings, "sequence controls": SequenceSettings}
HOSTS = "hosts"


def marks(name: str) -> tuple[str, str]:
    """What stands before and after a table in the README."""
    return f"<!-- {name}: made by python -m tools.document -->", f"<!-- /{name} -->"


def controls(model: type[Settings]) -> str:
    """The fields of a settings model as a Markdown table, in the order of the positional API arguments."""
    rows = ["| control | API name | values | default | what it does |", "|---|---|---|---|---|"]
    for field in model.fields():
        rows.append(f"| {field.label} | `{field.name}` | {_values(field)} | {_default(field)} | {field.help} |")
    return "\n".join(rows)


def documented(text: str) -> str:
    """The README with its tables as code and records have them now. Raises ValueError where a mark is missing."""
    tables = {name: controls(model) for name, model in TABLES.items()}
    tables[HOSTS] = host_table.table(host_table.records())
    for name, table in tables.items():
        begin, end = marks(name)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"README.md lacks {begin} or {end}")
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def _values(field: Field) -> str:
    if field.kind == "choice":
        return ", ".join(field.choices)
    words = {"switch": "on, off", "image": "a picture (API: base64)", "text": "text"}
    return words.get(field.kind) or (f"{field.minimum:g} to {field.maximum:g}")


def _default(field: Field) -> str:
    if field.kind == "switch":
        return "on" if field.default else "off"
    if field.default in (None, ""):
        return "none"
    return f"{field.default:g}" if field.kind in ("number", "integer") else field.default


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    wanted = {README: documented(text), curve_plot.FILE: curve_plot.svg()}
    if "--check" in sys.argv[1:]:
        stale = [file.name for file, text in wanted.items() if file.read_text(encoding="utf-8") != text]
        sys.exit(f"{', '.join(stale)}: not as the code has it; run python -m tools.document" if stale else 0)
    for file, text in wanted.items():
        file.write_text(text, encoding="utf-8")
