"""A real WebUI's infotext, console and answer say what was mixed, and the true reason where nothing was."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.hosts.test_sequence import sequence
from tests.what_was_done import KEY, NOT_DONE, NOTHING_MIXED, ON, assert_said
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

HIRES = dict(enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.5, steps=4)


@pytest.fixture(autouse=True)
def quick(host, disarmed):
    host.arm(network="gaussian")
    yield
    host.post("/itermix-probe/disturb", {})


@pytest.mark.parametrize("mixing, is_hires, reason", NOTHING_MIXED)
def test_no_mixing_is_claimed_where_nothing_was_mixed(host, mixing, is_hires, reason):
    assert_said(host.generate(mixing=mixing, **(HIRES if is_hires else {})), reason)


def test_mixing_is_claimed_where_something_was_mixed(host):
    made = host.generate(mixing=ON, n_iter=2, **HIRES)
    assert all(KEY in text and NOT_DONE not in text for text in made.infotexts)


def test_a_mask_that_leaves_nothing_to_be_painted_is_the_reason(host, picture):
    mask = as_base64(Image.new("L", (64, 64)))
    body = dict(init_images=[as_base64(picture)], mask=mask, mask_blur=0, inpainting_fill=1, inpaint_full_res=False)
    assert_said(host.generate("img2img", ON, **body), "the mask leaves nothing to be painted")


@pytest.mark.parametrize("how, reason", [
    ("skip", "the pass was interrupted or skipped before a step was mixed"),
    ("interrupt", "the run was interrupted before the pass that was to be mixed"),  # then there is no hires pass
])  # fmt: skip
def test_interrupted_in_the_first_pass_is_the_reason(host, how, reason):
    host.post("/itermix-probe/disturb", {"how": how, "evaluation": 2, "passes": 0})
    assert_said(host.generate(mixing=ON, **HIRES), reason)


@pytest.mark.parametrize("reference, reason", [
    ("init image", "mixing_reference is init image, and txt2img has none; take previous frame or first frame"),
    ("off", "mixing_reference is off"),
])  # fmt: skip
def test_a_sequence_gives_the_true_reason(host, reference, reason):
    made = sequence(host, {"frames": 2, "video_format": "none", "mixing_reference": reference}, mixing=ON)
    assert f"frame: nothing mixed: {reason}" in made.log
    assert all(KEY not in text for text in made.infotexts)


@pytest.mark.parametrize("strength, is_said", [(0.8, True), (0.5, False), (0.0, False)])
def test_a_hires_denoising_strength_that_is_replaced_is_said(host, strength, is_said):
    made = host.generate(mixing={**ON, "hires_denoise": strength}, **HIRES)
    assert ("denoising strength 0.8 in place of 0.5" in made.log[-1]) == is_said
    assert f"Denoising strength: {0.8 if is_said else 0.5}" in made.infotexts[0]


@pytest.mark.parametrize("resize_mode, scale", [(1, 2.0), (2, 1.0)])
def test_crop_and_fill_enlarge_an_init_image_alike_in_both_directions(host, resize_mode, scale):
    """128 x 64 in 128 x 128: "crop and resize" makes it twice as large, "resize and fill" leaves it as it is."""
    picture = Image.linear_gradient("L").resize((128, 64)).convert("RGB")
    body = dict(init_images=[as_base64(picture)], resize_mode=resize_mode, width=128, height=128)
    found, expected, other = (
        host.generate("img2img", {**ON, "blend": "low-pass", "reference_scale": given}, denoising_strength=0.8, **body)
        for given in (0.0, scale, 3.0 - scale)
    )
    assert found.same_as(expected) and not found.same_as(other)
