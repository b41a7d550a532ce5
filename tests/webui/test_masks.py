"""Mixing masks in a WebUI. The stand-in's model works pixel by pixel, so each half of a picture can be told apart."""

from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from tools.real_host import as_base64

LINEAR = {"blend": "linear", "alpha_1": 0.3}


def left_half(size=(64, 64), mode="L"):
    mask = Image.new("L", size)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    if mode == "L":
        return mask
    picture = Image.new("RGBA", size, "white")
    picture.putalpha(mask)
    return picture


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "Heun", "DPM++ 2M", "LCM", "DDIM", "PLMS", "UniPC"])
def test_white_is_mixed_as_without_a_mask_and_black_as_without_mixing(fake, results, picture, sampler):
    body = dict(init_images=[as_base64(picture)], denoising_strength=0.8, sampler_name=sampler, batch_size=2)
    for mixing in ({**LINEAR, "mask_image": as_base64(left_half())}, LINEAR, None):
        torch.manual_seed(0)  # of the encoder's draw
        fake.generate("img2img", mixing, **body)
    masked, whole, off = results
    middle = masked.shape[-1] // 2
    assert_close(masked[..., :middle], whole[..., :middle], rtol=0, atol=1e-5)
    assert_close(masked[..., middle:], off[..., middle:], rtol=0, atol=1e-5)
    assert not torch.allclose(whole, off, atol=1e-2)


def test_the_log_and_the_infotext_name_the_mask(fake, picture):
    mixing = {**LINEAR, "mask_image": as_base64(left_half())}
    made = fake.generate("img2img", mixing, init_images=[as_base64(picture)])
    assert any("mask: uploaded picture" in line for line in made.log), made.log
    assert "uploaded picture" in made.infotexts[0] and "mask_image" not in made.infotexts[0]


def test_a_mask_drawn_in_the_alpha_channel_is_read(fake, results, picture):
    body = dict(init_images=[as_base64(picture)], denoising_strength=0.8)
    for mode in ("L", "RGBA"):
        torch.manual_seed(0)
        fake.generate("img2img", {**LINEAR, "mask_image": as_base64(left_half(mode=mode))}, **body)
    assert torch.equal(*results)


def test_it_reaches_the_hires_pass_at_its_own_size(fake, results):
    body = dict(enable_hr=True, hr_scale=2, denoising_strength=0.7, width=64, height=64)
    for mixing in ({**LINEAR, "mask_image": as_base64(left_half())}, LINEAR):
        fake.generate("txt2img", mixing, **body)
    masked, whole = results[1], results[3]
    middle = masked.shape[-1] // 2
    assert masked.shape[-1] == 16 and torch.equal(masked[..., :middle], whole[..., :middle])
    assert not torch.equal(masked[..., middle:], whole[..., middle:])


@pytest.mark.parametrize("mask, why", [
    ("uploaded picture", "mask is set to uploaded picture, but none was uploaded"),
    ("inpaint mask", "mask is set to inpaint mask, and this pass has none"),
])  # fmt: skip
def test_a_mask_that_is_not_there_is_said_and_nothing_mixed(fake, results, picture, mask, why):
    body = dict(init_images=[as_base64(picture)], denoising_strength=0.8)
    torch.manual_seed(0)
    made = fake.generate("img2img", {"mask": mask}, **body)
    torch.manual_seed(0)
    fake.generate("img2img", **body)
    assert any(why in line for line in made.log), made.log
    assert "Iterative Mixing not done" in made.infotexts[0] and torch.equal(*results)


def test_a_damaged_mask_is_refused_by_name(fake, picture):
    made = fake.generate("img2img", {"mask_image": "aGVsbG8="}, init_images=[as_base64(picture)])
    assert any("mask_image: 8 characters are no picture" in line for line in made.log), made.log


def test_inpainting_of_the_masked_area_alone_has_that_part_of_the_mask(fake):
    from itermix.webui.compat import latents, processing

    whole = Image.new("L", (128, 64))
    p = SimpleNamespace(paste_to=(64, 0, 32, 64), mask_for_overlay=whole, sd_model=SimpleNamespace())
    assert processing.part_of_picture(p) == ((64, 128), (0.5, 0.0, 0.75, 1.0))
    mask = Image.new("L", (128, 64))
    mask.paste(255, (80, 0, 128, 64))
    made = latents.mask_of(p, mask, "crop", torch.zeros(1, 4, 8, 8))
    assert_close(made[0, 0, 0], torch.tensor([0.0] * 4 + [1.0] * 4))
    assert processing.part_of_picture(SimpleNamespace(paste_to=None)) == (None, (0.0, 0.0, 1.0, 1.0))


def test_as_plain_data_for_another_machine_the_mask_stays_what_it_says(fake):
    """A mask in the alpha channel would be lost as a picture without one."""
    from itermix.mixing.settings import MixingSettings
    from itermix.webui.mixing import arguments

    values = {**MixingSettings(enabled=True, mask="uploaded picture").to_dict(), "mask_image": left_half(mode="RGBA")}
    written = arguments.written_down(tuple(values.values()))
    request = arguments.read(tuple(written), {}, arguments.Handed())
    assert request.uses_mask and all(not isinstance(value, Image.Image) for value in written)
    assert [request.mask.mask().getpixel((x, 5)) for x in (5, 60)] == [255, 0]
