"""The samplers of the studio: diffusers' schedulers with our noise levels, and what their states are made of.

diffusers' Euler, Euler a and Heun keep x = x0 + sigma n (and scale it for the network alone); DPM++ 2M keeps
x = (x0 + sigma n) / sqrt(1 + sigma^2), whatever its levels are called; DDIM x = sqrt(abar_t) x0 + sqrt(1 - abar_t) n;
flow-match Euler x = (1 - sigma) x0 + sigma n. Heun asks the network twice per step, but not in the last.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from itermix.mixing.noising import VE, VP, Flow, Noising, timesteps_of, trained_sigmas
from itermix.studio.errors import StudioError
from itermix.studio.request import AUTOMATIC, SCHEDULES

RHO = 7.0  # Karras et al., arXiv 2206.00364, table 1
MOST_STEPS = 1000  # as many as the models were trained on
# Flux's own: https://github.com/black-forest-labs/flux, sampling.py (time shift by the number of tokens).
FEW_TOKENS, MANY_TOKENS = 256, 4096


class ScaledVE(VE):
    """x = alpha x0 + alpha sigma n with alpha = 1 / sqrt(1 + sigma^2): VP, with sigma as its level."""

    def coefficients(self, level: float) -> tuple[float, float]:
        alpha = 1.0 / math.sqrt(1.0 + float(level) ** 2)
        return alpha, alpha * float(level)


class ExactDDIM:
    """diffusers' DDIM, each step going to where the next one starts.

    Its own steps are all 1000 // N long, which leaves noise behind where N does not divide 1000 (at N = 300 a tenth
    of each step).
    """

    def __init__(self, scheduler: Any, steps: int):
        self.scheduler = scheduler
        self.train_steps = scheduler.config.num_train_timesteps
        scheduler.set_timesteps(steps)
        self.timesteps = scheduler.timesteps
        self.following = dict(zip(self.timesteps.tolist(), [*self.timesteps[1:].tolist(), -1]))

    def step(self, output: Tensor, t: Tensor, x: Tensor, return_dict: bool = True) -> Any:
        length = int(t) - self.following[int(t)]
        self.scheduler.num_inference_steps = Fraction(self.train_steps, length)  # 1000 // this is the length
        return self.scheduler.step(output, int(t), x, return_dict=return_dict)


@dataclass
class Schedule:
    """A scheduler ready to run. levels: at the start of each step, as `noising` counts them. evaluations: for each
    step the indices into `scheduler.timesteps` at which the network is asked."""

    scheduler: Any
    noising: Noising
    levels: tuple[float, ...]
    evaluations: tuple[tuple[int, ...], ...]

    def from_step(self, first: int) -> Schedule:
        """What is left of it from a step on, with the progress of such a run."""
        levels = self.levels[first:]
        return Schedule(self.scheduler, self.noising.over(levels), levels, self.evaluations[first:])

    def again(self, fresh: Schedule, first: int) -> Schedule:
        """What is left of this run from a step on, for another one: progress stays that of the whole run.

        fresh: the same schedule, made again, as a scheduler remembers what it has been through."""
        return Schedule(fresh.scheduler, self.noising, self.levels[first:], self.evaluations[first:])


@dataclass(frozen=True)
class Sampler:
    """diffusers' class, what its configuration is changed to, and how its steps are laid out."""

    scheduler: str
    options: dict[str, Any]
    build: Callable[[Any, int, str, int], Schedule]
    is_flow: bool = False


def names(is_flow: bool) -> list[str]:
    """The samplers for models that predict a flow (Flux), or noise or v (SD1.5, SDXL)."""
    return [name for name, sampler in SAMPLERS.items() if sampler.is_flow == is_flow]


def resolved(name: str, is_flow: bool) -> str:
    """The sampler that "automatic" means for a model; any other name that suits it as it is. Raises StudioError."""
    if name == AUTOMATIC:
        return "Flow Euler" if is_flow else "DPM++ 2M"
    if name not in names(is_flow):
        known = ", ".join(f'"{sampler}"' for sampler in names(is_flow))
        problem = "does not suit this model" if name in SAMPLERS else "is not known"
        raise StudioError(f'sampler: "{name}" {problem}; take one of {known}')
    return name


def schedule_of(name: str, config: dict[str, Any], steps: int, kind: str, is_flow: bool, tokens: int) -> Schedule:
    """The schedule of a whole run of `steps` steps.

    config: of the model's own scheduler. kind: "karras" or "uniform"; DDIM and flow-match Euler have their own.
    tokens: of the picture, for Flux's shift. Raises StudioError.
    """
    name = resolved(name, is_flow)
    if kind not in SCHEDULES:
        raise StudioError(f'schedule: "{kind}" is not known; take "karras" or "uniform"')
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MOST_STEPS:
        raise StudioError(f"steps: {steps} is not allowed; it takes a whole number from 1 to {MOST_STEPS}")
    import diffusers

    sampler = SAMPLERS[name]
    kind_of_scheduler = getattr(diffusers, sampler.scheduler)
    taken = set(inspect.signature(kind_of_scheduler.__init__).parameters)
    values = {key: value for key, value in {**config, **sampler.options}.items() if key in taken}
    return sampler.build(kind_of_scheduler(**values), steps, kind, tokens)


