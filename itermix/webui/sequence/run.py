"""A sequence within the host's `process_images`: each of its batches is a frame.

So a frame has all that the host does for a picture: extra networks, always-on scripts, live preview, decoding,
masks and overlays, infotext, progress. The processing object's `sample` is replaced by one that hands out the next
latent of the sequence; `setup_conds` is left alone for the first batch and does nothing after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from itermix.mixing.curve import weights
from itermix.mixing.settings import MixingSettings
from itermix.sequence.host import Job
from itermix.sequence.infotext import parameters
from itermix.sequence.plan import Frame
from itermix.sequence.run import Frames
from itermix.sequence.seeds import SEEDS
from itermix.sequence.settings import SequenceSettings
from itermix.sequence.state import StateError
from itermix.settings import SettingsError
from itermix.webui import run_state
from itermix.webui.compat import edited, methods, processing, progress
from itermix.webui.log import log
from itermix.webui.sequence.files import Files
from itermix.webui.sequence.host import WebUIHost
from itermix.webui.sequence.identity import identity
from itermix.webui.sequence.prompts import PreparedPrompts
from itermix.webui.sequence.results import Results

LONGEST_ERROR = 400  # characters
STATE = "last-sequence.state"
# Of the processing object: one entry for each picture.
LISTS = (
    "all_prompts", "all_negative_prompts", "all_hr_prompts", "all_hr_negative_prompts", "all_seeds", "all_subseeds",
)  # fmt: skip
REPLACED = ("setup_prompts", "init", "parse_extra_network_prompts", "setup_conds", "sample")  # by ours of these names


class Sequence:
    """One sequence of pictures: p is its own copy of the host's processing object, parent the folder of its folder.

    frame: the later one that is being sampled, None in the first.
    """

    def __init__(self, p: Any, settings: SequenceSettings, frames: list[Frame], number: int, parent: Path):
        self.p, self.settings, self.frames, self.number = p, settings, frames, number
        self.messages: list[str] = []
        # Beside the host's own pictures: with sub-folders by date a sequence would be torn apart at midnight.
        self.state = parent / STATE if number == 0 else parent / f"{number}-{STATE}"
        self.files = Files(p, settings, parent, self.messages)
        self.results = Results(p, settings, len(frames), self.files, self.messages)
        self.prompts = PreparedPrompts(frames, p.batch_size)
        self.identity = ""
        self.host: WebUIHost | None = None
        self.latents: Frames | None = None
        self.count: int | None = None  # of the pictures that are frames, when the sequence is finished
        self.made: Iterator[tuple[Job, Tensor | None]] = iter(())
        self.has_mixed = False  # whether a later frame was mixed

    @property
    def skips(self) -> int:
        """Frames that are there already."""
        return self.files.skips

    @property
    def frame(self) -> Job | None:
        return None if self.host is None else self.host.frame

    def run(self) -> tuple[Any, int]:
        """Makes the pictures: the host's Processed, and how many of its pictures are frames.

        Until `init` the host has all frames, those of an earlier run too: what it or an extension makes of a prompt or
        a seed may depend on its place.
        """
        p = self.p
        p.extra_generation_params = {**p.extra_generation_params, **parameters(self.settings)}
        ask_for(p, self.frames)
        run_state.change(p, sequence=self)
        try:
            with methods.replaced(p, {name: getattr(self, name) for name in REPLACED}) as self.of_host:
                processed = processing.process_images(p)
        finally:
            run_state.change(p, sequence=None)
            progress.show_nothing()
        self.finish(processed)
        return processed, self.count

    # --- what the host calls while it makes the pictures

    def finish(self, processed: Any) -> None:
        """Makes grid and films, once: while the host has the options of this request, by which it saves them."""
        if self.count is not None:
            return
        report = []
        if self.latents is not None:
            self.latents.settle()  # the host asks for no latent after the last one
            report = self.latents.report.messages
        self.count = self.results.finish(processed, report)

    def setup_prompts(self) -> None:
        """The host has chosen the refiner just before. With it a frame would go on from a latent of another checkpoint,
        and be given the conditionings of the first frame at the switch.
        """
        if getattr(self.p, "refiner_checkpoint_info", None) is not None:
            self.p.refiner_checkpoint_info = None
            self.messages.append("the refiner is left out; a sequence has one checkpoint for all its frames")
        ask_by_its_batches(self)
        self.of_host["setup_prompts"]()
        one_hires_prompt(self.p)

    def init(self, *lists: Any) -> None:
        """All scripts have changed the prompts as they want: these are sampled."""
        p = self.p
        self.prompts.take_over(p)
        self.identity = identity(p, self.prompts.as_data())
        self.of_host["init"](p.all_prompts, p.all_seeds, p.all_subseeds)
        self.prompts.to_edit = edited.waiting(p)
        p.n_iter = len(self.frames) - self.skips
        for name in LISTS:
            if isinstance(getattr(p, name, None), list):
                setattr(p, name, getattr(p, name)[self.skips * p.batch_size :])

    def parse_extra_network_prompts(self) -> None:
        self.prompts.take_over_batch(self.p, self.frames[self.skips + self.p.iteration])
        self.of_host["parse_extra_network_prompts"]()
        self.prompts.note_parsed(self.p)

    def setup_conds(self) -> None:
        self.prompts.take_over_changes(self.p, self.frames[self.skips + self.p.iteration])
        if self.p.iteration == 0:
            self.of_host["setup_conds"]()

    def sample(self, **asked: Any) -> Any:
        """The latent of the next frame; a stand-in, which is taken out again, where there is none."""
        p = self.p
        if p.iteration == 0:
            self.host = WebUIHost(p, self.of_host, self.prompts, self.identity)
            self.results.note_options()
            self.files.begin()
            self.made = self._frames()
        p.do_not_save_samples = True  # kept by us, in a folder of the sequence
        try:
            job, latent = next(self.made)
        except StopIteration:
            if self.host.last is None and self.host.unfinished is None:  # stopped before it: by the host's own pass,
                self.host.unfinished = self.of_host["sample"](**asked)  # which ends at its first step
            return self._stand_in(is_last=True)
        except Exception as error:
            if self.host.last is None:  # nothing is lost: the host's own way with it, which in Forge is silent
                message = f"{SequenceSettings.title}: stopped in its first frame by {type(error).__name__}: {error}"
                log.error(message[:LONGEST_ERROR])
                raise
            self.messages.append(f"stopped by {type(error).__name__}: {error}"[:LONGEST_ERROR])
            return self._stand_in(is_last=True)
        if latent is None:  # skipped
            return self._stand_in(is_last=False)
        self.results.kept.append(True)
        p.extra_generation_params.update(parameters(self.settings, job.frame))
        if job.frame.index or self.host.init is not None:
            p.extra_generation_params["Denoising strength"] = job.frame.denoise
        return self.host.pictures if self.host.pictures is not None else latent

    def keep(self, picture: Image.Image) -> Image.Image:
        """What the host is to show of a picture that it has finished."""
        return self.results.keep(picture)

    def _frames(self) -> Iterator[tuple[Job, Tensor | None]]:
        try:
            self.latents = Frames(self.host, self.settings, self.frames, self.host.init, self.state, self.files.name)
        except StateError as problem:
            raise SettingsError(f"resume: {problem}") from None
        begin_with(self, self.latents.init)
        return iter(self.latents)

    def _stand_in(self, is_last: bool) -> Tensor:
        """Something for the host to decode, of which nothing is kept. is_last: the sequence ends here.

        Interrupted in its first frame it is what there is of that, which the host shows as it does with any picture.
        """
        p, host = self.p, self.host
        self.results.kept.append(False)
        latent = host.unfinished if host.last is None else host.last
        if is_last:
            del p.all_prompts[(p.iteration + 1) * p.batch_size :]  # the host makes no batch that has no prompts
        return latent


def begin_with(sequence: Sequence, init: Tensor | None) -> None:
    """The init latent that a resumed sequence began with; the host's encoder has drawn another one meanwhile."""
    if init is not None:
        sequence.host.init, sequence.p.init_latent = init, init.clone()  # a script may change the host's in place


