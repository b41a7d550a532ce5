"""Sampling backwards against the probability flow ODE in closed form, in all three noise conventions."""

import math
from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.noising import VE, VP, Flow, alphas_cumprod
from itermix.sequence.unsample import LOWEST, levels_upwards, resampled, unsample

MEAN, STD = 0.3, 0.5  # of the prior N(MEAN, STD^2), for which both the denoiser and the ODE are known
NOISINGS = {
    "VE": (VE(), torch.linspace(14.6 ** (1 / 7), 0.03 ** (1 / 7), 400, dtype=torch.float64) ** 7),
    "VP": (VP(alphas_cumprod()), torch.linspace(999.0, 1.0, 400, dtype=torch.float64)),
    "flow": (Flow(), torch.linspace(1.0, 0.002, 400, dtype=torch.float64)),
}


def noise_in(noising):
    """E[n | x] for x = a x0 + s n and x0 ~ N(MEAN, STD^2)."""

    def predict(x, level):
        a, s = noising.coefficients(level)
        return s * (x - a * MEAN) / (a * a * STD * STD + s * s)

    return predict


def clean():
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def transported(noising, x0, level):
    """The ODE's solution: x - a MEAN grows with the standard deviation of the noised prior."""
    a, s = noising.coefficients(level)
    return a * MEAN + (x0 - MEAN) * math.sqrt(a * a * STD * STD + s * s) / STD


@pytest.mark.parametrize("name", NOISINGS)
def test_it_goes_where_the_ode_goes_with_an_error_that_halves_with_twice_the_steps(name):
    noising, falling = NOISINGS[name]
    errors = []
    for steps in (200, 400, 800):
        levels = levels_upwards(falling.tolist(), noising, steps)
        state = unsample(noise_in(noising), clean(), levels, noising)
        goal = transported(noising, clean(), float(falling[0]))
        errors.append(float((state - goal).norm() / goal.norm()))
    assert errors[1] < 0.6 * errors[0] and errors[2] < 0.6 * errors[1] and errors[2] < 0.02


@pytest.mark.parametrize("name", NOISINGS)
def test_the_same_steps_down_again_lead_back_up_to_the_solvers_error(name):
    noising, falling = NOISINGS[name]
    predict, levels = noise_in(noising), levels_upwards(falling.tolist(), noising)
    x = unsample(predict, clean(), levels, noising)
    for level, following in pairwise(reversed(levels)):
        (a, s), (next_a, next_s) = noising.coefficients(level), noising.coefficients(following)
        noise = predict(x, level)
        x = next_s * noise + (next_a * (x - s * noise) / a if a else next_a * MEAN)
    assert float((x - clean()).norm() / clean().norm()) < 0.05


def test_in_ve_a_step_is_eulers():
    sigmas, x = [LOWEST, 0.5, 1.5, 4.0], clean()
    expected, predict = x.clone(), noise_in(VE())
    for sigma, following in pairwise(sigmas):
        expected = expected + (following - sigma) * predict(expected, sigma)
    assert_close(unsample(predict, x, sigmas, VE()), expected, rtol=0, atol=1e-3)  # LOWEST times the noise


def test_each_step_is_reported_before_it_is_made():
    seen = []
    unsample(noise_in(VE()), clean(), [LOWEST, 1.0, 2.0], VE(), lambda step, level, x: seen.append((step, level)))
    assert seen == [(0, LOWEST), (1, 1.0)]


@pytest.mark.parametrize(
    "noising, falling, rising",
    [
        (VE(), [4.0, 2.0, 1.0, 0.0], [LOWEST, 1.0, 2.0, 4.0]),
        (Flow(), [1.0, 0.5, 0.0], [LOWEST, 0.5, 1.0]),
        (VP(alphas_cumprod()), [601.0, 301.0, 1.0], [0.0, 1.0, 301.0, 601.0]),
        (VP(alphas_cumprod()), [600.0, 300.0, 0.0], [0.0, 300.0, 600.0]),
    ],
)
def test_levels_rise_from_the_lowest_that_has_a_direction(noising, falling, rising):
    assert levels_upwards(falling, noising) == rising
    assert levels_upwards(falling, noising, len(rising) - 1) == rising


def test_other_numbers_of_steps_keep_the_ends():
    assert levels_upwards([4.0, 2.0, 1.0, 0.0], VE(), 2) == [LOWEST, 1.5, 4.0]
    assert resampled([0.0, 1.0, 2.0, 4.0], 6) == [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0]
    assert resampled([5.0], 3) == [5.0]