def noise_levels(alphas_cumprod: Tensor, steps: int, kind: str) -> Tensor:
    """sigma at the start of each step, and 0 at the end: [steps + 1], float64.

    "karras": sigma^(1/7) falls evenly (arXiv 2206.00364, eq. 5). "uniform": the timestep does.
    """
    trained = trained_sigmas(alphas_cumprod)
    if kind == "karras":
        roots = torch.lerp(trained[-1] ** (1 / RHO), trained[0] ** (1 / RHO), _fractions(steps))
        sigmas = roots**RHO
    else:
        # As "trailing" spacing: the first step starts at the last training step, the last one well above the first.
        index = (1.0 - torch.arange(steps, dtype=torch.float64) / steps) * len(trained) - 1.0
        sigmas = _at(trained.log(), index).exp()
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def _by_sigma(scheduler: Any, steps: int, kind: str, tokens: int) -> Schedule:
    """Our levels instead of the scheduler's own, so that every sampler runs through the same ones, unrounded."""
    sigmas = noise_levels(scheduler.alphas_cumprod, steps, kind)
    scheduler.set_timesteps(steps)
    order = [step for step in range(steps) for _ in range(2 if _asks_twice(scheduler) and step else 1)]
    scheduler.sigmas = torch.cat([sigmas[order], sigmas[-1:]]).float()
    scheduler.timesteps = timesteps_of(sigmas[order], scheduler.alphas_cumprod).float()
    if _asks_twice(scheduler):  # at the start of step i, and ahead at that of step i + 1, where that is not 0
        evaluations = [(2 * step, 2 * step + 1) for step in range(steps - 1)] + [(2 * steps - 2,)]
    else:
        evaluations = [(step,) for step in range(steps)]
    noising = ScaledVE() if type(scheduler).__name__ == "DPMSolverMultistepScheduler" else VE()
    return Schedule(scheduler, noising, tuple(sigmas[:-1].tolist()), tuple(evaluations))


def _by_timestep(scheduler: Any, steps: int, kind: str, tokens: int) -> Schedule:
    exact = ExactDDIM(scheduler, steps)
    levels = tuple(float(t) for t in exact.timesteps)
    return Schedule(exact, VP(scheduler.alphas_cumprod), levels, tuple((step,) for step in range(steps)))


def _by_flow(scheduler: Any, steps: int, kind: str, tokens: int) -> Schedule:
    shift = None
    if scheduler.config.get("use_dynamic_shifting"):
        low, high = scheduler.config.base_shift, scheduler.config.max_shift
        shift = low + (high - low) * (tokens - FEW_TOKENS) / (MANY_TOKENS - FEW_TOKENS)
    sigmas = torch.linspace(1.0, 1.0 / steps, steps).tolist()
    scheduler.set_timesteps(sigmas=sigmas, **({} if shift is None else {"mu": shift}))
    levels = tuple(scheduler.sigmas[:-1].tolist())
    return Schedule(scheduler, Flow(), levels, tuple((step,) for step in range(len(levels))))


_LEVELS_OF_OUR_OWN = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}
# abar of 0 at the last step would be an infinite sigma.
_PLAIN = {**_LEVELS_OF_OUR_OWN, "clip_sample": False, "thresholding": False, "rescale_betas_zero_snr": False}

SAMPLERS: dict[str, Sampler] = {
    "Euler": Sampler("EulerDiscreteScheduler", {**_PLAIN, "interpolation_type": "linear"}, _by_sigma),
    "Euler a": Sampler("EulerAncestralDiscreteScheduler", _PLAIN, _by_sigma),
    "DPM++ 2M": Sampler(
        "DPMSolverMultistepScheduler",
        {
            **_PLAIN,
            "algorithm_type": "dpmsolver++",
            "solver_order": 2,
            "solver_type": "midpoint",
            "final_sigmas_type": "zero",
            "lower_order_final": True,
        },
        _by_sigma,
    ),
    "Heun": Sampler("HeunDiscreteScheduler", _PLAIN, _by_sigma),
    "DDIM": Sampler(
        "DDIMScheduler", {**_PLAIN, "timestep_spacing": "trailing", "set_alpha_to_one": True}, _by_timestep
    ),
    "Flow Euler": Sampler("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": False}, _by_flow, is_flow=True),
}


def _asks_twice(scheduler: Any) -> bool:
    return type(scheduler).__name__ == "HeunDiscreteScheduler"


def _fractions(steps: int) -> Tensor:
    return torch.linspace(0.0, 1.0, steps, dtype=torch.float64)


def _at(values: Tensor, index: Tensor) -> Tensor:
    below = index.floor().long().clamp(0, len(values) - 1)
    above = (below + 1).clamp(max=len(values) - 1)
    return torch.lerp(values[below], values[above], (index - below).clamp(0.0, 1.0))
