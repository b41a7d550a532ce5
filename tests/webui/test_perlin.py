"""Perlin noise in a WebUI: seeded per image, nothing where it is switched off."""

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.settings import PERLINS

KINDS = PERLINS[1:]
HIRES = dict(enable_hr=True, denoising_strength=0.9, steps=8)
LATENT = {"hires_reference": "latent"}  # a picture is rounded to 8 bits, which a batch's last bits can turn


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_of_a_batch_is_the_image_alone_and_another_than_without(fake, results, kind):
    fake.generate("txt2img", {"perlin": kind, **LATENT}, seed=7, batch_size=2, **HIRES)
    for mixing in ({"perlin": kind, **LATENT}, LATENT):
        fake.generate("txt2img", mixing, seed=8, **HIRES)
    batch, alone, without = results[1::2]
    assert_close(batch[1:], alone, rtol=0, atol=1e-5)
    assert not torch.allclose(alone, without, atol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_of_strength_0_it_changes_no_bit(fake, results, kind):
    for mixing in ({"perlin": kind, "perlin_strength": 0}, {}):
        fake.generate("txt2img", mixing, seed=8, **HIRES)
    assert torch.equal(*results[1::2])


def test_the_infotext_has_it(fake):
    made = fake.generate("txt2img", {"perlin": "latent", "perlin_seed": 3, "perlin_octaves": 2}, **HIRES)
    assert all(text in made.infotexts[0] for text in ("latent", "perlin_seed", "perlin_octaves"))


@pytest.mark.parametrize("name, value, allowed", [
    ("perlin", "masks", 'one of "off", "mixing mask", "latent", "matched noise"'),
    ("perlin_scale", 0.5, "a number from 1 to 400"),
    ("perlin_octaves", 2.5, "a whole number from 1 to 8"),
    ("perlin_seed", -1, "a whole number from 0 to 4294967295"),
])  # fmt: skip
def test_what_is_not_allowed_is_said_with_what_is(fake, name, value, allowed):
    made = fake.generate("txt2img", {name: value}, **HIRES)
    assert any(f"{name}: " in line and f"is not allowed; it takes {allowed}" in line for line in made.log), made.log
