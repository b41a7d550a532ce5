"""What becomes of a sequence's pictures when the host has made them: frames, films, the grid, what is handed out."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from itermix.pictures import frames as frame_files
from itermix.sequence.settings import SequenceSettings
from itermix.webui.compat import pictures
from itermix.webui.log import log
from itermix.webui.sequence.files import Files

VIDEO_KEY = f"{SequenceSettings.infotext_key} video"
DATA_KEY = f"{VIDEO_KEY} data"  # the files themselves, as base64, where the API asked for them
MESSAGES_KEY = f"{SequenceSettings.infotext_key} messages"  # what is not as it was asked for, for a client of the API
GRID_PIXELS = 32 * 2**20  # the grid of a long sequence shows its frames smaller


def say(processed: Any, message: str) -> None:
    """In the log, under the pictures, and in the API's answer."""
    log.warning(f"{SequenceSettings.title}: {message}")
    processed.comments += f"{SequenceSettings.title}: {message}\n"
    params = processed.extra_generation_params
    params[MESSAGES_KEY] = [*params.get(MESSAGES_KEY, []), message]


class Results:
    """The pictures of one sequence of `count` frames. messages: what is to be said at its end, by others too.

    kept: of each batch of the host, whether it is a frame.
    """

    return_video = False  # whether the answer has the films themselves, too

    def __init__(self, p: Any, settings: SequenceSettings, count: int, files: Files, messages: list[str]):
        self.p, self.settings, self.count, self.files, self.messages = p, settings, count, files, messages
        self.kept: list[bool] = []
        self._masks, self._grid = 0, pictures.Grid()

    def note_options(self) -> None:
        """What the host is to do with the pictures, before it is told to leave some of it to us."""
        self._grid, self._masks = pictures.grid_wanted(self.p), pictures.masks_returned(self.p)
        self.p.do_not_save_grid = True  # the host would put frames into it that were given up

    def keep(self, picture: Image.Image) -> Image.Image:
        """What the host is to hold of a picture that it has finished."""
        p = self.p
        if not self.kept or not self.kept[-1]:
            return picture
        if p.batch_index >= p.batch_size:  # another extension has added a picture of its own to the batch
            return picture
        index = (self.files.skips + p.iteration) * p.batch_size + p.batch_index
        return self.files.keep(index, picture, pictures.infotext_of_batch(p))

    def finish(self, processed: Any, messages: list[str]) -> int:
        """Takes the stand-ins out, adds the grid, writes the film, says what was to be said.

        processed: the host's. messages: of the sampling, to be said last. Returns the number of pictures that are
        frames; behind them lie masks and films.
        """
        batch = self.p.batch_size
        frames = self._pick(processed)
        processed.index_of_first_image = 0
        was_stopped = frames < (self.count - self.files.skips) * batch
        if not was_stopped or self.settings.finish_interrupted:
            self._try("the video", self._write_video, processed, frames)
            self._try("the grid", self._add_grid, processed, frames)
        self.files.report()
        for message in self.messages + messages:
            say(processed, message)
        log.info(f"{SequenceSettings.title}: {frames // batch} of {self.count} frames{self._place()}")
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
        frames = [processed.images[i * each] for i in chosen]
        beside = [(i, picture) for i in chosen for picture in processed.images[i * each + 1 : (i + 1) * each]]
        others = processed.images[len(self.kept) * batch * each :]  # other extensions' own, such as a detected map
        texts = processed.infotexts
        processed.images = frames + [picture for _, picture in beside] + others
        processed.infotexts = [texts[i] for i in chosen] + [texts[i] for i, _ in beside] + texts[:1] * len(others)
        for name in ("all_prompts", "all_negative_prompts", "all_seeds", "all_subseeds") if chosen else ():
            values = getattr(processed, name)  # the host's answer wants one of each, without a picture, too
            setattr(processed, name, [values[i] for i in chosen if i < len(values)])
        return 0 if is_begun else len(chosen)

    def _add_grid(self, processed: Any, frames: int) -> None:
        """As the host does it, which would also put the frames into its grid that were given up."""
        if frames < 2 or not (self._grid.is_returned or self._grid.is_saved):
            return
        shown = list(frame_files.within(processed.images[:frames], GRID_PIXELS))
        text = processed.infotexts[0]
        grid = pictures.picture_grid(shown, self.p.batch_size, text)
        if self._grid.is_returned:
            processed.images.insert(0, grid)
            processed.infotexts.insert(0, text)
            processed.index_of_first_image = 1
        if self._grid.is_saved:
            pictures.save_grid(self.p, processed, grid, text)

    def _write_video(self, processed: Any, frames: int) -> None:
        made = self.files.write_films(self.p.batch_size)
        if made:
            self._hand_out(processed, made)

    def _place(self) -> str:
        return f" in {self.files.folder}" if self.files.folder is not None else ", not saved"

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
                pictures.hand_out(film)
                processed.comments += f"{VIDEO_KEY}: {film}\n"
                continue
            shown = frame_files.on_demand(film)  # Windows replaces no file that is open, as a resumed sequence does
            shown.already_saved_as = str(film)  # the host hands out this file instead of a copy that stands still
            processed.images.append(shown)
            processed.infotexts.append(processed.infotexts[0])
