"""Pictures of a run under way, as often as a tenth of its time allows."""

from __future__ import annotations

import time
from collections.abc import Callable

from PIL import Image
from torch import Tensor

from itermix.studio.pipeline import Studio

SHARE = 0.1  # of the time that decoding previews may take
LEAST_PAUSE = 0.5  # seconds


class Previews:
    """What a studio's `on_denoised` may be set to: decodes now and then, and hands on. show(picture)."""

    def __init__(self, studio: Studio, show: Callable[[Image.Image], None]):
        self.studio, self.show, self.next = studio, show, 0.0

    def __call__(self, denoised: Tensor) -> None:
        start = time.monotonic()
        if start < self.next:
            return
        self.show(self.studio.picture(denoised))
        now = time.monotonic()
        self.next = now + max((now - start) * (1.0 / SHARE - 1.0), LEAST_PAUSE)
