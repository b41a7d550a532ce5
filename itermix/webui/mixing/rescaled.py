"""A run of Forge Neo's UniPC, which keeps its state in units of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from itermix.webui.mixing.runs import AtCallback

END = 0.001  # sigma at which it ends


class AtRescaledCallback(AtCallback):
    """UniPC of Forge Neo, whose own state is y = x / sqrt(1 + sigma^2). The model gets another tensor, so a change at
    an evaluation is what the model sees, and no more; the state is changed in the callback after.

    Before the last callback the sampler also makes its last jump, to sigma_T, and then has

        x_T = r x + (1 - r) D,    r = sigma_T / sigma

    (order 1, D its last prediction): so x is computed back, and r times its change is added to x_T.
    """

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.shown: Tensor | None = None

    def evaluated(self, x: Tensor, level: float) -> None:
        self.level = level
        self.shown = self.mixer.begin(x, self.step, level)
        self.step += 1

    def reported(self, d: dict[str, Any]) -> None:
        if self.level is None:
            return
        level, y = self.level, d["x"]
        is_past = 0 < d["i"] == len(self.call.levels) - 2
        end = max(self.call.levels[-1], END) if is_past else level
        kept, scale = end / level, (1.0 + end**2) ** 0.5
        x = (y * scale - (1.0 - kept) * d["denoised"]) / kept
        mixed = self.mixer.begin(x, self.step - 1, level)
        if mixed is not x:
            y.add_(mixed - x, alpha=kept / scale)
        self.level = None

    def _before_evaluation(self, model: torch.nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple | None:
        self.shown = None
        super()._before_evaluation(model, args, kwargs)
        return None if self.shown is None else ((self.shown, *args[1:]), kwargs)
