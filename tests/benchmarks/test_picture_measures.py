"""The picture benchmark's measures on pictures whose values are known."""

import pytest
import torch

from benchmarks import picture_measures as measures


def picture(*boxes, side=128, background=(0.2, 0.4, 0.8), colour=(0.9, 0.2, 0.1)):
    """Boxes (top, left, height, width) on a plain background, [3, side, side]."""
    made = torch.tensor(background)[:, None, None].expand(3, side, side).clone()
    for top, left, height, width in boxes:
        made[:, top : top + height, left : left + width] = torch.tensor(colour)[:, None, None]
    return made


@pytest.mark.parametrize("boxes, count", [
    ([], 0),
    ([(30, 30, 40, 40)], 1),
    ([(10, 10, 40, 40), (70, 70, 40, 40)], 2),
    ([(10, 10, 40, 40), (70, 70, 2, 2)], 1),  # a speck is no object
    ([(10, 10, 40, 40), (10, 50, 40, 40)], 1),  # touching
    ([(0, 0, 40, 40), (80, 0, 40, 40), (0, 80, 40, 40)], 3),  # at the border
])  # fmt: skip
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_objects_are_counted_at_every_size(boxes, count, scale):
    larger = [tuple(scale * value for value in box) for box in boxes]
    assert measures.objects(picture(*larger, side=128 * scale)) == count


def test_structure_is_one_for_the_enlarged_picture_and_below_for_another():
    native = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    enlarged = torch.nn.functional.interpolate(native, scale_factor=3, mode="nearest")
    assert measures.structure(enlarged, native) == pytest.approx(1.0, abs=1e-6)
    assert abs(measures.structure(enlarged.flip(-1), native)) < 0.1
    assert measures.structure(1.0 - enlarged, native) == pytest.approx(-1.0, abs=1e-6)


def test_sharpness_goes_with_the_square_of_the_fine_differences():
    real = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert measures.sharpness(real, real) == 1.0
    assert measures.sharpness(0.5 * real, real) == pytest.approx(0.25)
    blurred = torch.nn.functional.avg_pool2d(real, 3, 1, 1, count_include_pad=False)
    assert measures.sharpness(blurred, real) < 0.15


def test_levels_add_up_to_the_picture():
    pictures = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    *fine, made = measures.laplacian(pictures)
    assert len(fine) == 2 and made.shape[-1] == 32
    for level in reversed(fine):
        made = level + torch.nn.functional.interpolate(made, size=level.shape[-2:], mode="bilinear")
    torch.testing.assert_close(made, pictures)


def test_distance_is_small_for_draws_of_the_same_kind_and_grows_with_blur():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(16, 3, 64, 64, generator=generator) for _ in range(2))
    same = measures.wasserstein(a, b)
    blurred = measures.wasserstein(torch.nn.functional.avg_pool2d(a, 3, 1, 1), b)
    assert max(same) < 0.05 and blurred[0] > 10 * same[0]


def test_distance_of_a_shifted_picture_is_the_shift():
    """Level 0 takes no constant; the last level moves by c / std, along a direction by its mean over directions."""
    real = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    std = real.std(dim=(0, 2, 3))
    (distance,) = measures.wasserstein(real + 0.5, real)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):  # the places of the patches are drawn first
        torch.randint(26 * 26, (8, 1, measures.PATCHES), generator=generator)
    directions = torch.randn(3 * measures.PATCH**2, measures.DIRECTIONS, generator=generator)
    directions = directions / directions.norm(dim=0)
    shift = (0.5 / std).repeat_interleave(measures.PATCH**2)
    # The two sets are patches at different places, so only nearly the shift.
    assert distance == pytest.approx(float((shift @ directions).abs().mean()), rel=0.05)


def test_sets_of_different_sizes_can_be_compared():
    real = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert measures.wasserstein(real[:4], real)[0] < 0.2


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_ssim_of_the_same_picture_is_one_and_of_plain_ones_the_papers_first_factor():
    picture = noise(2, 3, 32, 32)
    assert measures.ssim(picture, picture) == pytest.approx(1.0)
    dark, light = torch.full((1, 3, 32, 32), 0.3), torch.full((1, 3, 32, 32), 0.6)
    expected = (2 * 0.3 * 0.6 + 1e-4) / (0.3**2 + 0.6**2 + 1e-4)
    assert measures.ssim(dark, light) == pytest.approx(expected, abs=1e-6)


def test_ssim_of_the_negative_is_minus_what_variance_says():
    """Around 1/2 the means are alike; covariance is minus the variance, v: (C2 - 2 v) / (C2 + 2 v) at each place."""
    sign = noise(1, 3, 64, 64).round() * 2 - 1
    picture = 0.5 + 0.3 * sign
    found = measures.ssim(picture, 1.0 - picture)
    assert -1.0 < found < -0.95


def test_ssim_of_one_window_is_the_papers_equation_13():
    a, b = noise(1, 3, 11, 11).double(), noise(1, 3, 11, 11, seed=1).double()
    places = torch.arange(11.0, dtype=torch.float64) - 5.0
    weights = torch.exp(-(places[:, None] ** 2 + places**2) / (2 * 1.5**2))
    mean = lambda values: (values * weights).sum(dim=(2, 3)) / weights.sum()  # noqa: E731
    means = mean(a), mean(b)
    va, vb = (mean((p - m[..., None, None]) ** 2) for p, m in zip((a, b), means))
    covariance = mean((a - means[0][..., None, None]) * (b - means[1][..., None, None]))
    top = (2 * means[0] * means[1] + 1e-4) * (2 * covariance + 9e-4)
    expected = top / ((means[0] ** 2 + means[1] ** 2 + 1e-4) * (va + vb + 9e-4))
    assert measures.ssim(a.float(), b.float()) == pytest.approx(float(expected.mean()), abs=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_error_of_edges_is_zero_for_the_same_and_one_for_a_plain_picture(scale):
    exact = noise(2, 3, 24 * scale, 24 * scale)
    assert measures.edges(exact, exact, scale) == 0.0
    assert measures.edges(torch.full_like(exact, 0.4), exact, scale) == pytest.approx(1.0)
    assert measures.edges(0.75 * exact + 0.1, exact, scale) == pytest.approx(0.25, abs=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_blurred_edges_cost_more_than_edges_a_fraction_of_a_native_pixel_off(scale):
    exact = picture((20 * scale, 20 * scale, 60 * scale, 50 * scale), side=128 * scale)[None]
    moved = exact.roll(1, dims=3)
    blurred = torch.nn.functional.avg_pool2d(exact, 2 * scale + 1, 1, scale, count_include_pad=False)
    assert measures.edges(moved, exact, scale) < measures.edges(blurred, exact, scale) < 1.0


def test_an_edge_over_two_pixels_has_its_root_of_two_less():
    exact, soft = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    exact[..., 37:] = soft[..., 37:] = 1.0
    soft[..., 36] = 0.5  # two steps of a half, which both lie in the places that see the whole step
    assert measures.edges(soft, exact, 8) == pytest.approx(1.0 - 0.5**0.5)


def test_paired_pictures_have_no_distance_to_themselves_and_the_unit_is_what_is_given():
    pictures, others = noise(4, 3, 64, 64), noise(4, 3, 64, 64, seed=1)
    assert measures.wasserstein(pictures, pictures, is_paired=True) == [0.0, 0.0]
    unit = measures.deviations(others)
    twice = [2.0 * one for one in unit]
    near, far = (measures.wasserstein(pictures, others, 0, one, is_paired=True) for one in (twice, unit))
    assert far == pytest.approx([2.0 * value for value in near], rel=1e-4)
