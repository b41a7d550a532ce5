"""What `render --sequence` does: each frame as it comes, then the video, and how to go on after an interrupt."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from itermix.commands.beside import frame_file, state_file
from itermix.commands.interrupts import Interrupts
from itermix.commands.parser import say
from itermix.commands.progress import show
from itermix.pictures import limits
from itermix.sequence import gallery
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError, read_json
from itermix.studio.errors import Cancelled, StudioError
from itermix.studio.request import Request, Resolved

if TYPE_CHECKING:
    from itermix.sequence.plan import Frame
    from itermix.sequence.run import SequenceReport
    from itermix.studio.pipeline import Result, Studio
    from itermix.studio.source import Source


def settings_of(options: argparse.Namespace) -> SequenceSettings | None:
    """The settings in the file of --sequence, or of the example of that name; None without one.

    Raises StudioError and SettingsError.
    """
    if not options.sequence:
        if options.resume:
            raise StudioError("resume: there is nothing to go on with; add the --sequence that was interrupted")
        return None
    try:
        chosen = gallery.named(options.sequence)
        settings = chosen.settings if chosen else SequenceSettings.from_dict(read_json(options.sequence, "sequence"))
    except SettingsError as error:
        raise SettingsError(with_name("sequence", str(error))) from None
    return dataclasses.replace(settings, resume=True) if options.resume else settings


def with_name(name: str, message: str) -> str:
    """A message about what is in a file, under the name of the option that gave the file."""
    return message if message.startswith(f"{name}: ") else f"{name}: {message}"


def require_suitable(request: Request, settings: SequenceSettings, options: argparse.Namespace) -> None:
    """Refuses by name what frames have no use for, and a resume without a beginning. Raises StudioError."""
    for name, value, without, why in (
        ("hires", request.hires, 1.0, "a frame has one pass"),
        ("count", request.count, 1, "the sequence's own frames say how many pictures there are"),
        ("trace", options.trace, 0, "a frame has no trace"),
        ("mask", options.mask, None, "frames take none here; the WebUI's script does"),
        ("strength", options.strength, None, "set denoise_start and denoise_seq in the sequence's settings"),
    ):
        if value != without:
            raise StudioError(f"{name}: {value} is not allowed together with --sequence: {why}")
    state = state_file(Path(options.out))
    if settings.resume and not state.is_file():
        raise StudioError(f"resume: there is no sequence to resume: {state} is not there")


def render(
    studio: Studio, request: Resolved, settings: SequenceSettings, source: Source, options: argparse.Namespace
) -> None:
    """Writes each frame as it comes, then the video of all that are there.

    Raises StudioError, and Cancelled where the user ended it, with how to go on.
    """
    from itermix.sequence.state import StateError
    from itermix.studio.sequence import init_of, make_sequence

    out = Path(options.out)
    for line in limits.of_film(settings.video_format, settings.fps):
        say(line)
    writer = Writer(request, settings, source, out, options.checkpoint)
    with Interrupts() as interrupts:
        try:
            report = make_sequence(
                studio, request, settings, writer.write, init_of(studio, request, source), state_file(out), show,
                interrupts.asked,
            )  # fmt: skip
        except KeyboardInterrupt:  # the second one: not even the video is waited for
            raise Cancelled(how_to_go_on(writer.done, settings, out)) from None
        except StateError as error:
            raise StudioError(f"resume: {error}") from None
    if request.mixing.enabled and report.emitted and not writer.is_mixed:
        say(f"nothing was mixed: {why_unmixed(request, settings, source)}")
    for line in report.messages:
        print(line, file=sys.stderr)
    is_whole = finish(writer, report, settings, out)
    if report.interrupted:
        raise Cancelled(how_to_go_on(report.next, settings, out))
    if is_whole:
        state_file(out).unlink(missing_ok=True)


class Writer:
    """Writes the frames of one sequence, each with the parameters of its own."""

    def __init__(
        self, request: Resolved, settings: SequenceSettings, source: Source, out: Path, checkpoint: str | None
    ):
        from itermix.studio import loading

        self.request, self.settings, self.source, self.out = request, settings, source, out
        self.model = loading.name_of(checkpoint)
        self.done, self.is_mixed = 0, False
        self.is_complete = True  # whether each frame's file holds its parameters

    def write(self, frame: Frame, result: Result) -> None:
        from itermix.studio import pictures
        from itermix.studio.sequence import frame_infotext

        path = frame_file(self.out, frame.index)
        text = frame_infotext(self.request, self.settings, self.source, self.model, frame, result)
        lost = pictures.write(path, result.picture, text)
        if lost and self.is_complete:  # of the first one: they are all alike
            say(lost[0])
        self.is_complete = not lost
        self.done, self.is_mixed = frame.index + 1, self.is_mixed or result.is_mixed
        print(path, flush=True)


def finish(writer: Writer, report: SequenceReport, settings: SequenceSettings, out: Path) -> bool:
    """Makes the video of all frames that lie beside --out, those of an earlier run too. Whether nothing is missing."""
    from itermix.pictures import films
    from itermix.pictures.reel import Timing

    if report.interrupted and not settings.finish_interrupted:
        return False
    files = [frame_file(out, index) for index in range(report.next)]
    film = films.save_film(files, out.with_suffix(""), settings.video_format, Timing.of(settings))
    said = limits.of_film(settings.video_format, settings.fps)
    for line in film.messages:
        if line not in said:
            say(line)
    for path in film.files:
        print(path)
    return bool(film.files) or settings.video_format == "none"


def why_unmixed(request: Resolved, settings: SequenceSettings, source: Source) -> str:
    """Why a sequence with mixing switched on has mixed nothing, and what to do."""
    from itermix.sequence.plan import plan

    others = 'set it to "previous frame" or "first frame"'
    if settings.mixing_reference == "off":
        return f'the sequence\'s mixing_reference is "off"; {others}'
    if settings.mixing_reference == "init image" and source.image is None:
        return f'the sequence\'s mixing_reference is "init image", and there is no --image; {others}'
    later = plan(settings, request.seed, request.prompt, request.negative)[1:]
    if not later:
        return "there is no frame after the first"
    if not any(frame.denoise for frame in later):
        return "the denoise of every frame after the first is 0, so that none is sampled"
    return "the weight is 0 at every step, or the run ended before a frame was mixed"


def how_to_go_on(done: int, settings: SequenceSettings, out: Path) -> str:
    """The line after an interrupt."""
    if not done:
        return "interrupted before the first frame was finished"
    return (
        f"interrupted after {done} of {settings.frames} frames; the same command with --resume goes on from there "
        f"({state_file(out)} holds what it needs)"
    )
