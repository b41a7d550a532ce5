"""A picture brought to another size: every pair of sizes works, the shape of what it shows is kept."""

import random
from math import isclose

import pytest
from PIL import Image

from itermix.pictures.fit import crop_box, enlargement, fitted

# Pairs that people have: their crop box, computed without care, ends a hair outside of the picture.
COMMON = [
    ((1280, 720), (1216, 832)), ((98, 98), (128, 128)), ((1000, 1000), (896, 1152)), ((640, 480), (768, 1344)),
    ((1706, 2560), (1024, 1024)),
]  # fmt: skip


def pairs(count):
    drawn = random.Random(5)
    side = lambda: drawn.randint(1, 3000)  # noqa: E731
    return [((side(), side()), (side(), side())) for _ in range(count)]


@pytest.mark.parametrize("fit", ["crop", "stretch"])
@pytest.mark.parametrize("whole, target", COMMON)
def test_pictures_of_common_sizes_get_the_size_that_is_asked_for(whole, target, fit):
    assert fitted(Image.new("RGB", whole), target[::-1], fit).size == target


def test_a_crop_lies_within_the_picture_has_the_targets_shape_and_its_middle():
    for whole, target in COMMON + pairs(20000):
        left, top, right, bottom = crop_box(whole, target)
        assert 0.0 <= left <= right <= whole[0] and 0.0 <= top <= bottom <= whole[1], (whole, target)
        across, down = right - left, bottom - top
        assert isclose(across * target[1], down * target[0], rel_tol=1e-9)
        assert isclose(left + right, whole[0], rel_tol=1e-9) and isclose(top + bottom, whole[1], rel_tol=1e-9)
        assert isclose(across, whole[0], rel_tol=1e-9) or isclose(down, whole[1], rel_tol=1e-9)


def test_every_pair_of_sizes_is_taken_by_pillow():
    """Small ones, all of them: what Pillow refuses is a question of rounding, not of size."""
    pictures = {size: Image.new("L", size) for size in ((a, b) for a in range(1, 40, 4) for b in range(1, 40, 4))}
    for picture in pictures.values():
        for size in pictures:
            assert fitted(picture, size).size == size[::-1]


@pytest.mark.parametrize("whole, target", COMMON)
def test_a_square_stays_a_square_to_a_pixel(whole, target):
    """A white square of a third of what is kept, in the middle of the picture."""
    left, top, right, bottom = crop_box(whole, target)
    side = round(min(right - left, bottom - top) / 3)
    picture = Image.new("L", whole)
    picture.paste(255, [(span - side) // 2 + place * side for place in (0, 1) for span in whole])
    box = fitted(picture, target[::-1]).point(lambda value: 255 * (value >= 128)).getbbox()
    scale = target[0] / (right - left)
    assert (box[2] - box[0], box[3] - box[1]) == pytest.approx((side * scale, side * scale), abs=1.0)


def test_a_picture_that_fits_is_left_alone():
    picture = Image.new("RGB", (8, 16))
    assert fitted(picture, (16, 8)) is picture


@pytest.mark.parametrize(
    "fit, size, expected",
    [
        ("stretch", (128, 128), (2.0, 1.0)), ("crop", (128, 128), (2.0, 2.0)), ("fill", (128, 128), (1.0, 1.0)),
        ("crop", (32, 64), (1.0, 1.0)), ("fill", (192, 512), (3.0, 3.0)), ("stretch", (192, 512), (3.0, 4.0)),
        ("stretch", (32, 256), (1.0, 2.0)),
    ],
)  # fmt: skip
def test_enlargement_of_a_picture_64_high_and_128_wide(fit, size, expected):
    assert enlargement((64, 128), size, fit) == expected
