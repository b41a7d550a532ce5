"""Sequences of models that edit a picture (Forge Neo): every frame edits the same one, whatever its prompt is.

Flux.2 Klein keeps the picture that it encodes until the next prompt is encoded, and no longer.
"""

from __future__ import annotations

import pytest

from tests.hosts.of_models import load, models  # noqa: F401
from tests.hosts.test_sequence import frames_of
from tools.real_host import as_base64, largest_difference

pytestmark = pytest.mark.real_host

# Of denoise 1: no frame depends on the one before, so each is what the host's own img2img makes of its prompt and seed.
PLAN = {
    "frames": 3, "prompts": "0: a cat\n1: a dog", "travel": "off", "denoise_start": 1.0, "denoise_seq": 1.0,
    "video_format": "none",
}  # fmt: skip
BODY = dict(denoising_strength=1.0, steps=3, cfg_scale=1)
NO_MORE_THAN_THE_ENCODERS_OWN_NOISE = 1  # of 255


@pytest.fixture
def klein(host, models):  # noqa: F811
    if "klein" not in models:
        pytest.skip("the host has no Klein")
    load(host, models, "klein")
    host.post("/sdapi/v1/options", {"klein_no_reference": False})
    yield host
    host.post("/sdapi/v1/options", {"klein_no_reference": True})
    host.generate(steps=1, cfg_scale=1, prompt="nothing to be edited any more")


def of(picture, **body):
    return dict(init_images=[as_base64(picture)], **{**BODY, **body})


def test_every_frame_of_a_sequence_edits_the_picture(klein, picture):
    made = klein.generate("img2img", script_name="latent sequence", script_args=[PLAN], **of(picture))
    unedited = klein.generate(prompt="a dog", seed=3, steps=3, cfg_scale=1)
    for frame, (prompt, seed) in zip(frames_of(made), [("a cat", 1), ("a dog", 2), ("a dog", 3)]):
        alone = klein.generate("img2img", **of(picture, prompt=prompt, seed=seed))
        assert largest_difference(frame, alone.pictures[0]) <= NO_MORE_THAN_THE_ENCODERS_OWN_NOISE, prompt
    assert largest_difference(frames_of(made)[-1], unedited.pictures[0]) > NO_MORE_THAN_THE_ENCODERS_OWN_NOISE


def test_what_a_hires_pass_encodes_is_edited_by_no_later_frame(klein):
    """The host encodes the enlarged picture of the first frame, and the next frame's prompt is encoded after that."""
    hires = dict(
        enable_hr=True, hr_scale=2, hr_upscaler="None", denoising_strength=0.7, hr_second_pass_steps=3, hr_cfg=1
    )
    plan = {**PLAN, "frames": 2}
    made = klein.generate(script_name="latent sequence", script_args=[plan], **{**BODY, **hires})
    alone = klein.generate(prompt="a dog", seed=2, steps=3, cfg_scale=1, width=128, height=128)
    assert largest_difference(frames_of(made)[1], alone.pictures[0]) <= NO_MORE_THAN_THE_ENCODERS_OWN_NOISE
