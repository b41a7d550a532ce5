"""Runs a plan on any host that can do a few things: encode a prompt, sample, sample backwards, show a frame.

Latents stay latents from frame to frame. What is held over time is the latent before, the first and the initial one,
and the conditionings that a later frame still needs; frames go to the host as they come. A frame follows from the
plan and the latent before it alone, so that a run resumed from the file of `state` gives the frames that it would
have given in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from itermix.sequence import state
from itermix.sequence.camera import moved
from itermix.sequence.colour import anchored
from itermix.sequence.conditioning import Conditioning
from itermix.sequence.encoded import Conditionings
from itermix.sequence.host import Host, Job
from itermix.sequence.interpolate import blend_latents, cosine_latents, slerp_latents
from itermix.sequence.loop import distance, drawn_back
from itermix.sequence.plan import Frame
from itermix.sequence.seeds import SEEDS
from itermix.sequence.settings import SequenceSettings

INTERPOLATIONS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "blend": blend_latents,
    "slerp": slerp_latents,
    "cosine": cosine_latents,
}

# Change the seed of noise that is not the sampler's, which would else be the very noise that it adds from the same one.
INJECTED = 0x9E3779B97F4A7C15
AT_THE_BORDER = 0xC2B2AE3D27D4EB4F


@dataclass
class SequenceReport:
    """What came of a run.

    first: the first frame that was to be made. next: the first that was not, the number of frames if all were.
    interrupted: whether the user ended it before the last frame.
    """

    first: int
    next: int
    emitted: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    interrupted: bool = False
    messages: list[str] = field(default_factory=list)


class Frames:
    """The frames of a plan, made one by one as they are asked for: iterate once, over (Job, clean latent), or None in
    the place of the latent where the frame was skipped.

    init: clean latent [B, C, H, W], or None to begin from noise. file: where the state is kept between frames, None
    for nowhere. With `settings.resume` the frames that are finished there are not made again. A frame counts as
    finished when the next one is asked for, or at `settle`. `report` is filled as it goes. Raises StateError where
    there is nothing to resume, or it is another sequence's. A state that cannot be written is a message, not an end.
    """

    def __init__(
        self,
        host: Host,
        settings: SequenceSettings,
        frames: list[Frame],
        init: Tensor | None,
        file: str | Path | None = None,
        folder: str = "",
    ):
        self.host, self.settings, self.frames, self.init = host, settings, frames, init
        self.file, self.folder = file, folder
        self.key = _fingerprint(host, settings, frames, init)
        start = _resumed(settings, file, self.key)
        self.report = SequenceReport(start.next if start else 0, start.next if start else 0)
        self.previous, self.first = (init, None)
        self.path = torch.zeros(1)  # of a closed loop: how far each latent has gone so far, [B] when it has
        self._handed: tuple[int, Tensor] | None = None  # the number and the latent of the frame that was given out last
        if start is not None:
            self.previous, self.first = start.previous.to(host.device), start.first.to(host.device)
            self.path = start.path
            if start.init is not None:  # the frames there are have been made from this one
                self.init = start.init.to(host.device)
            if start.next >= len(frames):
                self.report.messages.append(
                    f"nothing to resume: all {len(frames)} frames of this sequence are finished"
                )

    def __iter__(self) -> Iterator[tuple[Job, Tensor | None]]:
        host, report = self.host, self.report
        conditionings = Conditionings(host, self.frames)
        for frame in self.frames[: report.first]:
            conditionings.pass_by(frame, last=frame.index == report.first - 1)
        for frame in self.frames[report.first :]:
            if host.stopped():
                report.interrupted = True
                return
            before, conditioning = conditionings.last, conditionings.of(frame)
            latents = _moved(host, self.settings, frame, self.previous), self.first, self.init
            job = _job(host, self.settings, frame, conditioning, latents, len(self.frames))
            latent = self._drawn_back(frame.index, _made(host, self.settings, job, before, latents))
            if host.cut_short():
                report.interrupted = True
                return
            if host.skipped():
                report.skipped.append(frame.index)
                report.next = frame.index + 1
                self._keep()
                yield job, None
                continue
            self._handed = frame.index, latent
            yield job, latent
            self.settle()

    def settle(self) -> None:
        """The frame that was given out last is finished: a resumed run begins after it."""
        if self._handed is None:
            return
        (index, latent), self._handed, report = self._handed, None, self.report
        if self.settings.close_loop and self.first is not None:
            self.path = self.path + distance(latent, self.previous).cpu()
        self.previous, self.first = latent, latent if self.first is None else self.first
        report.emitted.append(index)
        report.next = index + 1
        self._keep()

    def _drawn_back(self, index: int, latent: Tensor) -> Tensor:
        """A frame as a closed loop has it."""
        if not self.settings.close_loop or self.first is None or index < 2:
            return latent
        path = self.path.to(latent.device)
        return drawn_back(latent, self.previous, self.first, path, index, len(self.frames))

    def _keep(self) -> None:
        """Writes down what a resumed run begins from."""
        if self.file is None or self.previous is None or self.first is None:
            return
        kept = state.State(self.key, self.report.next, self.previous, self.first, self.path, self.folder, self.init)
        try:
            state.save(self.file, kept)
        except state.StateError as problem:
            if str(problem) not in self.report.messages:
                self.report.messages.append(str(problem))


def run(
    host: Host, settings: SequenceSettings, frames: list[Frame], init: Tensor | None, file: str | Path | None = None
) -> SequenceReport:
    """Makes the frames of a plan and hands each to `host.emit`. As `Frames`, which it runs through."""
    made = Frames(host, settings, frames, init, file)
    for job, latent in made:
        if latent is not None:
            host.emit(job, latent)
    return made.report


def _made(
    host: Host,
    settings: SequenceSettings,
    job: Job,
    before: tuple[Conditioning, Conditioning] | None,
    latents: tuple[Tensor | None, Tensor | None, Tensor | None],
) -> Tensor:
    """The latent of a frame: sampled, interpolated with the one before, its colours held, the mask's outside kept."""
    previous, first, init = latents
    frame, source, noised = job.frame, previous, False
    if previous is not None:
        if frame.unsample_steps is not None:
            positive, negative = before or (job.positive, job.negative)
            backwards = replace(job, positive=positive, negative=negative)
            source, noised = host.unsample(backwards, source, frame.unsample_steps), True
        if frame.noise:
            added = host.noise(tuple((seed ^ INJECTED) % SEEDS for seed in job.seeds), source) * frame.noise
            source = source + (added if host.mask is None else added * host.mask)
    latent = host.sample(job, source, noised)
    if previous is not None and frame.interpolation != "off":
        latent = INTERPOLATIONS[frame.interpolation](previous, latent, frame.interpolation_strength)
    if first is not None:
        latent = anchored(latent, first, settings.colour_anchor)
    if host.mask is None or init is None:
        return latent
    mask = host.mask.to(latent)
    return mask * latent + (1.0 - mask) * init


