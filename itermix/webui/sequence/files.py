"""Where the frames and films of a sequence lie, by the host's saving options.

Frames that are to be saved lie in a folder of the sequence by their number, written by the host's own saver, so in its
format and with or without metadata as it is set. Other frames lie in a temporary folder, within the host's own where it
has one, as long as the host has their pictures: no run holds the pixels of all its frames. A film is asked for by the
sequence itself, and always kept.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from itermix.pictures import films as film_files
from itermix.pictures import frames as frame_files
from itermix.pictures.reel import Timing
from itermix.sequence.settings import SequenceSettings
from itermix.webui.compat import pictures
from itermix.webui.log import log

COPY = ".jpg"  # of the option "Save copy of large images as JPG", which is on by default


class Spool:
    """A temporary folder that lives as long as this object. parent: where; None for the system's. Raises OSError."""

    def __init__(self, parent: Path | None = None):
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix="itermix-", dir=parent))
        weakref.finalize(self, shutil.rmtree, self.path, True)


class Files:
    """Of one sequence. parent: the folder of its folder. messages: what is to be said at its end.

    skips: frames that an earlier run has made.
    """

    def __init__(self, p: Any, settings: SequenceSettings, parent: Path, messages: list[str]):
        self.p, self.settings, self.parent, self.messages = p, settings, parent, messages
        self.folder: Path | None = None
        self.skips = 0
        self._resumed_folder = ""
        self._saves, self._spool, self._temporary = False, None, pictures.temporary_folder()
        self._unwritten: list[str] = []  # why, for each frame that is not on the disk

    @property
    def name(self) -> str:
        """Of the folder that a resumed sequence goes on in; empty where its frames are not kept."""
        return self.folder.name if self.folder is not None and self._saves else ""

    @property
    def are_saved(self) -> bool:
        """Whether the frames stay on the disk."""
        return self._saves and self.folder is not None

    def resume(self, skips: int, folder: str) -> None:
        """Goes on after so many frames, in the folder of this name."""
        self.skips, self._resumed_folder = skips, folder

    def begin(self) -> None:
        """Makes the folder that the options want, now that those of this request are set."""
        self._saves = pictures.saves_pictures(self.p)
        if self._saves or self.settings.video_format != "none":
            self._make_folder()
        if self.folder is None or not self._saves:
            with suppress(OSError):  # then the host keeps the pictures themselves
                self._spool = Spool(self._temporary)

    def keep(self, index: int, picture: Image.Image, text: str) -> Image.Image:
        """Writes a finished frame; gives what reads it from there, or the picture itself where it is not written.

        So the host, which holds on to all pictures of a run, holds no pixels, and its page makes no copies of files.
        """
        if self._spool is None and self.folder is None:
            return picture
        try:
            path = self._written(index, picture, text)
            shown = frame_files.on_demand(path)
        except Exception as error:  # the picture itself is with the host
            reason = getattr(error, "strerror", None) or error
            self._unwritten.append(f"{self._folder / f'{index:05}.png'} could not be written: {reason}")
            return picture
        if self._spool is None:
            shown.already_saved_as = str(path)  # the host's own name for it
        else:
            shown.itermix_spool = self._spool  # lives as long as the picture
        return shown

    def write_films(self, batch: int) -> list[Path]:
        """One for each image of the batch; none where none is asked for, or nothing was written."""
        settings = self.settings
        if settings.video_format == "none" or self.folder is None:
            return []
        timing = Timing.of(settings)
        every = _one_of_each(path for path in self._folder.iterdir() if _is_picture(path))
        films = []
        for image in range(batch) if every else ():
            own = [path for path in every if int(path.stem) % batch == image]
            written = film_files.save_film(own, self.folder / f"sequence-{image}", settings.video_format, timing)
            self.messages += written.messages
            films += written.files
        for film in films:
            log.info(f"{SequenceSettings.title}: {film}")
        return films

    def report(self) -> None:
        """Says what could not be written."""
        if self._unwritten:
            more = f" (and {len(self._unwritten) - 1} more)" if len(self._unwritten) > 1 else ""
            self.messages.append(f"{self._unwritten[0]}{more}")

    @property
    def _folder(self) -> Path:
        return self.folder if self._spool is None else self._spool.path

    def _written(self, index: int, picture: Image.Image, text: str) -> Path:
        if self._spool is None:
            return pictures.save_frame(self.p, picture, self.folder, f"{index:05}", text)
        written = frame_files.save_frame(self._spool.path, index, picture)
        if not written.files:
            raise OSError(written.messages[0])
        return written.files[0]

    def _make_folder(self) -> None:
        """A new one; a resumed sequence goes on in its own, so that its film has all frames."""
        try:
            if self.skips and frame_files.is_folder_name(self._resumed_folder):
                if (self.parent / self._resumed_folder).is_dir():
                    self.folder = self.parent / self._resumed_folder
                    return
            self.folder = frame_files.new_folder(self.parent)
            if self.skips:
                self.messages.append(f"the first {self.skips} frames are not there any more; these go to {self.folder}")
        except Exception as error:
            reason = getattr(error, "strerror", None) or error
            self.messages.append(f"frames are not kept on the disk: {self.parent} cannot be written: {reason}")


def _is_picture(path: Path) -> bool:
    """By its name, of any format that the host can save: jxl and heif are in Pillow where the host has put them there.
    Beside a picture there may be its text."""
    return path.suffix.lower() in Image.registered_extensions()


def _one_of_each(files: Iterable[Path]) -> list[Path]:
    """The frames among these files, in order. Beside a large one the host saves a smaller copy as .jpg."""
    frames = sorted((path for path in files if path.stem.isdecimal()), key=lambda path: path.suffix != COPY)
    return sorted({path.stem: path for path in frames}.values())  # of a name the last one, which is no copy
