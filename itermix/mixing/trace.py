"""Looks inside of a run: what a mixer is given and gives at some steps, and how the latents' mean and std move at all.

After the "advanced" node and the statistics node of the ComfyUI pack Iterative-Mixer. Nothing here can end a run: what
goes wrong in looking ends the looking.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from itermix.mixing.settings import MOST_LOOKS

STATE, REFERENCE, MIXED, DENOISED = "state before", "noised reference", "state after", "denoised"
LEAST_SPREAD = 1e-6


@dataclass
class Look:
    """One step. level: as the sampler has it. spread: of a unit latent at that level.

    latents: of the kept steps, by name, [B, C, H, W], float32, on the CPU. statistics: [B, 2], mean and standard
    deviation of each image, by name. All are divided by the spread, so that noisy and clean ones can be compared;
    the denoised latent, which is clean, is not.
    """

    level: float
    spread: float
    latents: dict[str, Tensor] = field(default_factory=dict)
    statistics: dict[str, Tensor] = field(default_factory=dict)


class Inside:
    """Keeps the latents of `count` steps, evenly spread from the first to the last, and the statistics of every step.

    steps: of the run; 0 where the sampler chooses them as it goes: then its first `count` ones are kept. A fault is
    kept in `fault`, as text; nothing is looked at after it.
    """

    def __init__(self, count: int, steps: int):
        self.count, self.steps = min(count, MOST_LOOKS), steps
        self.looks: dict[int, Look] = {}
        self.fault: str | None = None
        self._early: tuple[int, str, Tensor] | None = None

    def is_kept(self, step: int) -> bool:
        if self.steps <= self.count or self.count <= 1:
            return step < self.count
        return step in {round(i * (self.steps - 1) / (self.count - 1)) for i in range(self.count)}

    def begins(self, step: int, level: float, spread: float) -> None:
        """The mixing of a step begins: a step that is mixed at its end has its denoised latent by then."""
        self.looks[step] = Look(level, max(spread, LEAST_SPREAD))
        if self._early is not None and self._early[0] == step:
            self.see(*self._early)
        self._early = None

    def see(self, step: int, name: str, latent: Tensor | None) -> None:
        """Looks at a latent, [B, C, H, W]; at nothing where there is none."""
        if self.fault is not None or latent is None:
            return
        try:
            if step in self.looks:
                self._keep(self.looks[step], name, latent, self.is_kept(step))
            else:
                self._early = step, name, latent.detach().clone()
        except Exception as error:
            self.fault = f"{type(error).__name__}: {error}"

    @staticmethod
    def _keep(look: Look, name: str, latent: Tensor, whole: bool) -> None:
        seen = latent.detach().to(torch.float32) / (1.0 if name == DENOISED else look.spread)
        flat = seen.flatten(1)
        look.statistics[name] = torch.stack([flat.mean(1), flat.std(1)], dim=1).cpu()
        if whole:
            look.latents[name] = seen.cpu()
