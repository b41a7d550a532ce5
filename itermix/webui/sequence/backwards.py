"""Sampling backwards in a WebUI: an ODE run upwards in the place of a sampler's function, and a start from its end.

So the host does around it what it does around any pass: conditioning, masks, live preview, progress.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from itermix.mixing.noising import VP, Noising
from itermix.sequence.unsample import levels_upwards, unsample
from itermix.webui.compat import sampling


@dataclass(frozen=True)
class Ascent:
    """Where sampling backwards has begun and how its state is made: state = signal * clean + std * noise."""

    clean: Tensor
    state: Tensor
    signal: float
    std: float

    def noise_in(self, state: Tensor) -> Tensor:
        """The noise of a state at this level, what was injected into it included."""
        return (state - self.signal * self.clean) / self.std


def start_from(sampler: Any, state: Tensor) -> None:
    """Makes the sampler's function begin from this state, whatever the host noised."""
    function = sampler.func

    @functools.wraps(function)
    def begun(model: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(model, state.to(x, copy=True), *args, **kwargs)  # a mixed step changes it in place

    sampler.func = begun


def replace_by_ascent(sampler: Any, latent: Tensor, steps: int, arrive: Callable[[Ascent], None]) -> None:
    """Puts the ODE run backwards in the place of the sampler's function; `arrive` gets what it has led to.

    The host hands a function the arguments whose names it has, and some that its own samplers need (noise_sampler,
    solver_type, eta ...), which nothing random has a use for. So there is one for each kind of schedule.
    """
    function = sampler.func

    def run(model: Any, levels: Tensor, noising: Noising, extra_args: dict | None, callback: Callable | None) -> Tensor:
        def noise_in(x: Tensor, level: float) -> Tensor:
            output = model(x, torch.full((len(x),), level, device=x.device, dtype=x.dtype), **(extra_args or {}))
            if isinstance(noising, VP):  # there the model predicts the noise
                return output
            signal, std = noising.coefficients(level)
            return (x - signal * output) / std

        def report(step: int, level: float, x: Tensor) -> None:
            if callback is not None:
                callback({"x": x, "i": step, "sigma": level, "sigma_hat": level, "denoised": x})

        rising = levels_upwards(levels.tolist(), noising, steps)
        state = unsample(noise_in, latent, rising, noising, report)
        arrive(Ascent(latent, state, *noising.coefficients(rising[-1])))
        return state

    def by_sigma(model, x, sigmas, extra_args=None, callback=None, disable=None, **others):
        return run(model, sigmas, sampling.noising_of(function, model), extra_args, callback)

    def by_timestep(model, x, timesteps, extra_args=None, callback=None, disable=None, **others):
        return run(model, timesteps, sampling.vp_of(model), extra_args, callback)

    sampler.func = by_timestep if sampling.is_by_timestep(sampler) else by_sigma
