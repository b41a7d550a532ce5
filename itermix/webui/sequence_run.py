"""A sequence inside of one call of the host's `process_images`: each of its batches is a frame.

So a frame has all that the host does for a picture: extra networks, always-on scripts, live preview, decoding,
masks and overlays, infotext, progress. The processing object's `sample` is replaced by one that hands out the next
latent of the sequence; `setup_conds` is left alone for the first batch and does nothing after it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modules import images, processing, shared
from PIL import Image
from torch import Tensor

from itermix import media
from itermix.sequence.host import Job
from itermix.sequence.plan import Frame, plan
from itermix.sequence.run import Frames
from itermix.sequence.seeds import SEEDS
from itermix.sequence.settings import INFOTEXT_KEY, SequenceSettings
from itermix.sequence.state import StateError
from itermix.settings import SettingsError
from itermix.webui.log import log
from itermix.webui.sequence_host import WebUIHost

FRAME_KEY, VIDEO_KEY = f"{INFOTEXT_KEY} frame", f"{INFOTEXT_KEY} video"
FOLDER, STATE = "itermix-sequences", "last-sequence.state"


def run(p: Any, settings: SequenceSettings) -> Any:
    """The host's Processed with all frames, grid first. Raises SettingsError for what cannot be done."""
    processing.fix_seed(p)
    prompt, negative, seed = p.prompt, p.negative_prompt, int(p.seed)
    sequences, p.n_iter = p.n_iter, 1
    p.do_not_save_grid = True  # the host would put frames that were given up into it
    plans = [
        plan(settings, (seed + number * settings.frames * p.batch_size) % SEEDS, prompt, negative)
        for number in range(sequences)
    ]
    shared.state.job_count = sequences * settings.frames
    finished = None
    for number, frames in enumerate(plans):
        if stopped():
            break
        made = Sequence(copy.copy(p), settings, frames, number, sequences).run()
        finished = made if finished is None else joined(finished, made)
    return finished if finished is not None else processing.Processed(p, [], seed, "")


def stopped() -> bool:
    return shared.state.interrupted or getattr(shared.state, "stopping_generation", False)


def joined(first: Any, other: Any) -> Any:
    """Two sequences' results as one; each keeps its grid before its frames."""
    first.images += other.images
    first.infotexts += other.infotexts
    for name in ("all_prompts", "all_negative_prompts", "all_seeds", "all_subseeds"):
        setattr(first, name, [*getattr(first, name), *getattr(other, name)])
    return first


