"""Phases: no side more than doubles, any factor and size comes out exactly, mean and std are the first latent's."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from itermix.upscale.phases import fewest_phases, in_phases, phase_sizes, restored

SIDES = st.integers(1, 24)


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (1, []),
        (2, [(128, 192)]),
        (4, [(128, 192), (256, 384)]),
        (8, [(128, 192), (256, 384), (512, 768)]),
    ],
)
def test_powers_of_two_are_doublings(factor, expected):
    assert phase_sizes((64, 96), (64 * factor, 96 * factor), 8) == expected


def test_three_times_is_two_equal_phases_to_the_next_multiple():
    assert phase_sizes((64, 64), (192, 192), 8) == [(112, 112), (192, 192)]  # 64 sqrt(3) = 110.9


@given(SIDES, SIDES, st.floats(1.0, 8.0), st.sampled_from([1, 8, 16, 64]))
def test_every_factor_up_to_8_at_any_size_is_reached_without_doubling_a_side_twice(height, width, factor, multiple):
    size = height * multiple, width * multiple
    target = tuple(max(round(side * factor / multiple), side // multiple) * multiple for side in size)
    sizes = phase_sizes(size, target, multiple)
    for before, after in zip([size, *sizes], sizes):
        assert all(old <= new <= 2 * old and new % multiple == 0 for old, new in zip(before, after))
    assert (sizes or [size])[-1] == target
    ratios = [new / old for new, old in zip(target, size)]
    assert len(sizes) == max(math.ceil(math.log2(ratio)) for ratio in ratios) == fewest_phases(size, target) <= 4


def test_more_phases_than_need_be_are_allowed_and_fewer_are_not():
    assert phase_sizes((64, 64), (256, 256), 8, phases=4) == [(88, 88), (128, 128), (184, 184), (256, 256)]
    with pytest.raises(ValueError, match=r"phases: 1 is not allowed; it takes 2 or more"):
        phase_sizes((64, 64), (256, 256), 8, phases=1)


@pytest.mark.parametrize(("size", "target", "field"), [((60, 64), (128, 128), "size"), ((64, 64), (128, 56), "target")])
def test_sides_that_do_not_fit_are_refused_by_name(size, target, field):
    with pytest.raises(ValueError, match=f"{field}: "):
        phase_sizes(size, target, 8)


def random(shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_each_image_gets_the_mean_and_std_of_its_own_first_latent():
    first = random((2, 4, 8, 8)) * torch.tensor([0.5, 3.0]).view(2, 1, 1, 1) + 1.0
    result = restored(7.0 * random((2, 4, 16, 16), 1) - 2.0, first)
    assert_close(result.mean((1, 2, 3)), first.mean((1, 2, 3)))
    assert_close(result.std((1, 2, 3)), first.std((1, 2, 3)))


def test_what_has_them_already_stays_and_a_flat_latent_only_gets_the_mean():
    latent = random((1, 4, 8, 8))
    assert_close(restored(latent, latent), latent)
    assert_close(restored(torch.full((1, 4, 8, 8), 5.0), latent), torch.full((1, 4, 8, 8), float(latent.mean())))


def test_half_precision_is_computed_in_float32():
    latent = random((1, 4, 8, 8), dtype=torch.float32)
    half = restored(latent.half(), 3.0 * latent)
    assert half.dtype == torch.float16
    assert_close(half.float(), 3.0 * latent, rtol=2e-3, atol=2e-3)


def test_every_phase_samples_from_the_one_before_and_has_the_first_ones_statistics():
    seen, first = [], random((1, 4, 8, 8))

    def sample(latent, size, phase):
        seen.append((tuple(latent.shape[-2:]), size, phase))
        return 10.0 * random((1, 4, *size), phase) + 3.0

    results = list(in_phases(first, [(16, 16), (32, 32)], sample))
    assert seen == [((8, 8), (16, 16), 0), ((16, 16), (32, 32), 1)]
    for latent in results:
        assert_close(torch.stack([latent.mean(), latent.std()]), torch.stack([first.mean(), first.std()]))
