"""Mixing masks: the weight of each latent pixel, softened and weighed once, for all frequencies or for one band."""

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.lowpass import LowPass
from itermix.mixing.masks import mixing_mask, softened
from itermix.mixing.mixer import mixer_for
from itermix.mixing.noising import VE
from itermix.mixing.reference import Reference
from itermix.mixing.settings import BLENDS, FREQUENCY_BLENDS, MixingSettings

HALF = dict(minimum=0.5, maximum=0.5, high_exponent=2.0)


def latent(seed, shape=(2, 4, 8, 8), dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


X, Z, NOISE = latent(0), latent(1), latent(2)
RAMP = torch.linspace(0.0, 1.0, 8).expand(1, 1, 8, 8)


def mixed(weight_map=None, painted=None, image=slice(None), scale=(2.0, 2.0), **settings):
    x, z, noise = (t[image] for t in (X, Z, NOISE))
    mixer = mixer_for(
        MixingSettings(**{**HALF, **settings}),
        Reference(z, scale),
        noise,
        [1] * len(x),
        x,
        10,
        VE(),
        painted,
        weight_map,
    )
    return mixer.mix(x, 0, 2.0)


@pytest.mark.parametrize("blend", BLENDS)
def test_white_is_as_without_a_mask_and_black_is_the_state_itself(blend):
    white, black = torch.ones(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    assert_close(mixed(white, blend=blend, mask="uploaded picture"), mixed(blend=blend))
    assert mixed(black, blend=blend, mask="uploaded picture").equal(X)


def test_each_pixel_gets_the_share_of_the_weight_that_the_mask_has_there_once():
    made = mixed(RAMP, blend="linear", mask="uploaded picture")
    assert_close(made, X + 0.5 * RAMP.double() * (Z + 2.0 * NOISE - X), rtol=0, atol=1e-6)


def test_beside_an_inpainting_mask_both_count():
    painted = torch.linspace(1.0, 0.0, 8)[:, None].expand(1, 1, 8, 8)
    made = mixed(RAMP, painted, blend="linear", mask="uploaded picture")
    assert_close(made, X + 0.5 * (RAMP * painted).double() * (Z + 2.0 * NOISE - X), rtol=0, atol=1e-6)


def test_a_soft_inpainting_mask_as_mixing_mask_counts_once():
    """The node pack applied soft masks twice, which makes their edges steeper."""
    made = mixed(RAMP, RAMP, blend="linear", mask="inpaint mask")
    assert_close(made, X + 0.5 * RAMP.double() * (Z + 2.0 * NOISE - X), rtol=0, atol=1e-6)


def test_inverted_it_is_one_minus_the_mask_where_inpainting_samples():
    painted = torch.zeros(1, 1, 8, 8)
    painted[..., 2:6, 2:6] = 1.0
    made = mixed(painted, painted, blend="linear", mask="inpaint mask", mask_invert=True, mask_softness=0.25)
    share = 0.5 * (1.0 - softened(painted, 2.0)) * painted
    assert_close(made, X + share.double() * (Z + 2.0 * NOISE - X), rtol=0, atol=1e-6)
    assert 0.0 < float(share[..., 3, 3]) < float(share[..., 2, 2]) < 0.5  # freer in the middle


@pytest.mark.parametrize("bands", ["coarse shapes", "fine detail"])
def test_a_mask_on_one_band_leaves_the_other_as_without_a_mask(bands):
    d = Z + 2.0 * NOISE - X
    low = LowPass((2.0, 2.0)).filter_(d.clone())
    below, above = (RAMP.double(), 1.0) if bands == "coarse shapes" else (1.0, RAMP.double())
    made = mixed(RAMP, blend="two bands", mask="uploaded picture", mask_bands=bands)
    assert_close(made, X + 0.5 * (low * below + 0.5 * (d - low) * above), rtol=0, atol=1e-6)


@pytest.mark.parametrize("bands", ["coarse shapes", "fine detail"])
def test_a_white_mask_on_one_band_changes_nothing(bands):
    white = torch.ones(1, 1, 8, 8)
    for blend in FREQUENCY_BLENDS:
        made = mixed(white, blend=blend, mask="uploaded picture", mask_bands=bands)
        assert_close(made, mixed(blend=blend), rtol=0, atol=1e-12)


def test_a_reference_that_is_not_enlarged_is_all_coarse_shapes():
    given = dict(scale=(1.0, 1.0), blend="two bands", mask="uploaded picture")
    assert_close(mixed(RAMP, mask_bands="coarse shapes", **given), mixed(RAMP, **given), rtol=0, atol=1e-6)
    assert_close(mixed(RAMP, mask_bands="fine detail", **given), mixed(scale=(1.0, 1.0), blend="two bands"))


@pytest.mark.parametrize("bands", ["all frequencies", "coarse shapes", "fine detail"])
def test_an_image_of_a_batch_is_mixed_as_it_is_alone(bands):
    given = dict(mask="uploaded picture", blend="two bands", mask_bands=bands)
    assert mixed(RAMP, **given)[1:].equal(mixed(RAMP, image=slice(1, 2), **given))


def test_a_softened_edge_is_the_gaussians_integral_as_wide_as_it_says():
    edge = (torch.arange(64) >= 32).float().expand(1, 1, 64, 64)
    width = 0.25 * 64
    position = torch.arange(64) + 0.5 - 32.0
    expected = 0.5 * (1.0 + torch.erf(position / (width / 4.0) / 2.0**0.5))
    made = mixing_mask(edge, MixingSettings(mask_softness=0.25))
    assert_close(made[0, 0, 32], expected, rtol=0, atol=3e-3)
    assert float(made[0, 0, 32, 32 + 8]) > 0.97 and float(made[0, 0, 32, 32 - 9]) < 0.03


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_what_is_the_same_everywhere_stays_so_to_the_borders(value):
    assert_close(softened(torch.full((1, 1, 9, 7), value), 3.0), torch.full((1, 1, 9, 7), value), rtol=0, atol=1e-6)


def test_without_softness_the_mask_is_the_very_same():
    assert mixing_mask(RAMP, MixingSettings()).equal(RAMP)


def test_a_mask_picture_alone_is_used_and_one_beside_none_is_not():
    assert MixingSettings.from_dict({"mask_image": "aGVsbG8="}).mask == "uploaded picture"
    assert MixingSettings.from_dict({"mask_image": "aGVsbG8=", "mask": "none"}).mask == "none"
