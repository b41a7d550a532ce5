"""A look inside of a pass, where the options ask for it: a strip of pictures for each image, beside the image."""

from __future__ import annotations

import math
from typing import Any

from itermix.mixing.mixer import Mixer
from itermix.mixing.trace import Inside
from itermix.pictures import trace_sheet as inside_picture
from itermix.webui import compat, options
from itermix.webui.log import log

SUFFIX = "-inside"


def wanted(steps: int | None) -> Inside | None:
    """What looks at a pass of so many steps (None: its sampler decides); None where nobody asked."""
    count = options.value_of("look_inside", 0)
    if isinstance(count, bool) or not isinstance(count, (int, float)) or not 1 <= count < math.inf:  # nor NaN
        return None
    return Inside(int(count), steps or 0)


def save(p: Any, mixer: Mixer, name: str, sampler: str) -> None:
    """Saves the strips of a pass that has ended. Whatever goes wrong is one line in the log, and no more."""
    inside = mixer.inside
    if inside is None:
        return
    try:
        if inside.fault:
            raise RuntimeError(inside.fault)
        for image, seed in enumerate(p.seeds):
            title = f"{name}: {sampler}, seed {seed}"
            strip = inside_picture.picture(inside, mixer.report.weights, image, title, compat.preview, compat.font)
            if strip is not None:
                path = compat.save_picture(p, strip, image, f"{SUFFIX}-{name.replace(' ', '-')}")
                log.info(f"{name}: look inside saved as {path}")
    except Exception as error:
        log.warning(f"{name}: the look inside was not saved: {type(error).__name__}: {error}")
