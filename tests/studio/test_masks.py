"""Mixing masks in the standalone, on tiny random pipelines."""

import pytest
import torch
from PIL import Image

from itermix.mixing.settings import MixingSettings
from itermix.studio.errors import StudioError
from itermix.studio.pipeline import Studio
from tests.studio.test_pipeline import encoded, photo, request_for

pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")


@pytest.fixture(scope="module")
def studio(folders):
    return Studio.open(folders / "sd15", device="cpu")


def masked(mask, **settings):
    return MixingSettings(enabled=True, mask="uploaded picture", mask_image=encoded(mask), **settings)


def test_a_black_mask_gives_the_unmixed_hires_pass_and_a_white_one_the_mixed(studio):
    plain = MixingSettings(enabled=True)
    latents = {
        name: next(studio.text_to_image(request_for(studio, hires=2.0, mixing=mixing)))
        for name, mixing in {
            "off": MixingSettings(), "mixed": plain, "black": masked(Image.new("L", (9, 7))),
            "white": masked(Image.new("L", (9, 7), 255)),
        }.items()
    }  # fmt: skip
    assert torch.equal(latents["black"].latent, latents["off"].latent) and not latents["black"].is_mixed
    torch.testing.assert_close(latents["white"].latent, latents["mixed"].latent)
    assert not torch.allclose(latents["mixed"].latent, latents["off"].latent, atol=1e-3)


def test_the_inpainting_mask_as_mixing_mask_changes_nothing_by_itself(studio):
    mask = Image.new("L", (64, 48))
    mask.paste(255, (20, 10, 50, 40))
    latents = [
        next(studio.inpaint(request_for(studio, mixing=mixing), photo(), mask)).latent
        for mixing in (MixingSettings(enabled=True), MixingSettings(enabled=True, mask="inpaint mask"))
    ]
    torch.testing.assert_close(*latents)


@pytest.mark.parametrize("mask, why", [
    ("inpaint mask", "mixing: mask: there is no mask to inpaint"),
    ("uploaded picture", "mixing: mask: there is no picture of it"),
])  # fmt: skip
def test_a_mask_that_is_not_there_is_refused_before_the_work(studio, mask, why):
    steps = []
    request = request_for(studio, mixing=MixingSettings(enabled=True, mask=mask))
    with pytest.raises(StudioError, match=why):
        next(studio.text_to_image(request, lambda *step: steps.append(step)))
    assert not steps
