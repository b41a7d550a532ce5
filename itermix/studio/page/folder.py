"""The folder that the page keeps its pictures in."""

from __future__ import annotations

from pathlib import Path

from itermix.studio import pictures
from itermix.studio.errors import StudioError
from itermix.studio.runner import Compared, Finished


def keep(folder: Path, finished: Finished) -> Path:
    """Writes a picture with its parameters under the next free number. Raises StudioError where it cannot."""
    taken = (file.name.split("-")[0] for file in folder.glob("[0-9]*-*.png"))
    number = 1 + max((int(name) for name in taken if name.isdigit()), default=0)
    path = folder / f"{number:05}-{finished.result.seed}.png"
    pictures.write(path, finished.result.picture, finished.infotext)
    return path


def keep_beside(path: Path, compared: Compared) -> Path:
    """Writes what a kept picture is compared with, under its number. Raises StudioError where it cannot be written."""
    other = path.with_name(f"compared-{path.name.split('-')[0]}.png")
    pictures.write(other, compared.picture, "")
    return other


def new_folder(parent: Path, name: str) -> Path:
    """A folder of that name and the next free number. Raises StudioError where it cannot be made."""
    taken = (folder.name.rpartition("-")[2] for folder in parent.glob(f"{name}-*"))
    number = 1 + max((int(number) for number in taken if number.isdigit()), default=0)
    folder = parent / f"{name}-{number:03}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise StudioError(f"out: {folder} cannot be made: {error.strerror or error}") from None
    return folder
