"""Normalize and the node pack's window in a WebUI, on what the sampler really gives."""

import pytest
import torch
from torch.testing import assert_close

from tools.real_host import as_base64


def moments(latent):
    return torch.stack([latent.flatten(2).mean(2), latent.flatten(2).std(2)])


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "LMS", "DDIM", "UniPC"])
def test_the_result_has_the_references_moments(fake, results, picture, sampler):
    body = dict(init_images=[as_base64(picture)], denoising_strength=0.8, sampler_name=sampler, batch_size=2)
    fake.generate("img2img", {"normalize": True}, **body)
    assert_close(moments(results[0]), moments(fake.p.init_latent.expand_as(results[0])), rtol=0, atol=1e-5)


def test_switched_off_it_changes_nothing(fake, results, picture):
    body = dict(init_images=[as_base64(picture)], denoising_strength=0.8)
    torch.manual_seed(0)  # of the encoder's draw
    fake.generate("img2img", {"normalize": False}, **body)
    torch.manual_seed(0)
    fake.generate("img2img", {}, **body)
    assert torch.equal(*results)


def test_without_a_mixed_step_nothing_is_normalized(fake, results, picture):
    body = dict(init_images=[as_base64(picture)], denoising_strength=0.8)
    for mixing in ({"normalize": True, "minimum": 0, "maximum": 0}, None):
        torch.manual_seed(0)
        fake.generate("img2img", mixing, **body)
    assert torch.equal(*results)


def test_the_cut_window_is_refused_where_the_sampler_chooses_its_steps(fake, picture):
    body = dict(init_images=[as_base64(picture)], sampler_name="DPM adaptive")
    made = fake.generate("img2img", {"window": "cut (node pack)"}, **body)
    assert any('"DPM adaptive" chooses its own steps' in line for line in made.log), made.log
    assert "Iterative Mixing not done" in made.infotexts[0]
