"""What the page's runs beside single pictures do in the background: a sequence with its film, a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from itermix.pictures import films, sheet
from itermix.pictures.reel import Timing
from itermix.sequence.plan import Frame
from itermix.sequence.settings import SequenceSettings
from itermix.sequence.state import StateError
from itermix.studio import pictures
from itermix.studio.axes import Axis, sentence
from itermix.studio.errors import StudioError
from itermix.studio.jobs import results_of
from itermix.studio.pipeline import Result, Studio
from itermix.studio.request import Resolved
from itermix.studio.runner import Step
from itermix.studio.sampling import IsCancelled
from itermix.studio.sequence import frame_infotext, init_of, make_sequence
from itermix.studio.source import Source

Say = Callable[[Any], None]
Work = Callable[[Say, IsCancelled], None]


@dataclass(frozen=True)
class Made:
    """A picture is on disk."""

    path: Path
    caption: str
    infotext: str


@dataclass(frozen=True)
class Ended:
    """A sequence has come to its end, or to an interrupt. film: None where none was made."""

    frames: int
    interrupted: bool
    film: Path | None
    messages: list[str]


def sequence(
    studio: Studio, request: Resolved, settings: SequenceSettings, source: Source, model: str, folder: Path
) -> Work:
    """The frames, their film and what is needed to resume go to the folder. model: the checkpoint's name."""
    state = folder / "sequence.state"

    def work(say: Say, is_cancelled: IsCancelled) -> None:
        def keep(frame: Frame, result: Result) -> None:
            path = folder / f"{frame.index:05}.png"
            text = frame_infotext(request, settings, source, model, frame, result)
            pictures.write(path, result.picture, text)
            say(Made(path, f"frame {frame.index}, seed {frame.seed}", text))

        def progress(name: str, done: int, steps: int) -> None:
            say(Step(name, done, steps, 1, False))

        init = init_of(studio, request, source)
        try:
            report = make_sequence(studio, request, settings, keep, init, state, progress, is_cancelled)
        except StateError as error:
            raise StudioError(f"resume: {error}") from None
        if not report.interrupted:
            state.unlink(missing_ok=True)
        say(ended(report.interrupted, settings, folder, report.messages))

    return work


def ended(interrupted: bool, settings: SequenceSettings, folder: Path, messages: list[str]) -> Ended:
    """With the film of all frames that lie in the folder, those of an earlier run too."""
    files = sorted(folder.glob("[0-9]*.png"))
    if not files or (interrupted and not settings.finish_interrupted):
        return Ended(len(files), interrupted, None, list(messages))
    film = films.save_film(files, folder / "sequence", settings.video_format, Timing.of(settings))
    return Ended(len(files), interrupted, film.files[0] if film.files else None, [*messages, *film.messages])


def grid(
    studio: Studio, axes: tuple[Axis, Axis | None], cells: list[Resolved], source: Source, model: str, folder: Path
) -> Work:
    """Each cell as it comes, then the labelled grid of all."""
    x, y = axes

    def work(say: Say, is_cancelled: IsCancelled) -> None:
        made: list[Image.Image] = []
        for number, cell in enumerate(cells, 1):

            def progress(name: str, done: int, steps: int, number: int = number) -> None:
                say(Step(name, done, steps, number, False))

            ((result, infotext),) = results_of(studio, cell, source, model, progress, is_cancelled)
            made.append(result.picture)
            row, column = divmod(number - 1, len(x.values))
            path = folder / f"{row + 1}-{column + 1}.png"
            pictures.write(path, result.picture, infotext)
            say(Made(path, ", ".join([*([y.labels[row]] if y else []), x.labels[column]]), infotext))
        lines = [made[start : start + len(x.values)] for start in range(0, len(made), len(x.values))]
        rows = y.labels if y else [""]
        pictures.write(folder / "grid.png", sheet.composed(cells[0].prompt, sentence(x, y), x.labels, rows, lines), "")
        say(Made(folder / "grid.png", "", cells[0].prompt))

    return work
