"""Flow models' schedules, against their formulas by hand."""

from __future__ import annotations

import math

import pytest
import torch

from benchmarks.flow_schedules import beta, flux2, hires, normal, shifted, simple

T = [1.0, 0.75, 0.5, 0.25]


@pytest.mark.parametrize("shift", [1.0, 3.0, 9.0])
def test_a_shift_divides_the_signal_to_noise_ratio(shift):
    t = torch.tensor(T[1:], dtype=torch.float64)
    sigma = shifted(t, shift)
    torch.testing.assert_close(sigma / (1 - sigma), shift * t / (1 - t))


@pytest.mark.parametrize("shift", [1.0, 6.0])
def test_simple_steps_are_even_times(shift):
    expected = [shift * t / (1 + (shift - 1) * t) for t in T]
    assert simple(4, shift).tolist() == pytest.approx([*expected, 0.0])


def test_normal_ends_at_the_cleanest_level():
    levels = normal(5, 3.0)
    assert (levels[0], levels[-1]) == (1.0, 0.0)
    lowest = 3 * 0.001 / (1 + 2 * 0.001)
    assert levels[-2].item() == pytest.approx(3 * lowest / (1 + 2 * lowest))


def test_beta_is_symmetric_about_the_middle_and_denser_at_the_ends():
    levels = beta(20)[:-1]
    assert levels[10].item() == pytest.approx(0.5, abs=1.5e-3)  # a table of 1000 levels
    assert levels[5].item() + levels[15].item() == pytest.approx(1.0, abs=2e-3)
    assert levels[0] - levels[1] < levels[9] - levels[10] > levels[18] - levels[19]


def test_flux2_takes_its_shift_from_the_picture_and_the_steps():
    """4096 tokens: mu = 2.2562... at 10 steps, 1.1500 at 200; above 4300 the steps have no part."""
    few, many = 8.73809524e-05 * 4096 + 1.89833333, 0.00016927 * 4096 + 0.45666666
    for steps, mu in ((10, few), (200, many)):
        expected = [math.exp(mu) * t / (1 + (math.exp(mu) - 1) * t) for t in (0.5, 1 / steps)]
        levels = flux2(steps)
        assert [levels[steps // 2].item(), levels[-2].item()] == pytest.approx(expected)
    assert flux2(4, 4096 * 2048)[2].item() == pytest.approx(1 / (1 + math.exp(-(0.00016927 * 32768 + 0.45666666))))


def test_a_hires_pass_is_the_end_of_a_longer_run():
    assert hires(simple, 7, 0.7).tolist() == pytest.approx([0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    assert hires(simple, 4, 1.0).tolist() == simple(4).tolist()
