"""The first pass's predictions as a reference in time, HiFlow's acceleration, and low bands held to a reference."""

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.lowpass import LowPass
from itermix.upscale.trajectory import Acceleration, Trajectory, aligned


def random(seed=0, shape=(1, 4, 16, 16)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def recorded(levels=(4.0, 2.0, 1.0)):
    trajectory = Trajectory()
    for level in levels:
        trajectory.record(level, torch.full((1, 4, 8, 8), level))
    return trajectory


@pytest.mark.parametrize(("level", "expected"), [(2.0, 2.0), (1.5, 1.5), (3.5, 3.5), (9.0, 4.0), (0.1, 1.0)])
def test_a_prediction_is_that_of_its_level_between_two_and_the_nearest_outside(level, expected):
    found = recorded().at(level, (16, 12), torch.zeros(1))
    assert_close(found, torch.full((1, 4, 16, 12), expected))


def test_levels_that_rise_as_a_flow_runs_backwards_or_come_again_are_in_their_places():
    trajectory = recorded((1.0, 4.0, 2.0, 4.0))
    assert len(trajectory) == 3
    trajectory.record(4.0, torch.full((1, 4, 8, 8), 5.0))
    assert_close(trajectory.at(3.0, (8, 8), torch.zeros(1)), torch.full((1, 4, 8, 8), 3.5))


def test_one_prediction_is_that_of_every_level():
    assert_close(recorded((2.0,)).at(0.3, (8, 8), torch.zeros(1)), torch.full((1, 4, 8, 8), 2.0))


def test_predictions_are_kept_in_half_precision_and_do_not_change_with_their_source():
    source, trajectory = random().float(), Trajectory()
    wanted = source.half()
    trajectory.record(1.0, source)
    source.zero_()
    assert [kept.dtype for kept in trajectory._kept] == [torch.float16]
    assert_close(trajectory.at(1.0, (16, 16), source), wanted.float(), rtol=0.0, atol=2e-3)
    assert trajectory.at(1.0, (16, 16), source.double()).dtype == torch.float64


def test_an_empty_one_is_refused():
    with pytest.raises(ValueError, match="trajectory: nothing was recorded"):
        Trajectory().at(1.0, (8, 8), torch.zeros(1))


def test_acceleration_is_hiflows_formula():
    levels, shares = (4.0, 2.0, 0.5), (1.0, 0.7, 0.3)
    denoised, reference = ([random(10 * k + seed) for k in range(3)] for seed in (1, 2))
    accelerate, last = Acceleration(), None
    for k in range(3):
        found = accelerate(denoised[k], reference[k], levels[k], shares[k])
        expected = denoised[k]
        if last is not None:
            ratio = levels[k] / levels[k - 1]
            expected = denoised[k] - shares[k] * ((denoised[k] - reference[k]) - ratio * (last - reference[k - 1]))
        assert_close(found, expected)
        last = expected


def test_a_level_that_is_evaluated_twice_has_the_level_before_it_before_it():
    """Heun asks ahead, then again at the start of the next step."""
    once, twice = Acceleration(), Acceleration()
    for k, level in enumerate((4.0, 2.0, 0.5)):
        twice(random(20 + k), random(k), level, 0.7)
        assert_close(twice(random(10 + k), random(k), level, 0.7), once(random(10 + k), random(k), level, 0.7))


def test_acceleration_without_a_share_is_the_prediction():
    accelerate = Acceleration()
    for k in range(3):
        assert_close(accelerate(random(k), random(9), 2.0 - 0.5 * k, 0.0), random(k))


def test_alignment_takes_the_low_band_of_the_reference_by_its_share():
    lowpass, denoised, reference = LowPass((2.0, 2.0)), random(1), random(2)
    low = lambda x: lowpass.filter_(x.clone())  # noqa: E731
    assert_close(aligned(denoised, reference, 1.0, lowpass), denoised - low(denoised) + low(reference))
    assert_close(aligned(denoised, reference, 0.25, lowpass), denoised + 0.25 * low(reference - denoised))
    assert_close(aligned(denoised, reference, 0.0, lowpass), denoised)
