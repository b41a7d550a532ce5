"""Masks, runs that go back, Perlin noise and normalizing on a host, through the API."""

import re

import numpy as np
import pytest
from PIL import Image

from itermix.mixing.settings import PERLINS
from tools.real_host import as_base64

BODY = dict(denoising_strength=0.9, steps=10)
AGAIN = re.compile(r"mixed (\d+) of (\d+) steps, weight .+, then again from step \d+")
WHITE, BLACK = (Image.new("L", (9, 9), level) for level in (255, 0))


@pytest.fixture
def made(host, picture):
    """Makes a picture in img2img with these settings of mixing, None for none."""

    def make(mixing, **body):
        host.arm(denoiser="unit")
        return host.generate("img2img", mixing, init_images=[as_base64(picture)], **{**BODY, **body})

    return make


@pytest.mark.real_host
@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DDIM"])
def test_white_is_mixed_as_without_a_mask_and_black_as_without_mixing(host, made, sampler):
    left = Image.new("L", (64, 64))
    left.paste(255, (0, 0, 32, 64))
    linear, finals = {"enabled": True, "blend": "linear", "alpha_1": 0.3}, []
    for mixing in ({**linear, "mask_image": as_base64(left)}, linear, None):
        made(mixing, sampler_name=sampler)
        finals.append(host.trace()["final"])
    masked, whole, off = finals
    middle = masked.shape[-1] // 2
    np.testing.assert_allclose(masked[..., :middle], whole[..., :middle], rtol=0, atol=1e-4)
    np.testing.assert_allclose(masked[..., middle:], off[..., middle:], rtol=0, atol=1e-4)
    assert np.abs(whole - off).max() > 0.05


def test_a_white_mask_changes_nothing_and_a_black_one_is_no_mixing(made):
    mixed = made({"enabled": True})
    assert made({"enabled": True, "mask_image": as_base64(WHITE)}).same_as_picture(mixed.pictures[-1])
    black = made({"enabled": True, "mask_image": as_base64(BLACK)})
    assert black.same_as_picture(made(None).pictures[-1])
    assert "Iterative Mixing not done" in black.infotexts[0]


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "Heun", "DPM++ 2M", "DPM++ 2M SDE", "DDIM", "PLMS", "LMS"])
def test_each_step_is_counted_once_and_the_same_request_gives_the_same_picture(made, sampler):
    every = {"enabled": True, "minimum": 0.1}  # with 0 the last step has no weight, or hardly any, by the host's levels
    first, second = (made({**every, "rewind": True}, sampler_name=sampler) for _ in range(2))
    told = AGAIN.search(first.log[-1])
    assert told and told[1] == told[2], first.log
    assert first.same_as_picture(second.pictures[-1])
    assert not first.same_as(made(every, sampler_name=sampler))


def test_a_sampler_that_cannot_go_back_is_refused_by_name(made):
    refused = made({"enabled": True, "rewind": True}, sampler_name="UniPC")
    assert any('the sampler "UniPC" cannot rewind' in line for line in refused.log), refused.log
    assert refused.same_as_picture(made(None, sampler_name="UniPC").pictures[-1])


@pytest.mark.parametrize("kind", PERLINS[1:])
def test_perlin_noise_changes_the_picture_and_of_strength_0_no_bit(made, kind):
    mixed = made({"enabled": True})
    assert made({"enabled": True, "perlin": kind, "perlin_strength": 0}).same_as(mixed)
    assert not made({"enabled": True, "perlin": kind, "perlin_scale": 3}).same_as(mixed)


@pytest.mark.real_host
def test_normalized_the_result_has_the_references_moments(host, made):
    made({"enabled": True, "normalize": True})
    trace = host.trace()
    for name in ("mean", "std"):
        moments = [getattr(trace[of], name)(axis=(-2, -1)).ravel() for of in ("final", "z_ref")]
        np.testing.assert_allclose(*moments, rtol=0, atol=1e-3)
