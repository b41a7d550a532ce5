"""One sampling pass: from a clean latent (or from nothing) to a clean latent, mixed where there is a reference."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from itermix.mixing import rewind
from itermix.mixing.mixer import Mixer, MixingReport, mixer_for
from itermix.mixing.noising import noised
from itermix.mixing.reference import Reference
from itermix.mixing.settings import MixingSettings
from itermix.mixing.trace import Trace
from itermix.studio.networks import Network, Predict
from itermix.studio.request import steps_left
from itermix.studio.sampling import InpaintMask, IsCancelled, OnDenoised, OnStep, sample
from itermix.studio.schedules import Schedule, schedule_of


@dataclass(frozen=True)
class Pass:
    """What one pass is made of. init: clean, noised to where `strength` starts; None starts from noise alone.

    state: in the place of the noised init, the sampler's own state there. mask: what inpainting samples, weight_map:
    the user's own mixing mask, [1, 1, H, W] each, in [0, 1].
    """

    predict: Predict
    sampler: str
    schedule: str
    steps: int
    seed: int
    shape: tuple[int, ...]
    init: Tensor | None = None
    strength: float = 1.0
    state: Tensor | None = None
    mask: Tensor | None = None
    weight_map: Tensor | None = None
    reference: Reference | None = None
    mixing: MixingSettings = MixingSettings()
    on_step: OnStep | None = None
    is_cancelled: IsCancelled | None = None
    on_denoised: OnDenoised | None = None
    traced_steps: int = 0  # steps that a trace keeps; 0 traces nothing


def schedule_for(network: Network, task: Pass) -> Schedule:
    """The pass's own part of its sampler's schedule. Raises StudioError."""
    tokens = network.tokens(*task.shape[-2:])
    schedule = schedule_of(task.sampler, network.scheduler_config, task.steps, task.schedule, network.is_flow, tokens)
    total = len(schedule.levels)
    left = total if task.init is None else steps_left(total, task.strength)
    return schedule.from_step(total - left)


def run(network: Network, task: Pass) -> tuple[Tensor, MixingReport]:
    """The pass's clean latent, and what its mixing has done."""
    schedule = schedule_for(network, task)
    generator = torch.Generator("cpu").manual_seed(task.seed)
    noise = torch.randn(task.shape, generator=generator).to(network.device)
    clean = torch.zeros_like(noise) if task.init is None else task.init
    if task.state is None:
        x = noised(schedule.noising, clean, noise, schedule.levels[0])
    else:  # the noise that is in the state is what the reference gets, too
        x, (a, s) = task.state, schedule.noising.coefficients(schedule.levels[0])
        noise = (x - a * clean) / s
    mixer = mixer_of(task, schedule, noise)
    inpaint = None if task.mask is None else InpaintMask(task.mask, task.init, noise)
    x = sample(schedule, task.predict, x, generator, mixer, inpaint, task.on_step, task.is_cancelled, task.on_denoised)
    if mixer is None:
        return x, MixingReport()
    x = _gone_back(network, task, schedule, mixer, x, generator, inpaint)
    return mixer.finished(x), mixer.report


def _gone_back(
    network: Network, task: Pass, schedule: Schedule, mixer: Mixer, x: Tensor, generator: torch.Generator,
    inpaint: InpaintMask | None,
) -> Tensor:  # fmt: skip
    """What the runs that go back make of the first one's clean latent x, as the settings want them."""
    for number, start in enumerate(rewind.starts(task.mixing, len(schedule.levels)), 1):
        part = schedule.again(schedule_for(network, task), start)
        again, state = rewind.rewound(mixer, x, number, start, part.levels[0])
        x = sample(
            part, task.predict, state, generator, again, inpaint, task.on_step, task.is_cancelled, task.on_denoised,
            start,
        )  # fmt: skip
        mixer.report.rewinds.append(start)
    return x


def mixer_of(task: Pass, schedule: Schedule, noise: Tensor) -> Mixer | None:
    """The run's mixer; None where mixing is off or has no reference."""
    if not task.mixing.enabled or task.reference is None:
        return None
    steps = len(schedule.levels)
    trace = Trace(task.traced_steps, steps) if task.traced_steps else None
    return mixer_for(
        task.mixing, task.reference, noise, [task.seed], noise, steps, schedule.noising, task.mask,
        task.weight_map, trace=trace,
    )  # fmt: skip


def in_pass(mixing: MixingSettings, name: str) -> MixingSettings:
    """The settings as they are for the "first pass" or the "hires pass", or a phase of that ("hires pass 1 of 2"):
    switched off where they leave it out."""
    is_mixed = mixing.passes == "all" or name.startswith(mixing.passes)
    return mixing if is_mixed else dataclasses.replace(mixing, enabled=False)
