"""Noise schedules of flow models, x = (1 - sigma) x0 + sigma n, as Forge Neo and ComfyUI make them.

A flow model's levels are even times t in (0, 1], moved towards noise by its shift a:

    sigma(t) = a t / (1 + (a - 1) t)        sigma / (1 - sigma) = a t / (1 - t)

(Esser et al., arXiv 2403.03206, eq. 23). Flux's "mu" is log a. Each schedule is [N + 1], float64, falling to 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from scipy import stats
from torch import Tensor

BETA = 0.6  # both parameters of the hosts' beta schedule
FLUX1, FLUX2 = math.exp(1.15), math.exp(2.02)  # the shifts that Neo gives Flux.1 (Qwen and Krea, too) and Flux.2 Klein
FLUX1_LEVELS, LEVELS = 10000, 1000  # of the tables that the schedules pick from

Levels = Callable[[int], Tensor]


def shifted(t: Tensor, shift: float) -> Tensor:
    """sigma(t)."""
    return shift * t / (1.0 + (shift - 1.0) * t)


def simple(steps: int, shift: float = 1.0, levels: int = LEVELS) -> Tensor:
    """Every (levels / steps)-th level of the table, from the highest."""
    table = _table(shift, levels)
    return _to_zero(table[[-1 - int(step * levels / steps) for step in range(steps)]])


def normal(steps: int, shift: float = 1.0, levels: int = LEVELS) -> Tensor:
    """Times that fall evenly from the highest *level* to the lowest, as the hosts have it for Flux."""
    table = _table(shift, levels)
    return _to_zero(shifted(torch.linspace(float(table[-1]), float(table[0]), steps, dtype=torch.float64), shift))


def beta(steps: int, shift: float = 1.0, levels: int = LEVELS) -> Tensor:
    """Times at the quantiles of a beta distribution: dense at both ends (Lee et al., arXiv 2407.12173)."""
    shares = 1.0 - torch.arange(steps, dtype=torch.float64) / steps
    index = torch.from_numpy(stats.beta.ppf(shares.numpy(), BETA, BETA) * (levels - 1)).round().long()
    return _to_zero(_table(shift, levels)[torch.unique_consecutive(index)])


def flux2(steps: int, pixels: int = 1024 * 1024) -> Tensor:
    """Even times, shifted by the number of tokens, of 16 x 16 pixels, and of steps (Flux.2's own schedule)."""
    tokens = round(pixels / 256)
    many = 0.00016927 * tokens + 0.45666666  # mu at 200 steps, and of every large picture
    few = 8.73809524e-05 * tokens + 1.89833333  # mu at 10 steps
    mu = many if tokens > 4300 else many + (few - many) * (200 - steps) / 190
    return shifted(torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float64), math.exp(mu))


@dataclass(frozen=True)
class Preset:
    """What Forge Neo sets for a kind of model: its schedule, and the steps of each pass."""

    levels: Levels
    steps: int

    def hires(self, strength: float) -> Tensor:
        """Levels of the hires pass at a denoising strength: all of the steps, from further down."""
        return hires(self.levels, self.steps, strength)


def hires(levels: Levels, steps: int, strength: float) -> Tensor:
    """The last `steps` steps of a schedule of steps / strength, as the hosts make a hires pass of it."""
    return levels(int(steps / min(strength, 0.999)) if strength < 1.0 else steps)[-steps - 1 :]


# Forge Neo 2.26, modules_forge/presets.py, with the model's own shift where a preset has none.
NEO: dict[str, Preset] = {
    "flux": Preset(partial(beta, shift=FLUX1, levels=FLUX1_LEVELS), 20),
    "klein": Preset(partial(beta, shift=FLUX2, levels=FLUX1_LEVELS), 4),
    "klein, Automatic": Preset(flux2, 4),
    "qwen": Preset(partial(normal, shift=FLUX1, levels=FLUX1_LEVELS), 8),
    "lumina": Preset(partial(simple, shift=6.0), 32),
    "zit": Preset(partial(beta, shift=9.0), 9),
    "wan": Preset(partial(simple, shift=5.0), 4),
    "anima": Preset(partial(beta, shift=3.0), 32),
    "ernie": Preset(partial(simple, shift=3.0), 8),
    "pid": Preset(partial(simple, shift=1.5), 4),
    "krea": Preset(partial(simple, shift=FLUX1, levels=FLUX1_LEVELS), 8),
    "chroma, as flux": Preset(beta, 20),
}

# For the quality benchmark.
SHIFTS = (1, 3, 6, 9)
SCHEDULES: dict[str, Levels] = {
    **{f"shift {shift}": partial(simple, shift=float(shift)) for shift in SHIFTS},
    "beta, Flux.1": NEO["flux"].levels,
    "beta, Klein": NEO["klein"].levels,
    "Flux.2": flux2,
}


def _table(shift: float, levels: int) -> Tensor:
    """The levels that a model has, rising to 1: [levels]."""
    return shifted(torch.arange(1, levels + 1, dtype=torch.float64) / levels, shift)


def _to_zero(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])
