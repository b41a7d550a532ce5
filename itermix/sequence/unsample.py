"""Sampling backwards: a clean latent taken up to the noise level that a sampler begins from, without a random draw.

The same noised latent, sampled down again with the same prompt, gives the latent back up to the solver's error
(DDIM inversion: Song et al., arXiv 2010.02502, section 4.3; Dhariwal and Nichol, arXiv 2105.05233, appendix F).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor

from itermix.mixing.noising import Noising

LOWEST = 1e-4  # where a run begins whose noise would be 0 at level 0: there is no direction to take there

PredictNoise = Callable[[Tensor, float], Tensor]
OnStep = Callable[[int, float, Tensor], None]


def unsample(
    predict_noise: PredictNoise, clean: Tensor, levels: Sequence[float], noising: Noising, on_step: OnStep | None = None
) -> Tensor:
    """The state at levels[-1] by Euler's method on the probability flow ODE, with x = a x0 + s n at every level:

        n = predict_noise(x_i, level_i)    x0 = (x_i - s_i n) / a_i    x_{i+1} = a_{i+1} x0 + s_{i+1} n

    In VE that is x_i + (s_{i+1} - s_i) (x_i - denoised) / s_i. At the first level x0 is `clean` itself.

    Arguments:
        predict_noise: (state, level) to the unit noise that the model sees in it.
        clean: [B, C, H, W].
        levels: rising, as of `levels_upwards`.
        noising: a and s at a level.
        on_step: called with step, level and state before each step.

    Returns:
        A tensor like `clean`.
    """
    x = clean * noising.coefficients(levels[0])[0]
    for step, (level, following) in enumerate(pairwise(levels)):
        if on_step is not None:
            on_step(step, level, x)
        (a, s), (next_a, next_s) = noising.coefficients(level), noising.coefficients(following)
        noise = predict_noise(x, level)
        x0 = clean if step == 0 else (x - s * noise) / a
        x = next_a * x0 + next_s * noise
    return x


def levels_upwards(levels: Sequence[float], noising: Noising, steps: int = 0) -> list[float]:
    """The levels of a sampler's run the other way, from the lowest at which the ODE has a direction.

    Arguments:
        levels: falling, as the sampler has them; a 0 at the end may be there or not.
        noising: of the sampler.
        steps: how many to take; 0 takes as many as there are levels above 0.

    Returns:
        steps + 1 levels, rising.
    """
    rising = [0.0, *sorted(level for level in levels if level > 0.0)]
    if steps:
        rising = resampled(rising, steps)
    if noising.coefficients(0.0)[1] == 0.0:
        rising[0] = LOWEST
    return rising


def resampled(values: Sequence[float], steps: int) -> list[float]:
    """steps + 1 values between the same ends, linear in the index between neighbours."""
    if steps == len(values) - 1 or len(values) < 2:
        return list(values)
    places = [(len(values) - 1) * i / steps for i in range(steps + 1)]
    below = [min(math.floor(place), len(values) - 2) for place in places]
    return [values[i] + (values[i + 1] - values[i]) * (place - i) for i, place in zip(below, places)]
