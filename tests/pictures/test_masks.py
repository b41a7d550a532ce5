"""A picture as a weight map: the mean of what lies on each latent pixel, whatever the picture's size."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from itermix.pictures.masks import weight_map


def grey(values):
    return Image.fromarray(np.asarray(values, dtype=np.uint8))


def test_each_pixel_is_the_mean_of_what_lies_on_it():
    values = np.random.default_rng(0).integers(0, 256, (32, 48))
    expected = torch.from_numpy(values / 255.0).reshape(4, 8, 6, 8).mean((1, 3))
    assert_close(weight_map(grey(values), (32, 48), (4, 6), "crop")[0, 0].double(), expected, rtol=0, atol=1e-5)


def test_a_pixel_that_the_white_half_covers_has_a_half():
    values = np.zeros((16, 16))
    values[:, 4:] = 255
    assert_close(weight_map(grey(values), (16, 16), (2, 2), "crop")[0, 0], torch.tensor([[0.5, 1.0], [0.5, 1.0]]))


@pytest.mark.parametrize("size", [(8, 8), (64, 64), (3, 3)])
def test_white_is_1_and_black_is_0_at_any_size(size):
    for value, weight in ((255, 1.0), (0, 0.0)):
        made = weight_map(grey(np.full(size, value)), (128, 64), (16, 8), "crop")
        assert made.shape == (1, 1, 16, 8) and bool((made == weight).all())


def test_crop_keeps_proportions_and_stretch_does_not():
    wide = np.zeros((8, 32))
    wide[:, :8] = 255  # the left quarter
    assert weight_map(grey(wide), (8, 8), (8, 8), "crop").sum() == 0.0
    assert_close(weight_map(grey(wide), (8, 8), (8, 8), "stretch")[0, 0, 0], torch.tensor([1.0] * 2 + [0.0] * 6))


def test_a_part_of_the_picture_has_that_part_of_the_mask():
    values = np.arange(16 * 16).reshape(16, 16)
    part = weight_map(grey(values), (16, 16), (4, 8), "crop", (0.5, 0.25, 1.0, 0.5))
    assert_close(part[0, 0].double(), torch.from_numpy(values[4:8, 8:16] / 255.0), rtol=0, atol=1e-6)
