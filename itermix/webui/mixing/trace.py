"""A trace of a pass, where the options ask for it: a strip of pictures for each image, beside the image."""

from __future__ import annotations

import math
from typing import Any

from itermix.mixing.mixer import Mixer
from itermix.mixing.trace import Trace
from itermix.pictures import trace_sheet
from itermix.webui import compat, options
from itermix.webui.compat import pictures
from itermix.webui.log import log

SUFFIX = "-trace"


def requested(steps: int | None) -> Trace | None:
    """The trace of a pass of so many steps (None: its sampler decides); None where the options ask for none."""
    count = options.value_of("trace", 0)
    if isinstance(count, bool) or not isinstance(count, (int, float)) or not 1 <= count < math.inf:  # nor NaN
        return None
    return Trace(int(count), steps or 0)


def save(p: Any, mixer: Mixer, name: str, sampler: str) -> None:
    """Saves the strips of a pass that has ended. Whatever goes wrong is one line in the log, and no more."""
    trace = mixer.trace
    if trace is None:
        return
    try:
        if trace.fault:
            raise RuntimeError(trace.fault)
        for image, seed in enumerate(p.seeds):
            title = f"{name}: {sampler}, seed {seed}"
            strip = trace_sheet.picture(trace, mixer.report.weights, image, title, compat.preview, pictures.font)
            if strip is not None:
                path = pictures.save_picture(p, strip, image, f"{SUFFIX}-{name.replace(' ', '-')}")
                log.info(f"{name}: trace saved as {path}")
    except Exception as error:
        log.warning(f"{name}: the trace was not saved: {type(error).__name__}: {error}")
