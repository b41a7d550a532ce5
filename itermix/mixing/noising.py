"""The three noise conventions of diffusion samplers, behind one small protocol.

        state                                       level
    VE    x0 + sigma n                                sigma       k-diffusion samplers
    VP    sqrt(abar_t) x0 + sqrt(1 - abar_t) n        timestep t  DDIM, PLMS, UniPC
    flow  (1 - sigma) x0 + sigma n                    sigma       Flux, SD3, Chroma

A level is what the sampler itself calls its noise. `progress` maps it to u in [0, 1], 0 at pure noise, by the timestep
that a Stable Diffusion model sees there: u = (T - t) / T, the argument of DemoFusion's curves (arXiv 2311.16973,
section 3.3). A flow model's level is carried over by its signal-to-noise ratio.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import torch
from torch import Tensor

TRAIN_STEPS = 1000
# SD1.5, SD2 and SDXL were trained on this "scaled linear" schedule.
BETA_FIRST, BETA_LAST = 0.00085, 0.012
# Of a flow run (benchmarks/quality --flow): up to here progress is not behind the steps, and there the last step is.
EARLY, RELEASED = 0.45, 0.95
FINEST = 1e-9  # of 1 - sigma, so that pure noise has a ratio
# Timesteps. A model's own table is in float32: its finest level is 0.00004 above the exact one's in A1111, and on it in
# Forge's family. There a step has the weight at the end of the curve in all of them.
AT_THE_FINEST = 1e-3


class Noising(Protocol):
    """x = a x0 + s n, with unit Gaussian n."""

    def coefficients(self, level: float) -> tuple[float, float]:
        """(a, s) at a level."""

    def progress(self, level: float) -> float:
        """u in [0, 1] at a level: 0 at pure noise, 1 at the clean latent."""

    def over(self, levels: Sequence[float]) -> Noising:
        """The same convention with the progress of a run whose steps begin at these levels, which fall."""


class VE:
    """x = x0 + sigma n: the k-diffusion samplers (Karras et al., arXiv 2206.00364)."""

    def coefficients(self, level: float) -> tuple[float, float]:
        return 1.0, float(level)

    def progress(self, level: float) -> float:
        t = timestep_of_sigma(level)
        return 1.0 - t / TRAIN_STEPS if t > AT_THE_FINEST else 1.0

    def over(self, levels: Sequence[float]) -> VE:
        return self


@dataclass(frozen=True)
class VP:
    """x = sqrt(abar_t) x0 + sqrt(1 - abar_t) n; the level is the timestep t (DDIM, PLMS, UniPC).

    alphas_cumprod: [T], abar of every training step. Between two steps log(abar) is interpolated,
    as UniPC's discrete schedule does.
    """

    alphas_cumprod: Tensor

    def coefficients(self, level: float) -> tuple[float, float]:
        log_abar = self._log_abar
        below = min(max(int(level), 0), len(log_abar) - 1)
        above = min(below + 1, len(log_abar) - 1)
        fraction = min(max(float(level) - below, 0.0), 1.0)
        abar = torch.lerp(log_abar[below], log_abar[above], fraction).exp()
        return float(abar.sqrt()), float((1.0 - abar).sqrt())

    def progress(self, level: float) -> float:
        return min(max(1.0 - float(level) / TRAIN_STEPS, 0.0), 1.0)

    def over(self, levels: Sequence[float]) -> VP:
        return self

    @cached_property
    def _log_abar(self) -> Tensor:
        """[T], float64, brought from the device once per run: to the CPU first, as not every device has float64."""
        return self.alphas_cumprod.detach().cpu().double().log()


@dataclass(frozen=True)
class Flow:
    """x = (1 - sigma) x0 + sigma n: rectified flow (Flux, SD3, Chroma).

    Progress of a level is that of VE at the same signal-to-noise ratio:

        u(sigma) = u_VE(sigma / (1 - sigma))

    In a run of N mixed steps (u < 1), step i has `max(u(sigma_i), min(i / N, EARLY))`, the last `RELEASED` at least: a
    schedule that is shifted far, or has few steps, is at high noise for most of the run, and its last step starts at
    a sigma of 0.2 to 0.86, where the level alone would hold the picture to its reference to the end. With the exact
    denoiser the first costs no structure and the second the least of what was tried (benchmarks/quality --flow).

    run: (level, progress) of each step, rising; empty where the run is not known.
    """

    run: tuple[tuple[float, float], ...] = ()

    def coefficients(self, level: float) -> tuple[float, float]:
        return 1.0 - float(level), float(level)

    def progress(self, level: float) -> float:
        level = min(max(float(level), 0.0), 1.0)
        if not self.run:
            return VE().progress(level / max(1.0 - level, FINEST))
        above = bisect_left(self.run, (level, 0.0))
        if above == len(self.run):
            return self.run[-1][1]
        high, u_high = self.run[above]
        if level == high:
            return u_high
        low, u_low = self.run[above - 1] if above else (0.0, 1.0)
        return u_low + (u_high - u_low) * (level - low) / (high - low)

    def over(self, levels: Sequence[float]) -> Flow:
        own = [Flow().progress(level) for level in levels]
        mixed = sum(u < 1.0 for u in own)
        paced = [max(u, min(step / mixed, EARLY)) if u < 1.0 else u for step, u in enumerate(own)]
        if mixed:
            paced[mixed - 1] = max(paced[mixed - 1], RELEASED)
        return Flow(tuple(zip(map(float, reversed(levels)), reversed(paced))))


def noised(noising: Noising, x0: Tensor, noise: Tensor, level: float) -> Tensor:
    """a x0 + s noise at a level.

    Returns:
        Of the shape and dtype that x0 and noise have together.
    """
    signal, sigma = noising.coefficients(level)
    return signal * x0 + sigma * noise


def timestep_of_sigma(sigma: float) -> float:
    """The (fractional) training timestep of a Stable Diffusion model at noise level sigma: see `timesteps_of`."""
    return float(_timesteps(torch.tensor(float(sigma), dtype=torch.float64), _log_sigmas()))


def timesteps_of(sigmas: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """The (fractional) training timesteps at which a model has these noise levels: like sigmas, float64, on the CPU.

    Linear in log sigma between training steps, clipped to [0, T - 1], like k-diffusion's `DiscreteSchedule`.
    alphas_cumprod: [T], of the model.
    """
    return _timesteps(sigmas.detach().cpu().double(), trained_sigmas(alphas_cumprod).log())


def trained_sigmas(alphas_cumprod: Tensor) -> Tensor:
    """sqrt((1 - abar) / abar), the noise levels that a model was trained on: [T], float64, on the CPU."""
    abar = alphas_cumprod.detach().cpu().double()
    return ((1.0 - abar) / abar).sqrt()


def _timesteps(sigmas: Tensor, log_sigmas: Tensor) -> Tensor:
    goal = sigmas.clamp(min=1e-10).log()
    above = torch.searchsorted(log_sigmas, goal).clamp(1, len(log_sigmas) - 1)
    low, high = log_sigmas[above - 1], log_sigmas[above]
    return above - 1 + ((goal - low) / (high - low)).clamp(0.0, 1.0)


def alphas_cumprod() -> Tensor:
    """abar of SD1.5, SD2 and SDXL: [1000], float64."""
    betas = torch.linspace(BETA_FIRST**0.5, BETA_LAST**0.5, TRAIN_STEPS, dtype=torch.float64) ** 2
    return (1.0 - betas).cumprod(dim=0)


@lru_cache(maxsize=1)
def _log_sigmas() -> Tensor:
    return trained_sigmas(alphas_cumprod()).log()
