"""An enlarged picture is sharpened at its edges, and where there are none it stays."""

import numpy as np
import pytest
from PIL import Image

from itermix.pictures.sharpen import sharpened


def step(side=64, low=60, high=180):
    values = np.full((side, side), low, np.uint8)
    values[:, side // 2 :] = high
    return Image.fromarray(values)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_an_enlarged_edge_gets_steeper_by_as_much_whatever_the_scale(scale):
    small = step()
    large = small.resize((64 * scale, 64 * scale), Image.Resampling.LANCZOS)
    made = np.asarray(sharpened(large, scale), dtype=float)
    before = np.asarray(large, dtype=float)
    slopes = [np.abs(np.diff(values, axis=1)).max() * scale / 120.0 for values in (before, made)]
    assert 0.9 < slopes[0] < 1.3 and slopes[1] > 1.3 * slopes[0]
    far = slice(0, 64 * scale // 2 - 6 * scale)
    assert np.array_equal(made[:, far], before[:, far])


def test_a_plain_picture_stays_and_so_does_the_mode():
    plain = Image.new("RGB", (32, 32), (10, 200, 90))
    made = sharpened(plain, 2.0)
    assert made.mode == "RGB" and np.array_equal(np.asarray(made), np.asarray(plain))
