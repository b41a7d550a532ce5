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
