"""What others do, on the exact denoiser: what it costs by count, and what must be so in the limit."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from benchmarks import fields
from benchmarks.field_methods import FIELD, exact_trajectory, network_at
from benchmarks.methods import mixed, plain, preset
from benchmarks.quality import Cell, make_task, run

SIZE = (32, 32)
STEPS = 4
# Evaluations over the plain sampler's. In windows of half the side, half of it apart, at 2x: 9 quarters of a picture,
# and 4 dilated ones; at 4x DemoFusion goes by 2x, 3x and 4x, its windows being a 16th: (9 + 4 + 25 + 9 + 49 + 16) / 16.
COSTS = {
    "DemoFusion, whole": ((9 + 4) / 4, (9 + 4 + 25 + 9 + 49 + 16) / 16),
    "HiFlow": (1.0, 1.25),
    "DiffuseHigh": (0.5, 0.625),  # 2 of 4 steps
    "FAM, frequency part": (1.0, 1.0),
    "hires 0.5, tiled": (0.75 * 9 / 4, 0.75 * 49 / 16),  # 3 of 4 steps
    "two bands, in phases": (1.0, 1.25),
    "two bands, matched in time": (1.0, 1.0),
    "two bands, on the prediction": (1.0, 1.0),
}


def task(scale=2, exponent=2.0):
    return make_task(Cell(scale, "karras", STEPS, "Euler"), SIZE, exponent, 0, 2)


@pytest.mark.parametrize("scale", [2, 4])
def test_every_way_makes_a_picture_of_the_size_and_costs_what_can_be_counted(scale):
    names = list(FIELD)
    rows = run(names, [Cell(scale, "karras", STEPS, "Euler")], SIZE, images=1)
    for name, row in zip(names, rows, strict=True):
        assert all(value == value for value in (row["structure"], row["known"], *row["detail"].values())), name
        wanted = COSTS.get(name)
        if wanted:
            assert row["evaluations"] == pytest.approx(wanted[scale == 4]), name


@pytest.mark.parametrize("exponent", [1.5, 2.0, 3.0])
def test_a_reduced_picture_has_the_reduced_power(exponent):
    """Of one white point, whose spectrum is flat: |X|^2 s^2 is S of the small picture, every frequency of it."""
    point = torch.zeros(1, 1, 24, 32, dtype=torch.float64)
    point[..., 0, 0] = 1.0
    small = fields.reduced_from(fields.draw(point, fields.power_spectrum((24, 32), exponent)), 2)
    found = torch.fft.rfft2(small).abs().square()[0, 0] * 4.0
    expected = fields.reduced_power((12, 16), (12, 16), exponent, (24, 32))
    inner = (slice(0, 6), slice(0, 8))  # at the highest frequency two of the large picture's fall together
    assert_close(found[inner], expected[inner])


def test_the_way_of_the_predictions_solves_the_samplers_equation():
    """dx/dsigma = (x - D) / sigma for x = sqrt((S + sigma^2) / S) x(0), whose D is what `prediction` says."""
    own = task()
    picture, power = own.picture, fields.power_spectrum(SIZE, 2.0)
    at = lambda sigma: fields._filtered(picture, ((power + sigma**2) / power).sqrt())  # noqa: E731
    sigma, step = 0.7, 1e-4
    slope = (at(sigma + step) - at(sigma - step)) / (2 * step)
    assert_close(slope, (at(sigma) - fields.prediction(picture, sigma, power)) / sigma, rtol=1e-5, atol=1e-6)
    assert_close(fields.denoise(at(sigma), sigma, power), fields.prediction(picture, sigma, power))


def test_the_network_of_the_full_size_is_the_tasks_own_denoiser():
    own = task(exponent=1.6)
    assert_close(network_at(own, SIZE)(own.noise, 0.8), own.denoise(own.noise, 0.8))


def test_predictions_of_the_first_pass_end_at_its_picture():
    own = task()
    last = exact_trajectory(own).at(0.0, (16, 16), own.small)
    level = float(own.sigmas[-2])
    assert_close(last, fields.prediction(own.small, level, own.prior((16, 16), (16, 16))), rtol=0.0, atol=4e-3)


def test_a_way_that_never_holds_the_reference_is_the_plain_sampler():
    """So that the rows differ by what they mix alone."""
    own = task()
    from_noise = own.sample(own.denoise, own.first_state, own.sigmas)
    never = preset("Faithful", minimum=0.0, maximum=0.0)
    assert_close(mixed(own, never), from_noise)
    assert plain(own).shape == from_noise.shape
