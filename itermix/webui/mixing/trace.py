"""A trace of a pass, where the options ask for it: a strip of pictures for each image, beside the file of the image.

A strip is drawn when its pass ends, and saved when the host has saved the image: only then is the image's name known.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from itermix.mixing.mixer import Mixer
from itermix.mixing.trace import Trace
from itermix.pictures import trace_sheet
from itermix.pictures.saving import save_picture, trace_file
from itermix.webui import options, run_state
from itermix.webui.compat import latents, pictures
from itermix.webui.log import log


def requested(p: Any, steps: int | None, state: Tensor) -> Trace | None:
    """The trace of a pass of so many steps (None: its sampler decides). state: its first.

    None where the options ask for none, and where its images are not saved: a strip would lie beside nothing.
    """
    count = options.value_of("trace", 0)
    if isinstance(count, bool) or not isinstance(count, (int, float)) or not 1 <= count < math.inf:  # nor NaN
        return None
    sequence = run_state.of(p).sequence
    is_film = latents.is_video(state)
    is_saved = pictures.saves_pictures(p, is_film) if sequence is None else sequence.files.are_saved
    if is_film and not is_saved and pictures.saves_pictures(p):
        log.info("no trace: it lies beside the first picture of a video, and the WebUI does not save these")
    return Trace(int(count), steps or 0) if is_saved else None


def keep(p: Any, mixer: Mixer, name: str, sampler: str) -> None:
    """Draws the strips of a pass that has ended. Whatever goes wrong is one line in the log, and no more."""
    trace, outcome = mixer.trace, run_state.of(p).outcome
    if trace is None or outcome is None:
        return
    try:
        if trace.fault:
            raise RuntimeError(trace.fault)
        for image, seed in enumerate(p.seeds[: trace.images]):
            title = f"{name}: {sampler}, seed {seed}"
            strip = trace_sheet.picture(trace, mixer.report.weights, image, title, latents.preview, pictures.font)
            if strip is not None:
                outcome.strips.setdefault(image, {})[name] = strip
    except Exception as error:
        _say_not_saved(name, error)


def begin_image(p: Any) -> None:
    """The host has finished an image of the batch; what it saves next is that image."""
    outcome = run_state.of(p).outcome
    if outcome is not None:
        outcome.finished = outcome.strips.pop(p.batch_index, {})


def save_beside(saved: Any) -> None:
    """The host has saved a picture; of any other than the finished one there are no strips."""
    outcome = None if saved.p is None else run_state.of(saved.p).outcome
    if outcome is None:
        return
    strips, outcome.finished = outcome.finished, {}
    for name, strip in strips.items():
        try:
            path = trace_file(pictures.saved_file(saved.filename), name)
            save_picture(path, strip)
            log.info(f"{name}: trace saved as {path}")
        except Exception as error:
            _say_not_saved(name, error)


def _say_not_saved(name: str, error: Exception) -> None:
    log.warning(f"{name}: the trace was not saved: {type(error).__name__}: {error}")
