"""The next phase's reference: two bands from two worlds, edges, and noise where they are."""

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.lowpass import LowPass
from itermix.upscale.guidance import guided_by_band
from itermix.upscale.reference import both_bands, edges, with_edge_noise

TWICE = LowPass((2.0, 2.0))


def random(seed=0, shape=(2, 4, 16, 16)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def low(x):
    return TWICE.filter_(x.clone())


def test_low_band_is_the_latents_and_high_band_the_encoded_pictures():
    latent, encoded = random(1), random(2)
    assert_close(both_bands(latent, encoded, TWICE), low(latent) + encoded - low(encoded))
    assert_close(both_bands(latent, latent, TWICE), latent)
    assert_close(latent, random(1))


def test_half_precision_is_computed_in_float32():
    latent, encoded = random(1), random(2)
    half = both_bands(latent.half(), encoded.half(), TWICE)
    assert half.dtype == torch.float16
    assert_close(half.double(), both_bands(latent, encoded, TWICE), rtol=0.0, atol=5e-3)


def test_edges_are_where_the_picture_changes_and_a_flat_picture_has_none():
    picture = torch.zeros(1, 3, 64, 64)
    picture[..., 32:] = 0.7
    found = edges(picture, (8, 8))
    assert found.shape == (1, 1, 8, 8)
    assert bool((found[..., 3:5] > 0.1).all())
    assert_close(found[..., [0, 1, 6, 7]], torch.zeros(1, 1, 8, 4))
    assert_close(edges(torch.full((1, 3, 64, 64), 0.4), (8, 8)), torch.zeros(1, 1, 8, 8))


def test_edges_do_not_depend_on_contrast_or_on_other_images_and_stay_within_1():
    pictures = random(3, (2, 3, 32, 32))
    found = edges(pictures, (8, 8))
    assert float(found.min()) >= 0.0 and float(found.max()) <= 1.0
    assert_close(edges(5.0 * pictures[1:], (8, 8)), found[1:])


def test_noise_is_most_at_edges_and_least_elsewhere():
    where = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64).view(1, 1, 1, 3)
    noise = torch.ones(1, 4, 1, 3, dtype=torch.float64)
    expected = torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64).expand(1, 4, 1, 3)
    assert_close(with_edge_noise(torch.zeros_like(noise), noise, where, 0.2, 0.8), expected)


@pytest.mark.parametrize(("below", "above"), [(1.0, 7.5), (3.0, 3.0), (0.0, 5.0)])
def test_guidance_by_band_is_guidance_of_each_band_with_its_own_scale(below, above):
    cond, uncond = random(1), random(2)
    band = lambda scale: uncond + scale * (cond - uncond)  # noqa: E731
    expected = low(band(below)) + band(above) - low(band(above))
    assert_close(guided_by_band(cond, uncond, below, above, TWICE), expected)
