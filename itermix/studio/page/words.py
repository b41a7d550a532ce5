"""What the page says about a run, and small pictures and films as HTML."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from PIL import Image

from itermix.pictures import limits
from itermix.sequence.plan import overview
from itermix.sequence.settings import SequenceSettings
from itermix.settings import labelled
from itermix.studio.jobs import why_unmixed
from itermix.studio.page.works import Ended
from itermix.studio.pipeline import Result
from itermix.studio.request import Resolved
from itermix.studio.runner import Step
from itermix.studio.source import Source

# What the command line calls what the page has under other names.
NAMES_HERE = {
    "add --hires 2, --image, or a reference_image": "switch on Hires. fix in Upscale, or start from a picture",
    "add --hires 2, or --image": "switch on Hires. fix in Upscale, or start from a picture",
    "add --hires 2": "switch on Hires. fix in Upscale",
    "there is no --image": "there is no picture to start from",
    "with --image": "with a picture to start from",
    ", or leave out --y": "",
}
EMPTY = ": None is not allowed;"  # a field that was cleared
AXES = {"x": "Columns", "y": "Rows", "columns": "Columns", "rows": "Rows"}
PREVIEW = 256  # pixels of a preview's longer side


def here(message: str, labels: Mapping[str, str] = MappingProxyType({})) -> str:
    """A message in the page's own names. labels: of its fields, by name."""
    for name, shown in NAMES_HERE.items():
        message = message.replace(name, shown)
    return labelled(message, {**labels, **AXES}).replace(EMPTY, ": it is empty;", 1)


def step(step: Step, count: int) -> str:
    """Where a run is: "picture 2 of 4, hires pass: step 3 of 15"."""
    of = f"picture {step.picture} of {count}, " if count > 1 else ""
    what = "to compare, " if step.is_comparison else ""
    return f"{of}{what}{step.name}: step {step.done} of {step.steps}"


def mixed(result: Result, request: Resolved, source: Source) -> str:
    """What was mixed, or why nothing was."""
    if not request.mixing.enabled:
        return ""
    done = [f"{name}: {report.counted()} mixed, {report}" for name, report in result.reports.items() if report.steps]
    if done:
        return "; ".join(done)
    return here(f"Nothing was mixed: {why_unmixed(request, source)}")


def ended(event: Ended, settings: SequenceSettings) -> str:
    """How a sequence has ended, and how to go on after an interrupt."""
    lines = [f"{'Interrupted' if event.interrupted else 'Done'}: {event.frames} of {settings.frames} frames"]
    if event.interrupted:
        lines.append('switch on "Resume last sequence" in Video to go on from there')
    return ". ".join([*lines, *event.messages])


def film(path: Path | None) -> str:
    """HTML that plays a film; "" where there is none."""
    if path is None:
        return ""
    address = html.escape(f"gradio_api/file={quote(str(path))}")  # of the page: a proxy may have it in a folder
    if path.suffix == ".mp4":
        return f'<video controls loop autoplay muted src="{address}"></video>'
    return f'<img alt="the film" src="{address}">'


def preview(picture: Image.Image) -> str:
    """A small picture as HTML."""
    small = picture.copy()
    small.thumbnail((PREVIEW, PREVIEW))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG")
    return f'<img alt="so far" src="data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


def shown_plan(values: tuple[Any, ...], seed: int, prompt: str, negative: str) -> tuple[dict[str, Any], list[str]]:
    """The plan for the page's fields, and what the film cannot be. Raises SettingsError."""
    settings = SequenceSettings.from_dict(
        {field.name: value for field, value in zip(SequenceSettings.fields(), values)}
    )
    return overview(settings, seed, prompt, negative), limits.of_film(settings.video_format, settings.fps)