def _moved(host: Host, settings: SequenceSettings, frame: Frame, latent: Tensor | None) -> Tensor | None:
    """The frame before as the camera sees it now; what a mask keeps stays where it is."""
    if latent is None or frame.move.is_still:
        return latent
    noise = None
    if settings.border_noise:
        noise = host.noise(tuple((seed ^ AT_THE_BORDER) % SEEDS for seed in _seeds(host, frame)), latent)
    seen = moved(latent, frame.move, noise, settings.border_noise)
    return seen if host.mask is None else torch.lerp(latent, seen, host.mask.to(latent))


def _seeds(host: Host, frame: Frame) -> tuple[int, ...]:
    return tuple((frame.seed + image) % SEEDS for image in range(host.batch))


def _job(
    host: Host,
    settings: SequenceSettings,
    frame: Frame,
    conditioning: tuple[Conditioning, Conditioning],
    latents: tuple[Tensor | None, Tensor | None, Tensor | None],
    total: int,
) -> Job:
    """latents: the one before, the first, the initial one."""
    previous, first, init = latents
    references = {"previous frame": previous, "first frame": first, "init image": init}
    reference = references.get(settings.mixing_reference) if frame.index else None
    return Job(frame, _seeds(host, frame), *conditioning, reference, total)


def _fingerprint(host: Host, settings: SequenceSettings, frames: list[Frame], init: Tensor | None) -> str:
    """Of all that decides about a latent; what becomes of the frames afterwards does not."""
    names = ("mixing_reference", "colour_anchor", "border_noise", "close_loop")
    decides = (host.identity, host.batch, *(getattr(settings, name) for name in names))
    begins = (init is None,) if host.init_is_drawn else init
    return state.fingerprint(decides, frames, begins, host.mask)


def _resumed(settings: SequenceSettings, file: str | Path | None, key: str) -> state.State | None:
    if not settings.resume or file is None:
        return None
    found = state.load(file)
    if found.fingerprint != key:
        raise state.StateError(
            f"{file} is of another sequence; set the seed, prompts, init image and settings as they were, or start over"
        )
    return found
