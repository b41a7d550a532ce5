"""A sequence inside of one call of the host's `process_images`: each of its batches is a frame.

So a frame has all that the host does for a picture: extra networks, always-on scripts, live preview, decoding,
masks and overlays, infotext, progress. The processing object's `sample` is replaced by one that hands out the next
latent of the sequence; `setup_conds` is left alone for the first batch and does nothing after it.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from modules import images, processing, shared
from PIL import Image
from torch import Tensor

from itermix.pictures import films as media
from itermix.sequence.host import Job
from itermix.sequence.plan import Frame, plan
from itermix.sequence.run import Frames, SequenceReport
from itermix.sequence.seeds import SEEDS
from itermix.sequence.settings import INFOTEXT_KEY, SequenceSettings
from itermix.sequence.state import StateError
from itermix.settings import SettingsError
from itermix.webui import compat
from itermix.webui.log import log
from itermix.webui.sequence.host import WebUIHost

FRAME_KEY, VIDEO_KEY = f"{INFOTEXT_KEY} frame", f"{INFOTEXT_KEY} video"
DATA_KEY = f"{VIDEO_KEY} data"  # the files themselves, as base64, where the API asked for them
GRID_PIXELS = 32 * 2**20  # the grid of a long sequence shows its frames smaller
LONGEST_ERROR = 400  # characters
FOLDER, STATE = "itermix-sequences", "last-sequence.state"


def run(p: Any, settings: SequenceSettings, return_video: bool = False, cells: int = 1) -> Any:
    """The host's Processed with all frames, grid first; the paths of the videos in its generation parameters.

    return_video: puts the files there too. cells: of a plot, to come with this one. Raises SettingsError for what
    cannot be done.
    """
    processing.fix_seed(p)
    p.batch_size = compat.images_of_batch(p)
    prompt, negative, seed = p.prompt, p.negative_prompt, int(p.seed)
    count, p.n_iter = p.n_iter, 1
    p.do_not_save_grid = True  # the host would put frames that were given up into it
    sequences = []
    for number in range(count):
        first = (seed + number * settings.frames * p.batch_size) % SEEDS
        frames = plan(settings, first, prompt, negative)
        sequences.append(Sequence(copy.copy(p), settings, frames, number, return_video))
    sequences = _unfinished(sequences, settings)
    _count_jobs(sequences, cells)
    finished = None
    for sequence in sequences:
        if compat.is_stopping():
            break
        try:
            made = sequence.run()
        except Exception as error:  # of its first frame: the sequences before it are there
            if finished is None:
                raise
            _say(finished, f"the next sequence was stopped by {type(error).__name__}: {error}"[:LONGEST_ERROR])
            break
        finished = made if finished is None else joined(finished, made)
    return finished if finished is not None else processing.Processed(p, [], seed, "")


def _unfinished(sequences: list[Sequence], settings: SequenceSettings) -> list[Sequence]:
    """Those to be made. With resume the finished ones are left out, and one that never began is made from its start.

    Raises SettingsError.
    """
    if not settings.resume:
        for sequence in sequences:  # a later resume is not to find the state of an older run
            with suppress(OSError):
                sequence.state.unlink(missing_ok=True)
        return sequences
    for sequence in sequences:
        sequence.find_first_frame()
    left = [sequence for sequence in sequences if sequence.skips < len(sequence.frames)]
    if not left:
        raise SettingsError(f"resume: all {settings.frames} frames of the last sequence are finished already")
    return left


def _count_jobs(sequences: list[Sequence], cells: int) -> None:
    """So that the host's progress goes from 0 to 1 over all of them, and never back. A plot's cells count as alike."""
    state = shared.state
    state.job_count = state.job_no + cells * sum(sequence.jobs() for sequence in sequences)
    state.processing_has_refined_job_count = True  # hires fix would double it, but only first frames have two passes


def _say(processed: Any, message: str) -> None:
    """In the log and under the pictures."""
    log.warning(f"{INFOTEXT_KEY}: {message}")
    processed.comments += f"{INFOTEXT_KEY}: {message}\n"


def joined(first: Any, other: Any) -> Any:
    """Two sequences' results as one; each keeps its grid before its frames. An unfinished picture is left out."""
    if not other.itermix_frames:
        first.comments += other.comments
        return first
    first.images += other.images
    first.infotexts += other.infotexts
    first.comments += other.comments
    for key in (VIDEO_KEY, DATA_KEY):
        if key in other.extra_generation_params:
            files = [*first.extra_generation_params.get(key, []), *other.extra_generation_params[key]]
            first.extra_generation_params[key] = files
    for name in ("all_prompts", "all_negative_prompts", "all_seeds", "all_subseeds"):
        setattr(first, name, [*getattr(first, name), *getattr(other, name)])
    return first