class Sequence:
    """One sequence of pictures: p is its own copy of the host's processing object."""

    def __init__(self, p: Any, settings: SequenceSettings, frames: list[Frame], number: int, sequences: int):
        self.p, self.settings, self.frames = p, settings, frames
        self.number, self.sequences = number, sequences
        # Beside the host's own pictures: with sub-folders by date a sequence would be torn apart at midnight.
        self.parent = Path(p.outpath_samples) / FOLDER
        self.state = self.parent / STATE if number == 0 else self.parent / f"{number}-{STATE}"
        self.folder: Path | None = None
        self.kept: list[bool] = []  # of each batch: whether it is a frame
        self.files: list[Path] = []
        self.messages: list[str] = []
        self.fault: Exception | None = None

    def run(self) -> Any:
        p, batch = self.p, self.p.batch_size
        p.extra_generation_params = {**p.extra_generation_params, INFOTEXT_KEY: self.settings.to_infotext()}
        self.skips = self._first_frame()
        left = self.frames[self.skips :]
        if not left:
            raise SettingsError(f"resume: all {len(self.frames)} frames of the last sequence are finished already")
        p.n_iter, p.subseed_strength = len(left), 0 if p.subseed_strength is None else p.subseed_strength
        p.prompt = [text_of(frame.positive) for frame in left for _ in range(batch)]
        p.negative_prompt = [text_of(frame.negative) for frame in left for _ in range(batch)]
        if getattr(p, "enable_hr", False):  # only the first frame has a hires pass
            p.hr_prompt = p.hr_prompt or p.prompt[0]
            p.hr_negative_prompt = p.hr_negative_prompt or p.negative_prompt[0]
        p.seed = [(frame.seed + image) % SEEDS for frame in left for image in range(batch)]
        self.host_sample, self.host_setup_conds = p.sample, p.setup_conds
        p.sample, p.setup_conds, p.itermix_sequence = self.sample, self.setup_conds, self
        self._make_folder()
        try:
            processed = processing.process_images(p)
        finally:
            for name in ("sample", "setup_conds", "itermix_sequence"):
                p.__dict__.pop(name, None)
        return self._finished(processed)

    def _first_frame(self) -> int:
        """How many frames are there already. Raises SettingsError."""
        if not self.settings.resume:
            return 0
        from itermix.sequence import state

        try:
            return min(state.load(self.state).next, len(self.frames))
        except StateError as problem:
            raise SettingsError(f"resume: {problem}") from None

    # --- what the host calls while it makes the pictures

    def setup_conds(self) -> None:
        if self.p.iteration == 0:
            self.host_setup_conds()

    def sample(self, **asked: Any) -> Any:
        """The latent of the next frame; a stand-in, which is taken out again, where there is none."""
        p = self.p
        if p.iteration == 0:
            self.host = WebUIHost(p, self.host_sample, self.host_setup_conds, self.messages)
            self.made = self._frames()
        p.do_not_save_samples = True  # kept by us, in a folder of the sequence
        try:
            job, latent = next(self.made)
        except StopIteration:
            return self._stand_in(is_last=True)
        except Exception as error:
            if self.host.last is None:
                raise  # nothing is lost: the host's own way with it
            self.fault = error
            self.messages.append(f"stopped by {type(error).__name__}: {error}"[:400])
            return self._stand_in(is_last=True)
        if latent is None:  # skipped
            return self._stand_in(is_last=False)
        self.kept.append(True)
        p.extra_generation_params[FRAME_KEY] = job.frame.index
        if job.frame.index:
            p.extra_generation_params["Denoising strength"] = job.frame.denoise
        return self.host.pictures if self.host.pictures is not None else latent

    def _frames(self) -> Iterator[tuple[Job, Tensor | None]]:
        try:
            iterator = Frames(self.host, self.settings, self.frames, self.host.init, self.state)
        except StateError as problem:
            raise SettingsError(f"resume: {problem}") from None
        self.report = iterator.report
        return iter(iterator)

    def _stand_in(self, is_last: bool) -> Tensor:
        """Something for the host to decode, of which nothing is kept. is_last: the sequence ends here."""
        p = self.p
        self.kept.append(False)
        if self.host.last is None:
            raise RuntimeError("the sequence was stopped before its first frame")
        if is_last:
            del p.all_prompts[(p.iteration + 1) * p.batch_size :]  # the host makes no batch that has no prompts
        return self.host.last

    def keep(self, picture: Image.Image) -> None:
        """The host has finished a picture: it goes to the disk at once."""
        p = self.p
        if self.folder is None or not self.kept or not self.kept[-1]:
            return
        text = processing.create_infotext(
            p, p.prompts, p.seeds, p.subseeds, index=p.batch_index, all_negative_prompts=p.negative_prompts
        )
        index = (self.skips + p.iteration) * p.batch_size + p.batch_index
        written = media.save_frame(self.folder, index, picture, text)
        self.files += written.files
        for message in written.messages:
            if message not in self.messages:
                self.messages.append(message)

    # --- afterwards

    def _make_folder(self) -> None:
        try:
            self.folder = media.new_folder(self.parent)
        except OSError as error:
            self.messages.append(f"frames are not kept on the disk: {error.filename}: {error.strerror}")

    def _finished(self, processed: Any) -> Any:
        """Takes the stand-ins out, adds the grid, writes the video, says what was to be said."""
        batch = self.p.batch_size
        keeps = [kept for kept in self.kept for _ in range(batch)]
        chosen = [i for i, is_kept in enumerate(keeps) if is_kept and i < len(processed.images)]
        pictures, infotexts = ([values[i] for i in chosen] for values in (processed.images, processed.infotexts))
        for name in ("all_prompts", "all_negative_prompts", "all_seeds", "all_subseeds"):
            values = getattr(processed, name)
            setattr(processed, name, [values[i] for i in chosen if i < len(values)])
        processed.images, processed.infotexts = pictures, infotexts
        was_stopped = len(chosen) < len(self.frames[self.skips :]) * batch
        if not was_stopped or self.settings.finish_interrupted:
            self._add_grid(processed)
            self._write_video()
        for message in self.messages:
            log.warning(f"{INFOTEXT_KEY}: {message}")
            processed.comments += f"{INFOTEXT_KEY}: {message}\n"
        log.info(f"{INFOTEXT_KEY}: {len(chosen) // batch} of {len(self.frames)} frames in {self.folder}")
        return processed

    def _add_grid(self, processed: Any) -> None:
        if not shared.opts.return_grid or len(processed.images) < 2:
            processed.index_of_first_image = 0
            return
        grid = images.image_grid(processed.images, self.p.batch_size)
        processed.images.insert(0, grid)
        processed.infotexts.insert(0, processed.infotexts[0])
        processed.index_of_first_image = 1

    def _write_video(self) -> None:
        """One for each image of the batch."""
        settings, batch = self.settings, self.p.batch_size
        if settings.video_format == "none" or self.folder is None or not self.files:
            return
        timing = media.Timing(settings.fps, settings.hold_first, settings.hold_last, settings.ping_pong)
        every = sorted(self.folder.glob("[0-9]*.png"))
        for image in range(batch):
            written = media.save_film(
                every[image::batch], self.folder / f"sequence-{image}", settings.video_format, timing
            )
            self.messages += written.messages
            if written.files:
                self.p.extra_generation_params[VIDEO_KEY] = str(written.files[0])
                log.info(f"{INFOTEXT_KEY}: {written.files[0]}")


def text_of(passage: Any) -> str:
    """The prompt that a frame is shown under, and whose extra networks are on."""
    return passage.goal if passage.weight > 0.0 or passage.start is None else passage.start
