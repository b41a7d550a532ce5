"""The films of the example sequences, docs/films/NAME.webp, of the small model: `python -m tools.films [NAME ...]`.

After a new small model, or a change of an example, all of them are to be made anew.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from itermix.commands import render
from itermix.sequence.gallery import NAMES

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "films"
LARGEST = 120_000  # bytes of a film: they are looked at on a page, and kept in the repository


def main(arguments: list[str]) -> int:
    unknown = [name for name in arguments if name not in NAMES]
    if unknown:
        print(f"{unknown[0]} is no example; they are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    for name in arguments or NAMES:
        code = make(name)
        if code:
            return code
    return 0


def make(name: str) -> int:
    """Makes one film by the command that a reader would type; its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"{name}.png"
        code = render.main(["--sequence", name, "--out", str(out)])
        if code:
            return code
        film = out.with_suffix(".webp")
        size = film.stat().st_size
        print(f"{name}: {size} bytes" + (f", more than {LARGEST}: fewer frames would do" if size > LARGEST else ""))
        shutil.move(film, FOLDER / film.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
