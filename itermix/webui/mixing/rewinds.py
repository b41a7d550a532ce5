"""The runs of a pass that go back: the sampler's function is called again, from a later level and with new noise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from itermix.mixing import rewind
from itermix.mixing.reference import FreshNoise
from itermix.webui.compat import sampling
from itermix.webui.mixing.runs import MixedRun
from itermix.webui.mixing.samplers import SamplerCall

DRAWS = 1000  # steps of a run's noise that lie before those of a sampler's own draws


def sample(run: MixedRun, function: Callable, model: torch.nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The clean latent of a pass: of its run, and of those that go back from its result, as the settings want them.

    A fault of ours ends the going back; what the run before has come to is the result.
    """
    x = run.sample(function, model, x, *args, **kwargs)
    run.unhook()  # or it would take the evaluations to come for further steps of its own
    for number, start in enumerate(run.guarded(partial(_starts, run)) or [], 1):
        prepared = None if run.is_interrupted() else run.guarded(partial(_again, run, model, x, number, start, kwargs))
        if prepared is None:
            break
        again, state, arguments = prepared
        try:
            x = again.sample(function, model, state, *args, **arguments)
        finally:
            again.unhook()
            run.fault = again.fault
        run.mixer.report.rewinds.append(start)
    run.guarded(lambda: run.write(x, run.mixer.finished(x)))
    return x


def _starts(run: MixedRun) -> list[int]:
    steps = run.pattern.steps(run.call)
    return rewind.starts(run.mixer.settings, steps) if steps else []


def _again(
    run: MixedRun, model: torch.nn.Module, result: Tensor, number: int, start: int, kwargs: dict[str, Any]
) -> tuple[MixedRun, Tensor, dict[str, Any]]:
    """The run that begins at a step, watching the model; its first state; the arguments of the sampler's function."""
    mixer, state = rewind.rewound(run.mixer, result, number, start, run.call.levels[start])
    arguments = _from(kwargs, start, number, mixer.seeds, state)
    call = SamplerCall(run.call.levels[start:])
    again = type(run)(mixer, run.pattern, call, run.is_interrupted, start)
    again.hook_into(model)
    sampling.count_from(model, run.model_steps.get(start))
    return again, state, arguments


def _from(kwargs: dict[str, Any], start: int, number: int, seeds: list[int], like: Tensor) -> dict[str, Any]:
    """The arguments of the sampler's function for the levels from a step on.

    A Brownian motion that the host hands over gives the same noise at the same levels again, so it gets another one.
    """
    kwargs = dict(kwargs)
    if kwargs.get("sigmas") is not None:
        kwargs["sigmas"] = kwargs["sigmas"][start:]
    else:  # these begin with the last one
        kwargs["timesteps"] = kwargs["timesteps"][: len(kwargs["timesteps"]) - start]
    if kwargs.get("noise_sampler") is not None:
        kwargs["noise_sampler"] = _Draws(seeds, number, like)
    return kwargs


class _Draws:
    """Unit noise for each interval that a sampler asks for, new at each call: image k's by its seed and the run."""

    def __init__(self, seeds: list[int], number: int, like: Tensor):
        self.source = FreshNoise(rewind.seeds_of(seeds, number), like)
        self.drawn = 0

    def __call__(self, sigma: Any, following: Any) -> Tensor:
        self.drawn += 1
        return self.source.at(DRAWS + self.drawn)
