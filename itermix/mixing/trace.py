"""A trace of a run: what the mixer got and gave at some steps, and the latents' mean and std at every step.

After the "advanced" node and the statistics node of the ComfyUI pack Iterative-Mixer. A fault here never ends a run:
it ends the trace.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from itermix.mixing.settings import MOST_TRACED

STATE, REFERENCE, MIXED, DENOISED = "state before", "noised reference", "state after", "denoised"
LEAST_STD = 1e-6


@dataclass
class TracedStep:
    """One step. level: as the sampler has it. std: of a unit latent at that level.

    latents: of the kept steps, by name, [B, C, H, W], float32, on the CPU. statistics: [B, 2], mean and standard
    deviation of each image, by name. All are divided by `std`, so that noisy and clean ones can be compared;
    the denoised latent, which is clean, is not.
    """

    level: float
    std: float
    latents: dict[str, Tensor] = field(default_factory=dict)
    statistics: dict[str, Tensor] = field(default_factory=dict)


class Trace:
    """Keeps the latents of `count` steps, evenly placed from the first to the last, and the statistics of every step.

    steps: of the run; 0 where the sampler chooses them as it goes: then its first `count` ones are kept. The first
    fault is kept in `fault`, as text; nothing is recorded after it.
    """

    def __init__(self, count: int, steps: int):
        self.count, self.steps = min(count, MOST_TRACED), steps
        self.traced: dict[int, TracedStep] = {}
        self.fault: str | None = None
        self._early: tuple[int, str, Tensor] | None = None

    @property
    def images(self) -> int:
        """How many a latent has; all frames of a video are one."""
        return max((len(part) for traced in self.traced.values() for part in traced.statistics.values()), default=0)

    def is_kept(self, step: int) -> bool:
        if self.steps <= self.count or self.count <= 1:
            return step < self.count
        return step in {round(i * (self.steps - 1) / (self.count - 1)) for i in range(self.count)}

    def begin(self, step: int, level: float, std: float) -> None:
        """The mixing of a step begins: a step that is mixed at its end has its denoised latent by then."""
        self.traced[step] = TracedStep(level, max(std, LEAST_STD))
        if self._early is not None and self._early[0] == step:
            self.record(*self._early)
        self._early = None

    def record(self, step: int, name: str, latent: Tensor | None) -> None:
        """Records a latent, [B, C, H, W], of a step; nothing where there is none."""
        if self.fault is not None or latent is None:
            return
        try:
            if step in self.traced:
                self._keep(self.traced[step], name, latent, self.is_kept(step))
            else:
                self._early = step, name, latent.detach().clone()
        except Exception as error:
            self.fault = f"{type(error).__name__}: {error}"

    @staticmethod
    def _keep(traced: TracedStep, name: str, latent: Tensor, whole: bool) -> None:
        values = latent.detach().to(torch.float32) / (1.0 if name == DENOISED else traced.std)
        flat = values.flatten(1)
        traced.statistics[name] = torch.stack([flat.mean(1), flat.std(1)], dim=1).cpu()
        if whole:
            traced.latents[name] = values.cpu()
