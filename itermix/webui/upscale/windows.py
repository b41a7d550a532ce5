"""The network of a phase evaluated in overlapping windows, where the settings or the memory want that."""

from __future__ import annotations

import random
from typing import Any

from torch import Tensor

from itermix.upscale.memory import largest_window
from itermix.upscale.settings import ALWAYS, NO_WINDOWS, UpscaleSettings
from itermix.upscale.windows import in_windows, windows
from itermix.webui.compat import latents, networks


def wanted(p: Any, settings: UpscaleSettings, x: Tensor) -> InWindows | None:
    """How the network is evaluated for a pass of latents like x, [B, C, H, W]; None for the whole at once."""
    size = tuple(x.shape[-2:])
    if settings.windows == NO_WINDOWS:
        return None
    if settings.windows == ALWAYS:
        side = settings.window_size // latents.reduction_of(p.sd_model)
    else:
        side = largest_window(size, 2 * len(x), networks.free_memory(), networks.itemsize())
    if side is None or side >= max(size):
        return None
    return InWindows(side, settings.window_overlap)


class InWindows:
    """side: of a window, in latent pixels. overlap: the share of it that the next one has, too.

    Windows move from one evaluation to the next, the same way in every run.
    """

    def __init__(self, side: int, overlap: float):
        self.side, self.shared = side, round(side * overlap)
        self._moves = random.Random(0)
        self.count = 0  # of the windows of an evaluation

    def __call__(self, evaluate: networks.Evaluate, x: Tensor) -> Tensor:
        stride = max(self.side - self.shared, 1)
        parts = windows(tuple(x.shape[-2:]), (self.side,) * 2, (stride,) * 2, self._moves)
        self.count = len(parts)
        return in_windows(evaluate, x, parts, ramp=self.shared)