class Sequence:
    """One sequence of pictures: p is its own copy of the host's processing object."""

    def __init__(
        self, p: Any, settings: SequenceSettings, frames: list[Frame], number: int, return_video: bool = False
    ):
        self.p, self.settings, self.frames = p, settings, frames
        self.number, self.return_video = number, return_video
        # Beside the host's own pictures: with sub-folders by date a sequence would be torn apart at midnight.
        self.parent = Path(p.outpath_samples).absolute() / FOLDER
        self.state = self.parent / STATE if number == 0 else self.parent / f"{number}-{STATE}"
        self.folder: Path | None = None
        self.old_folder = ""  # of the sequence that is resumed
        self.kept: list[bool] = []  # of each batch: whether it is a frame
        self.files: list[Path] = []
        self.messages: list[str] = []
        self.unwritten: list[str] = []  # why, for each frame that is not on the disk
        self.skips = 0  # frames that are there already
        self.report: SequenceReport | None = None
        self.iterator: Frames | None = None
        self.masks, self.has_grid = 0, False

    def run(self) -> Any:
        p, batch = self.p, self.p.batch_size
        p.extra_generation_params = {**p.extra_generation_params, INFOTEXT_KEY: self.settings.to_infotext()}
        left = self.frames[self.skips :]
        p.n_iter, p.subseed_strength = len(left), 0 if p.subseed_strength is None else p.subseed_strength
        p.prompt = [text_of(frame.positive) for frame in left for _ in range(batch)]
        p.negative_prompt = [text_of(frame.negative) for frame in left for _ in range(batch)]
        p.seed = [(frame.seed + image) % SEEDS for frame in left for image in range(batch)]
        self.host_sample, self.host_setup_conds, self.host_setup_prompts = p.sample, p.setup_conds, p.setup_prompts
        p.sample, p.setup_conds, p.setup_prompts = self.sample, self.setup_conds, self.setup_prompts
        p.itermix_sequence = self
        self._make_folder()
        try:
            processed = processing.process_images(p)
        finally:
            for name in ("sample", "setup_conds", "setup_prompts", "itermix_sequence"):
                p.__dict__.pop(name, None)
            shared.state.textinfo = None
        return self._finished(processed)

    def find_first_frame(self) -> None:
        """Where a resumed sequence goes on. Raises SettingsError."""
        from itermix.sequence import state

        if self.number and not self.state.exists():  # the run ended before this one of its sequences began
            self.settings = replace(self.settings, resume=False)
            return
        try:
            found = state.load(self.state)
            self.skips, self.old_folder = min(found.next, len(self.frames)), found.folder
        except StateError as problem:
            raise SettingsError(f"resume: {problem}") from None

    def jobs(self) -> int:
        """How many sampling passes are to come."""
        left = self.frames[self.skips :]
        is_image = compat.is_img2img(self.p)
        backwards = [
            frame for frame in left
            if frame.unsample_steps is not None and frame.denoise and (frame.index or is_image)
        ]  # fmt: skip
        return len(left) + len(backwards) + (not self.skips and bool(getattr(self.p, "enable_hr", False)))

    # --- what the host calls while it makes the pictures

    def setup_prompts(self) -> None:
        """Hires fix takes empty prompts from the list of all frames; the host's own scripts want text there.

        The host has chosen the refiner just before. With it a frame would go on from a latent of another checkpoint,
        and be given the conditionings of the first frame at the switch.
        """
        if getattr(self.p, "refiner_checkpoint_info", None) is not None:
            self.p.refiner_checkpoint_info = None
            self.messages.append("the refiner is left out; a sequence has one checkpoint for all its frames")
        self.host_setup_prompts()
        for name in ("hr_prompt", "hr_negative_prompt"):
            if isinstance(getattr(self.p, name, None), list):
                setattr(self.p, name, getattr(self.p, name)[0])

    def setup_conds(self) -> None:
        if self.p.iteration == 0:
            self.host_setup_conds()

    def sample(self, **asked: Any) -> Any:
        """The latent of the next frame; a stand-in, which is taken out again, where there is none."""
        p = self.p
        if p.iteration == 0:
            self.host = WebUIHost(p, self.host_sample, self.host_setup_conds, self.messages)
            self.made = self._frames()
            self._note_options()
        p.do_not_save_samples = True  # kept by us, in a folder of the sequence
        try:
            job, latent = next(self.made)
        except StopIteration:
            return self._stand_in(is_last=True)
        except Exception as error:
            if self.host.last is None:  # nothing is lost: the host's own way with it, which in Forge is silent
                message = f"{INFOTEXT_KEY}: stopped in its first frame by {type(error).__name__}: {error}"
                log.error(message[:LONGEST_ERROR])
                raise
            self.messages.append(f"stopped by {type(error).__name__}: {error}"[:LONGEST_ERROR])
            return self._stand_in(is_last=True)
        if latent is None:  # skipped
            return self._stand_in(is_last=False)
        self.kept.append(True)
        p.extra_generation_params[FRAME_KEY] = job.frame.index
        if job.frame.index:
            p.extra_generation_params["Denoising strength"] = job.frame.denoise
        return self.host.pictures if self.host.pictures is not None else latent

    def _note_options(self) -> None:
        """Now: options that only this request has are gone when the host hands the pictures over."""
        opts = shared.opts
        self.has_grid = bool(opts.return_grid)
        if getattr(self.p, "mask_for_overlay", None) is not None:
            self.masks = int(opts.return_mask) + int(opts.return_mask_composite)

    def _frames(self) -> Iterator[tuple[Job, Tensor | None]]:
        try:
            folder = self.folder.name if self.folder else ""
            self.iterator = Frames(self.host, self.settings, self.frames, self.host.init, self.state, folder)
        except StateError as problem:
            raise SettingsError(f"resume: {problem}") from None
        self.report = self.iterator.report
        return iter(self.iterator)

    def _stand_in(self, is_last: bool) -> Tensor:
        """Something for the host to decode, of which nothing is kept. is_last: the sequence ends here.

        Interrupted in its first frame it is what there is of that, which the host shows as it does with any picture.
        """
        p, latent = self.p, self.host.last
        self.kept.append(False)
        if latent is None:
            latent = self.host.unfinished
        if latent is None:
            raise RuntimeError("the sequence was stopped before its first frame")
        if is_last:
            del p.all_prompts[(p.iteration + 1) * p.batch_size :]  # the host makes no batch that has no prompts
        return latent

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
            written = media.save_frame(self.folder, index, picture, text)
        except Exception as error:  # the picture itself is with the host
            written = media.Written(messages=[f"frame {index}: {type(error).__name__}: {error}"])
        self.files += written.files
        self.unwritten += written.messages
        with suppress(OSError, Image.DecompressionBombError):  # then the host keeps the picture itself
            for path in written.files:
                picture = media.on_demand(path)
                picture.already_saved_as = str(path)  # the host's own name for it
        return picture

    # --- afterwards

    def _make_folder(self) -> None:
        """A new one; a resumed sequence goes on in its own, so that its film has all frames."""
        try:
            if self.skips and media.is_folder_name(self.old_folder) and (self.parent / self.old_folder).is_dir():
                self.folder = self.parent / self.old_folder
                return
            self.folder = media.new_folder(self.parent)
            if self.skips:
                self.messages.append(f"the first {self.skips} frames are not there any more; these go to {self.folder}")
        except Exception as error:
            reason = getattr(error, "strerror", None) or error
            self.messages.append(f"frames are not kept on the disk: {self.parent} cannot be written: {reason}")

    def _finished(self, processed: Any) -> Any:
        """Takes the stand-ins out, adds the grid, writes the video, says what was to be said."""
        batch = self.p.batch_size
        if self.iterator is not None:
            self.iterator.settle()  # the host asks for no latent after the last one
        frames = self._pick(processed)
        processed.index_of_first_image = 0
        processed.itermix_frames = frames  # behind them lie masks and videos
        was_stopped = frames < len(self.frames[self.skips :]) * batch
        if not was_stopped or self.settings.finish_interrupted:
            self._try("the video", self._write_video, processed, frames)
            self._try("the grid", self._add_grid, processed, frames)
        if self.unwritten:
            more = f" (and {len(self.unwritten) - 1} more)" if len(self.unwritten) > 1 else ""
            self.messages.append(f"{self.unwritten[0]}{more}")
        for message in self.messages + (self.report.messages if self.report else []):
            _say(processed, message)
        log.info(f"{INFOTEXT_KEY}: {frames // batch} of {len(self.frames)} frames in {self.folder}")
        return processed

    def _try(self, what: str, make: Callable, processed: Any, frames: int) -> None:
        """No fault of what is made beside the frames costs the frames."""
        try:
            make(processed, frames)
        except Exception as error:
            self.messages.append(f"{what} could not be made: {type(error).__name__}: {error}")

    def _pick(self, processed: Any) -> int:
        """Leaves the frames, and behind them the masks and whatever else the host has put among them.

        Gives the number of pictures that are frames. Where there is none, what was begun of the first is left.
        """
        batch, each = self.p.batch_size, 1 + self.masks  # the host gives a picture, then its masks
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
        if not self.has_grid or frames < 2:
            return
        grid = images.image_grid(list(media.within(processed.images[:frames], GRID_PIXELS)), self.p.batch_size)
        processed.images.insert(0, grid)
        processed.infotexts.insert(0, processed.infotexts[0])
        processed.index_of_first_image = 1

    def _write_video(self, processed: Any, frames: int) -> None:
        """One for each image of the batch."""
        settings, batch = self.settings, self.p.batch_size
        if settings.video_format == "none" or self.folder is None or not self.files:
            return
        timing = media.Timing(settings.fps, settings.hold_first, settings.hold_last, settings.ping_pong)
        every = sorted(path for path in self.folder.glob("*.png") if media.is_frame_name(path.name))
        films = []
        for image in range(batch):
            own = [path for path in every if int(path.stem) % batch == image]
            written = media.save_film(own, self.folder / f"sequence-{image}", settings.video_format, timing)
            self.messages += written.messages
            films += written.files
        for film in films:
            log.info(f"{INFOTEXT_KEY}: {film}")
        self._hand_out(processed, films)

    def _hand_out(self, processed: Any, films: list[Path]) -> None:
        """To the API by path, and as a file where it is asked for; to the page in the gallery."""
        processed.extra_generation_params[VIDEO_KEY] = [str(film) for film in films]
        if self.return_video:
            data = [base64.b64encode(film.read_bytes()).decode() for film in films]
            processed.extra_generation_params[DATA_KEY] = data
        if getattr(self.p, "is_api", False):
            return
        for film in films:
            if film.suffix == ".mp4":  # no picture for a gallery: javascript/itermix_video.js shows it
                compat.hand_out(film)
                processed.comments += f"{VIDEO_KEY}: {film}\n"
                continue
            shown = Image.open(film)
            shown.load()
            shown.already_saved_as = str(film)  # the host hands out this file instead of a copy that stands still
            processed.images.append(shown)
            processed.infotexts.append(processed.infotexts[0])


def text_of(passage: Any) -> str:
    """The prompt that a frame is shown under, and whose extra networks are on."""
    return passage.prompt
