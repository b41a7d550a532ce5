"""What becomes of a sequence's pictures: files in a folder of its own, a film, the grid, what the host is handed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from modules import images, processing, shared
from PIL import Image

from itermix.pictures import films
from itermix.pictures import frames as frame_files
from itermix.pictures.reel import Timing
from itermix.sequence.settings import INFOTEXT_KEY, SequenceSettings
from itermix.webui import compat
from itermix.webui.log import log

VIDEO_KEY = f"{INFOTEXT_KEY} video"
DATA_KEY = f"{VIDEO_KEY} data"  # the files themselves, as base64, where the API asked for them
MESSAGES_KEY = f"{INFOTEXT_KEY} messages"  # what went otherwise than asked, for a client of the API
GRID_PIXELS = 32 * 2**20  # the grid of a long sequence shows its frames smaller


def say(processed: Any, message: str) -> None:
    """In the log, under the pictures, and in the API's answer."""
    log.warning(f"{INFOTEXT_KEY}: {message}")
    processed.comments += f"{INFOTEXT_KEY}: {message}\n"
    params = processed.extra_generation_params
    params[MESSAGES_KEY] = [*params.get(MESSAGES_KEY, []), message]


class Results:
    """The pictures of one sequence of `count` frames. messages: what is to be said at its end, by others too.

    parent: the folder that the sequence's own one is made in. kept: of each batch of the host, whether it is a frame.
    skips: frames that an earlier run has made.
    """

    return_video = False  # whether the answer has the films themselves, too

    def __init__(self, p: Any, settings: SequenceSettings, count: int, parent: Path, messages: list[str]):
        self.p, self.settings, self.count, self.parent, self.messages = p, settings, count, parent, messages
        self.folder: Path | None = None
        self.kept: list[bool] = []
        self.skips = 0
        self._resumed_folder = ""
        self._files: list[Path] = []
        self._unwritten: list[str] = []  # why, for each frame that is not on the disk
        self._masks, self._has_grid = 0, False

    def resume(self, skips: int, folder: str) -> None:
        """Goes on after so many frames, in the folder of this name."""
        self.skips, self._resumed_folder = skips, folder

    def make_folder(self) -> None:
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

    def note_options(self) -> None:
        """Now: options that only this request has are gone when the host hands the pictures over."""
        opts = shared.opts
        self._has_grid = bool(opts.return_grid)
        if getattr(self.p, "mask_for_overlay", None) is not None:
            self._masks = int(opts.return_mask) + int(opts.return_mask_composite)

    def keep(self, picture: Image.Image) -> Image.Image:
        """The host has finished a picture: it goes to the disk at once, and the host gets what reads it from there.

        So the host, which holds on to all pictures of a run, holds no pixels, and its page makes no copies of files.
        """
        p = self.p
        if self.folder is None or not self.kept or not self.kept[-1]:
            return picture
        if p.batch_index >= p.batch_size:  # another extension has added a picture of its own to the batch
            return picture
        text = processing.create_infotext(
            p, p.prompts, p.seeds, p.subseeds, index=p.batch_index, all_negative_prompts=p.negative_prompts
        )
        index = (self.skips + p.iteration) * p.batch_size + p.batch_index
        try:
            written = frame_files.save_frame(self.folder, index, picture, text)
        except Exception as error:  # the picture itself is with the host
            written = frame_files.Written(messages=[f"frame {index}: {type(error).__name__}: {error}"])
        self._files += written.files
        self._unwritten += written.messages
        with suppress(OSError, Image.DecompressionBombError):  # then the host keeps the picture itself
            for path in written.files:
                picture = frame_files.on_demand(path)
                picture.already_saved_as = str(path)  # the host's own name for it
        return picture

    def finish(self, processed: Any, messages: list[str]) -> int:
        """Takes the stand-ins out, adds the grid, writes the film, says what was to be said.

        processed: the host's. messages: of the sampling, to be said last. Returns the number of pictures that are
        frames; behind them lie masks and films.
        """
        batch = self.p.batch_size
        frames = self._pick(processed)
        processed.index_of_first_image = 0
        was_stopped = frames < (self.count - self.skips) * batch
        if not was_stopped or self.settings.finish_interrupted:
            self._try("the video", self._write_video, processed, frames)
            self._try("the grid", self._add_grid, processed, frames)
        if self._unwritten:
            more = f" (and {len(self._unwritten) - 1} more)" if len(self._unwritten) > 1 else ""
            self.messages.append(f"{self._unwritten[0]}{more}")
        for message in self.messages + messages:
            say(processed, message)
        log.info(f"{INFOTEXT_KEY}: {frames // batch} of {self.count} frames in {self.folder}")
        return frames

    def _try(self, what: str, make: Callable, processed: Any, frames: int) -> None:
        """No fault of what is made beside the frames costs the frames."""
        try:
            make(processed, frames)
        except Exception as error:
            self.messages.append(f"{what} could not be made: {type(error).__name__}: {error}")

    def _pick(self, processed: Any) -> int:
        """Leaves the frames, and behind them the masks and whatever else the host has put among them.

        Returns the number of pictures that are frames. Where there is none, what was begun of the first is left.
        """
        batch, each = self.p.batch_size, 1 + self._masks  # the host gives a picture, then its masks
        is_begun = not any(self.kept)
        if is_begun:
            self.kept[-1:] = [True]
            self.messages.append("stopped before its first frame was finished")
        chosen = [i for i, kept in enumerate(kept for kept in self.kept for _ in range(batch)) if kept]
        chosen = [i for i in chosen if i * each < len(processed.images)]
        pictures = [processed.images[i * each] for i in chosen]
        beside = [(i, picture) for i in chosen for picture in processed.images[i * each + 1 : (i + 1) * each]]
        others = processed.images[len(self.kept) * batch * each :]  # other extensions' own, such as a detected map
        texts = processed.infotexts
        processed.images = pictures + [picture for _, picture in beside] + others
        processed.infotexts = [texts[i] for i in chosen] + [texts[i] for i, _ in beside] + texts[:1] * len(others)
        for name in ("all_prompts", "all_negative_prompts", "all_seeds", "all_subseeds"):
            values = getattr(processed, name)
            setattr(processed, name, [values[i] for i in chosen if i < len(values)])
        return 0 if is_begun else len(chosen)

    def _add_grid(self, processed: Any, frames: int) -> None:
        if not self._has_grid or frames < 2:
            return
        grid = images.image_grid(list(frame_files.within(processed.images[:frames], GRID_PIXELS)), self.p.batch_size)
        processed.images.insert(0, grid)
        processed.infotexts.insert(0, processed.infotexts[0])
        processed.index_of_first_image = 1

    def _write_video(self, processed: Any, frames: int) -> None:
        """One for each image of the batch."""
        settings, batch = self.settings, self.p.batch_size
        if settings.video_format == "none" or self.folder is None or not self._files:
            return
        timing = Timing.of(settings)
        every = sorted(path for path in self.folder.glob("*.png") if frame_files.is_frame_name(path.name))
        made = []
        for image in range(batch):
            own = [path for path in every if int(path.stem) % batch == image]
            written = films.save_film(own, self.folder / f"sequence-{image}", settings.video_format, timing)
            self.messages += written.messages
            made += written.files
        for film in made:
            log.info(f"{INFOTEXT_KEY}: {film}")
        self._hand_out(processed, made)

    def _hand_out(self, processed: Any, made: list[Path]) -> None:
        """To the API by path, and as a file where it is asked for; to the page in the gallery."""
        processed.extra_generation_params[VIDEO_KEY] = [str(film) for film in made]
        if self.return_video:
            data = [base64.b64encode(film.read_bytes()).decode() for film in made]
            processed.extra_generation_params[DATA_KEY] = data
        if getattr(self.p, "is_api", False):
            return
        for film in made:
            if film.suffix == ".mp4":  # no picture for a gallery: javascript/itermix_video.js shows it
                compat.hand_out(film)
                processed.comments += f"{VIDEO_KEY}: {film}\n"
                continue
            shown = Image.open(film)
            shown.load()
            shown.already_saved_as = str(film)  # the host hands out this file instead of a copy that stands still
            processed.images.append(shown)
            processed.infotexts.append(processed.infotexts[0])
