"""Rewind and normalize in the standalone, on tiny random pipelines."""

import pytest
import torch

from itermix.mixing.settings import MixingSettings
from itermix.studio.pipeline import Studio
from tests.studio.test_pipeline import photo, request_for

pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")


@pytest.fixture(scope="module")
def studio(folders):
    return Studio.open(folders / "sd15", device="cpu")


def made(studio, sampler="DPM++ 2M", **mixing):
    request = request_for(studio, steps=8, sampler=sampler, strength=1.0, mixing=MixingSettings(enabled=True, **mixing))
    steps = []
    result = next(studio.image_to_image(request, photo(), on_progress=lambda name, *step: steps.append(step)))
    return result, steps


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M", "Heun", "DDIM"])
def test_the_pass_goes_back_and_says_so(studio, sampler):
    result, steps = made(studio, sampler, rewind=True)
    assert [done for done, _ in steps] == [*range(1, 9), *range(5, 9), *range(7, 9)]
    assert {total for _, total in steps} == {8}
    assert str(result.reports["first pass"]).endswith("then again from step 4, 6")
    assert bool(torch.isfinite(result.latent).all())


def test_switched_off_it_is_the_same_to_the_bit_and_on_it_is_another_picture_each_time_the_same(studio):
    plain, _ = made(studio)
    assert torch.equal(plain.latent, made(studio, rewind=False, rewind_min=0.3)[0].latent)
    back = made(studio, rewind=True)[0].latent
    assert torch.equal(back, made(studio, rewind=True)[0].latent) and not torch.allclose(back, plain.latent, atol=1e-3)


def test_normalized_the_latent_has_the_references_moments(studio):
    result, _ = made(studio, normalize=True)
    init = made(studio, minimum=1.0, maximum=1.0, blend="linear", timing="end of step (node pack)")[0].latent
    moments = [torch.stack([x.flatten(2).mean(2), x.flatten(2).std(2)]) for x in (result.latent, init)]
    torch.testing.assert_close(*moments, rtol=0, atol=0.1)
