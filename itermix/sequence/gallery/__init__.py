"""Example sequences that come with itermix: a JSON file each, to be chosen with a click or by its name.

A file has the label of its button, one sentence about it, the settings of the sequence and, for the standalone, those
of the request. `python -m tools.films` makes their films.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from itermix.sequence.settings import SequenceSettings
from itermix.settings import read_json

FOLDER = Path(__file__).parent
NAMES = ("morph", "loop", "zoom", "seed-walk", "unsample", "mixing")  # in the order of the page


@dataclass(frozen=True)
class Example:
    """name: on the command line. request: what the standalone's request has beside its defaults."""

    name: str
    label: str
    about: str
    settings: SequenceSettings
    request: dict[str, Any]


@cache
def example(name: str) -> Example:
    """The example of a name out of NAMES."""
    read = read_json(FOLDER / f"{name}.json", "example")
    return Example(name, read["label"], read["about"], SequenceSettings.from_dict(read["sequence"]), read["request"])


def named(name: str | None) -> Example | None:
    """The example that is meant by a name in the place of a file; None where it is a file, or no example's."""
    return example(name) if name in NAMES and not Path(name).is_file() else None


def examples() -> list[Example]:
    return [example(name) for name in NAMES]
