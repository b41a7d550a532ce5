"""The denoising loop: a scheduler, a network and a mixer, one image at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from itermix.mixing.mixer import Mixer
from itermix.mixing.noising import noised
from itermix.mixing.trace import DENOISED
from itermix.studio.errors import Cancelled, StudioError
from itermix.studio.schedules import Schedule

Predict = Callable[[Tensor, Tensor], Tensor]
OnDenoised = Callable[[Tensor], None]
OnStep = Callable[[int, int], None]
IsCancelled = Callable[[], bool]


@dataclass(frozen=True)
class InpaintMask:
    """Inpainting: where `mask` is 0 the state stays `latent` at the noise level of each step.

    mask: [1, 1, H, W] in [0, 1], 1 = sampled. latent: clean, [1, C, H, W]; noise: the run's own.
    """

    mask: Tensor
    latent: Tensor
    noise: Tensor

    def put_back(self, x: Tensor, clean: Tensor) -> Tensor:
        """The state x with `clean`, the original at x's noise level, where nothing is to change."""
        return torch.where(self.mask == 0.0, clean, torch.lerp(clean, x, self.mask))


@torch.inference_mode()
def sample(
    schedule: Schedule,
    predict: Predict,
    x: Tensor,
    generator: torch.Generator | None = None,
    mixer: Mixer | None = None,
    inpaint: InpaintMask | None = None,
    on_step: OnStep | None = None,
    is_cancelled: IsCancelled | None = None,
    on_denoised: OnDenoised | None = None,
    first: int = 0,
) -> Tensor:
    """The clean latent [1, C, H, W] that the sampler makes of x, its state at the schedule's first level.

    predict(x, t) is the network, with guidance. generator: of the noise that Euler a adds, on the CPU. mixer: acts on
    the state at the start of each step. on_step(done, steps) after every step; is_cancelled before each.
    on_denoised(latent) with the clean latent that a step has seen, where the scheduler tells. first: which step of the
    pass the schedule begins with.
    Raises Cancelled, and StudioError where the network gives no finite numbers.
    """
    scheduler, steps = schedule.scheduler, first + len(schedule.levels)
    takes_generator = "generator" in inspect.signature(scheduler.step).parameters
    extra = {"generator": generator} if takes_generator and generator is not None else {}
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(schedule.evaluations[0][0])
    for step, (level, evaluations) in enumerate(zip(schedule.levels, schedule.evaluations), first):
        if is_cancelled is not None and is_cancelled():
            raise Cancelled
        if mixer is not None:
            x = mixer.begin(x, step, level)
        if inpaint is not None:
            x = inpaint.put_back(x, noised(schedule.noising, inpaint.latent, inpaint.noise, level))
        for index in evaluations:
            t = scheduler.timesteps[index]
            seen = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
            x, *more = scheduler.step(predict(seen, t), t, x, return_dict=False, **extra)
            if index == evaluations[0]:
                denoised = _denoised(scheduler, more)
                if mixer is not None and mixer.trace is not None:
                    mixer.trace.record(step, DENOISED, denoised)
                if on_denoised is not None and denoised is not None:
                    on_denoised(denoised)
        if on_step is not None:
            on_step(step + 1, steps)
    if mixer is not None:
        x = mixer.end(x)
    if inpaint is not None:
        x = inpaint.put_back(x, inpaint.latent)
    if not bool(torch.isfinite(x).all()):
        raise StudioError("the model gives numbers that are not finite; its weights are damaged")
    return x


def _denoised(scheduler: Any, more: list[Tensor]) -> Tensor | None:
    """The clean latent that a step has seen, where the scheduler tells: beside its result, or in its memory."""
    if more:
        return more[0]
    is_clean = getattr(scheduler.config, "algorithm_type", "") in ("dpmsolver++", "sde-dpmsolver++")
    return scheduler.model_outputs[-1] if is_clean else None
