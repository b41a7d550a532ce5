"""The frames of a sequence on the disk: numbered pictures in a numbered folder, read again when they are shown.

Nothing here fails a run: what could not be written is said in a message that names the file.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from itermix.pictures.saving import save_picture

LONGEST_ERROR = 160  # characters of somebody else's complaint


@dataclass
class Written:
    """files: what is there now. messages: one line for each thing that is not as it was asked for."""

    files: list[Path] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


def new_folder(parent: str | Path) -> Path:
    """The next of the folders 00000, 00001 ... of parent, made. Raises OSError, which names it."""
    parent = Path(parent)
    parent.mkdir(parents=True, exist_ok=True)
    taken = [int(entry.name) for entry in parent.iterdir() if is_folder_name(entry.name)]
    number = max(taken, default=-1) + 1
    while True:  # another run may take the number in between
        with suppress(FileExistsError):
            (parent / f"{number:05}").mkdir()
            return parent / f"{number:05}"
        number += 1


def is_folder_name(name: str) -> bool:
    """Whether `new_folder` could have given it: no path, whoever wrote it down."""
    return name.isascii() and name.isdigit()


def is_frame_name(name: str) -> bool:
    """Whether `save_frame` could have given it: users put files of their own into the folder."""
    return name.endswith(".png") and is_folder_name(name.removesuffix(".png"))


def save_frame(folder: str | Path, index: int, picture: Image.Image, infotext: str = "") -> Written:
    """One picture as 00012.png with its infotext, whole or not at all."""
    path = Path(folder) / f"{index:05}.png"
    return attempted(path, lambda: save_picture(path, picture, infotext))


def on_demand(path: str | Path) -> Image.Image:
    """The picture of a file, of which only the head is read now: its pixels follow when somebody asks for them.

    The file is open only while it is read, so that a thousand such pictures are not a thousand open files. Raises
    OSError where the file cannot be read, then or now.
    """
    return Image.open(_OnDemand(Path(path)))


class _OnDemand(io.RawIOBase):
    """A file for reading that is closed between two reads."""

    def __init__(self, path: Path):
        self.path, self.place = path, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        with open(self.path, "rb") as file:
            file.seek(self.place)
            count = file.readinto(buffer)
        self.place += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.path.stat().st_size}[whence]
        self.place = start + offset
        return self.place

    def tell(self) -> int:
        return self.place


def within(pictures: Iterable[Image.Image], most_pixels: int, count: int = 0) -> Iterator[Image.Image]:
    """The pictures, all made smaller by the same factor where together they have more pixels than that.

    count: as if they were so many, where others of their size are to come. Smaller ones are copies; the pixels of a
    picture `on_demand` are not kept for it.
    """
    pictures = list(pictures)
    pixels = sum(picture.width * picture.height for picture in pictures)
    if count > len(pictures) > 0:
        pixels = pixels * count // len(pictures)
    factor = (most_pixels / pixels) ** 0.5 if pixels > most_pixels else 1.0
    for picture in pictures:
        source = getattr(picture, "fp", None)
        if isinstance(source, _OnDemand):
            picture = on_demand(source.path)
        if factor < 1.0:
            size = max(1, int(picture.width * factor)), max(1, int(picture.height * factor))
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        yield picture


def attempted(path: Path, write: Callable[[], None]) -> Written:
    """What became of a file that a function writes."""
    try:
        write()
        return Written(files=[path])
    except Exception as error:  # an encoder may fail in ways of its own, and none of them is to end a run
        return Written(messages=[f"{path} could not be written: {why(error)}"])


def why(error: Exception) -> str:
    """Somebody else's exception in one line."""
    text = " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
    return text if len(text) <= LONGEST_ERROR else text[:LONGEST_ERROR] + "..."
