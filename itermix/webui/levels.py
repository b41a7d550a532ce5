"""The noise levels of a run before it is made, asked of the host, which knows its samplers, schedules and options.

For the page, whose curve has a dot where each step is. Nothing is sampled: the host's own sampler object is made and
asked for its levels, and thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from itermix.settings import SettingsError
from itermix.webui.compat import processing, sampling
from itermix.webui.log import log
from itermix.webui.mixing import flow
from itermix.webui.mixing.samplers import SamplerCall, pattern_of

PASSES = ("first pass", "hires pass", "img2img")
MOST_STEPS = 1000
LARGEST = 65536  # pixels a side
REPEATS_FROM = 20  # steps from which Restart makes some of them again, which its schedule does not list


@dataclass(frozen=True)
class Asked:
    """A pass as the page has it. strength: the denoising strength of a hires pass or of img2img.

    width, height: the pass's, in pixels, and shift, of a flow model's schedule: 0 where the page does not say.
    checkpoint: its name, where the page shows one.
    """

    sampler: str
    scheduler: str
    steps: int
    strength: float
    of: str
    width: int = 0
    height: int = 0
    shift: float = 0.0
    checkpoint: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MOST_STEPS:
            raise SettingsError(f"steps: {self.steps} is not allowed; it takes a whole number from 1 to {MOST_STEPS}")
        if not 0.0 <= self.strength <= 1.0:
            raise SettingsError(f"strength: {self.strength:g} is not allowed; it takes a number from 0 to 1")
        if self.of not in PASSES:
            names = ", ".join(f'"{name}"' for name in PASSES)
            raise SettingsError(f"of: {self.of!r} is not allowed; it takes one of {names}")
        for name in ("width", "height", "shift"):
            if not 0.0 <= getattr(self, name) <= LARGEST:
                raise SettingsError(
                    f"{name}: {getattr(self, name):g} is not allowed; it takes a number from 0 to {LARGEST}"
                )


def answer(asked: Asked) -> dict[str, Any]:
    """{"steps", "progress", "repeats", "why"}: how many steps the pass makes and u at the start of each, as the
    mixer counts it; None where nobody knows beforehand, and why."""
    model = sampling.loaded_model()
    if model is None:
        return _unknown("the steps are known once a model is loaded")
    if sampling.is_to_be_replaced(model, asked.checkpoint):
        return _unknown("the chosen model is loaded with the next picture, and its steps are known then")
    try:
        sampler = sampling.create_sampler(asked.sampler, model)
        return _answer(sampler, asked)
    except Exception as error:  # whatever a host's insides make of an odd schedule; the page goes on without
        log.debug(f"levels of {asked}: {type(error).__name__}: {error}")
        return _unknown("the WebUI does not say where its steps are")


def _unknown(why: str, steps: int | None = None) -> dict[str, Any]:
    return {"steps": steps, "progress": None, "repeats": False, "why": why}


def _answer(sampler: Any, asked: Asked) -> dict[str, Any]:
    strength = None if asked.of == "first pass" else asked.strength
    if asked.shift:
        sampling.shift(sampler, asked.shift)
    size = processing.rounded(asked.width, asked.height)
    arguments = sampling.arguments(sampler, asked.scheduler, asked.steps, strength, asked.of == "hires pass", size)
    pattern, call = pattern_of(sampler.func), SamplerCall.of(arguments)
    if pattern is None or flow.wrong_sampler(sampler) is not None:
        return _unknown(f'the sampler "{sampler.config.name}" cannot be mixed')
    steps = pattern.steps(call)
    if steps is None:
        return _unknown("the sampler chooses its own steps, which are told under the picture")
    levels = _levels(sampler, arguments, call, steps, is_first_pass=strength is None)
    noising = sampling.noising_of(sampler.func, sampler.model_wrap_cfg).over(call.levels[:steps])
    repeats = sampler.func.__name__ == "restart_sampler" and steps >= REPEATS_FROM
    progress = [noising.progress(level) for level in levels]
    return {"steps": steps, "progress": progress, "repeats": repeats, "why": ""}


def _levels(
    sampler: Any, arguments: dict[str, Any], call: SamplerCall, steps: int, is_first_pass: bool
) -> Sequence[float]:
    """The noise level at the start of each step. Two samplers are given a range of levels and divide it themselves."""
    if sampler.func.__name__ == "unipc":
        return sampling.unipc_timesteps(sampler, arguments["timesteps"], is_first_pass)
    if sampler.func.__name__ == "sample_dpm_fast":
        return evenly_in_log(float(arguments["sigma_max"]), float(arguments["sigma_min"]), steps)
    return call.levels[:steps]


def evenly_in_log(first: float, end: float, steps: int) -> list[float]:
    """Where the steps of DPM-Solver-fast begin (Lu et al., arXiv 2206.00927, section 3.4): even in log sigma."""
    return [first * (end / first) ** (step / steps) for step in range(steps)]