def ask_for(p: Any, frames: list[Frame]) -> None:
    """Makes p a request for these frames, each a batch."""
    each = [frame for frame in frames for _ in range(p.batch_size)]
    p.n_iter = len(frames)
    p.prompt = [PreparedPrompts.shown(frame, False) for frame in each]
    p.negative_prompt = [PreparedPrompts.shown(frame, True) for frame in each]
    step = 0 if p.subseed_strength else 1  # the images of a batch differ in their variation seeds alone
    p.seed = [(frame.seed + step * image) % SEEDS for frame in frames for image in range(p.batch_size)]


def one_hires_prompt(p: Any) -> None:
    """Hires fix takes empty prompts from the list of all frames; the host's own scripts want text there."""
    for name in ("hr_prompt", "hr_negative_prompt"):
        if isinstance(getattr(p, name, None), list):
            setattr(p, name, getattr(p, name)[0])


def ask_by_its_batches(sequence: Sequence) -> None:
    """Where the host has changed the size of a batch: a film of Wan's has 4 n + 1 pictures, whatever is asked for."""
    p = sequence.p
    if p.batch_size != sequence.prompts.batch:
        sequence.prompts, seeds = PreparedPrompts(sequence.frames, p.batch_size), p.seed
        ask_for(p, sequence.frames)
        seeds[:] = p.seed  # the host holds this very list by now


def mixes_frames(sequence: Sequence, mixing: MixingSettings) -> bool:
    """Whether later frames can be mixed: the infotext of every frame is that of the whole sequence."""
    reference = sequence.settings.mixing_reference
    has_one = reference != "off" and (reference != "init image" or processing.is_img2img(sequence.p))
    is_sampled = any(frame.denoise > 0.0 for frame in sequence.frames[1:])
    return has_one and is_sampled and bool(weights(mixing, max(int(sequence.p.steps), 1)).any())


def find_first_frame(sequence: Sequence, may_be_new: bool) -> None:
    """Where a resumed sequence goes on. may_be_new: the run may have ended before it began. Raises SettingsError."""
    from itermix.sequence import state

    if may_be_new and not sequence.state.exists():
        sequence.settings = replace(sequence.settings, resume=False)
        return
    try:
        found = state.load(sequence.state)
        sequence.files.resume(min(found.next, len(sequence.frames)), found.folder)
    except StateError as problem:
        raise SettingsError(f"resume: {problem}") from None
