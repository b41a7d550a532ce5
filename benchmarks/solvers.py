"""Noise schedules and samplers of k-diffusion, as the WebUIs run them with SD1.5, in the form x = x0 + sigma n.

A schedule is [N + 1], float64, falling from SD1.5's highest noise level to its lowest and then to 0. A sampler
takes `denoise(x, sigma)` and calls `begin(x, step, sigma)` at the start of every step: what that gives becomes the
state, so this is where a mixer comes in. Each step's second evaluation, where there is one, is the sampler's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from itermix.mixing.noising import alphas_cumprod

RHO = 7.0  # Karras et al., table 1

Denoise = Callable[[Tensor, float], Tensor]
Begin = Callable[[Tensor, int, float], Tensor]


def karras(steps: int) -> Tensor:
    """sigma^(1/rho) falls evenly (Karras et al., arXiv 2206.00364, eq. 5)."""
    lowest, highest = _ends()
    roots = torch.linspace(highest ** (1 / RHO), lowest ** (1 / RHO), steps, dtype=torch.float64)
    return _to_zero(roots**RHO)


def exponential(steps: int) -> Tensor:
    """log sigma falls evenly."""
    lowest, highest = _ends()
    return _to_zero(torch.linspace(math.log(highest), math.log(lowest), steps, dtype=torch.float64).exp())


def simple(steps: int) -> Tensor:
    """Every (1000 / steps)-th level that the model was trained on, from the highest."""
    levels = _trained_levels().flip(0)
    return _to_zero(levels[[int(step * len(levels) / steps) for step in range(steps)]])


def keep(x: Tensor, step: int, sigma: float) -> Tensor:
    """Nothing happens at the start of a step."""
    return x


def euler(denoise: Denoise, x: Tensor, sigmas: Tensor, begin: Begin = keep) -> Tensor:
    """Algorithm 1 of Karras et al. (arXiv 2206.00364) without its second-order correction."""
    for step, (sigma, following) in enumerate(pairwise(sigmas.tolist())):
        x = begin(x, step, sigma)
        x = x + _slope(denoise, x, sigma) * (following - sigma)
    return x


def heun(denoise: Denoise, x: Tensor, sigmas: Tensor, begin: Begin = keep) -> Tensor:
    """Algorithm 1 of Karras et al.: the slope is the mean of those at both ends of a step."""
    for step, (sigma, following) in enumerate(pairwise(sigmas.tolist())):
        x = begin(x, step, sigma)
        slope = _slope(denoise, x, sigma)
        if following > 0.0:
            ahead = x + slope * (following - sigma)
            slope = (slope + _slope(denoise, ahead, following)) / 2.0
        x = x + slope * (following - sigma)
    return x


def dpmpp_2m(denoise: Denoise, x: Tensor, sigmas: Tensor, begin: Begin = keep) -> Tensor:
    """DPM-Solver++(2M) (Lu et al., arXiv 2211.01095, algorithm 2); first order in the first and the last step."""
    before = last_length = None
    for step, (sigma, following) in enumerate(pairwise(sigmas.tolist())):
        x = begin(x, step, sigma)
        denoised = denoise(x, sigma)
        if following == 0.0:
            return denoised
        length = math.log(sigma / following)
        target = denoised
        if before is not None:
            target = denoised + (denoised - before) * (length / (2.0 * last_length))
        x = (following / sigma) * x - math.expm1(-length) * target
        before, last_length = denoised, length
    return x


SCHEDULES: dict[str, Callable[[int], Tensor]] = {"karras": karras, "exponential": exponential, "simple": simple}
SAMPLERS: dict[str, Callable[..., Tensor]] = {"Euler": euler, "DPM++ 2M": dpmpp_2m, "Heun": heun}


def _slope(denoise: Denoise, x: Tensor, sigma: float) -> Tensor:
    """dx/dsigma = (x - D(x, sigma)) / sigma, the probability flow ODE."""
    return (x - denoise(x, sigma)) / sigma


def _trained_levels() -> Tensor:
    """sigma of every training step of SD1.5, rising from 0.0292 to 14.6146: [1000]."""
    abar = alphas_cumprod()
    return ((1.0 - abar) / abar).sqrt()


def _ends() -> tuple[float, float]:
    levels = _trained_levels()
    return float(levels[0]), float(levels[-1])


def _to_zero(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])
