"""The files that a run makes beside --out: known before it, so that none is found to be in the way after it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from itermix import files
from itermix.commands.arguments import real
from itermix.pictures.saving import trace_file
from itermix.sequence.magic import is_state
from itermix.sequence.settings import SequenceSettings
from itermix.studio.errors import StudioError
from itermix.studio.request import Request

READ = ("image", "mask", "settings", "sequence", "checkpoint")  # options that name a file which a run reads
PASSES = ("first pass", "hires pass")


def of_pictures(options: argparse.Namespace, request: Request) -> list[Path]:
    """Pictures that have their seed in their name, and the strips beside each."""
    out = Path(options.out)
    seeds = range(request.seed, request.seed + request.count) if request.count > 1 else ()
    pictures = [picture_file(out, seed) for seed in seeds]
    strips = [trace_file(path, of) for path in pictures or [out] for of in PASSES] if options.trace else []
    return [*pictures, *strips]


def of_sequence(out: Path, settings: SequenceSettings) -> list[Path]:
    """Frames, state and film."""
    film = [] if settings.video_format == "none" else [out.with_suffix(f".{settings.video_format}")]
    return [state_file(out), *film, *(frame_file(out, index) for index in range(settings.frames))]


def of_sweep(out: Path, columns: int, rows: int) -> list[Path]:
    """What was asked for, and the cells."""
    cells = [cell_file(out, row, column) for row in range(rows) for column in range(columns)]
    return [record_file(out), *cells]


def require(options: argparse.Namespace, made: Iterable[Path]) -> None:
    """Refuses files that could not be written, and such as another option names. Raises StudioError."""
    named = {real(value): name for name in READ if (value := getattr(options, name, None))}
    saved = getattr(options, "save_settings", None)
    for path in made:
        try:
            files.require_replaceable(path)
        except OSError as error:
            reason = files.reason_of(error)
            raise StudioError(
                f"out: {path}, which the run makes, cannot be written: {reason}; take another name"
            ) from None
        place = real(path)
        if place in named:
            raise StudioError(f"out: {path}, which the run makes, is the file of --{named[place]}; take another name")
        if saved and real(saved) == place:
            raise StudioError(f"save-settings: {saved} is a file that the run makes; take another name")


def require_own_state(out: Path) -> None:
    """Refuses to replace a file of the state's name that is something else. Raises StudioError."""
    path = state_file(out)
    try:
        is_own = not path.exists() or is_state(path)
    except OSError as error:
        raise StudioError(f"out: {path} cannot be read: {files.reason_of(error)}") from None
    if not is_own:
        raise StudioError(f"out: {path}, which the run makes, is there and no state of a sequence; take another name")


def picture_file(out: Path, seed: int) -> Path:
    """Where one picture of several is written."""
    return out.with_name(f"{out.stem}-{seed}{out.suffix}")


def frame_file(out: Path, index: int) -> Path:
    """Where a frame is written: beside --out, with its number."""
    return out.with_name(f"{out.stem}-{index:05}{out.suffix or '.png'}")


def state_file(out: Path) -> Path:
    """Where what an interrupted sequence needs is kept until it is finished."""
    return out.with_suffix(".state")


def record_file(out: Path) -> Path:
    """Where a sweep's settings are written."""
    return out.with_suffix(".json")


def cell_file(out: Path, row: int, column: int) -> Path:
    """Where a cell of a sweep is written; both numbers from 0."""
    return out.with_name(f"{out.stem}-cells") / f"{row + 1}-{column + 1}.png"
