"""What a real WebUI and other extensions make of a request before it is sampled is sampled in a sequence, too."""

from __future__ import annotations

import pytest

from tests.hosts.test_sequence import frames_of, frames_same, sequence
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

QUIET = {"video_format": "none"}
STYLE = {"styles": {"oil": ["{prompt}, oil on canvas", "photo"]}}
OIL = {"styles": ["oil"]}
PREPARED = {  # the request's own part, and what an extension does
    "nothing": ({}, {}),
    "styles": (OIL, STYLE),
    "comments": ({"prompt": "a cat # on a mat"}, {}),
    "wildcards": ({"prompt": "a __colour__ cat"}, {"wildcards": True}),
    "by batch": ({}, {"by batch": True}),
    "seeds": ({}, {"seeds": True}),
    "size": ({}, {"size": [128, 64]}),
    "variation": ({"subseed": 7, "subseed_strength": 0.4, "batch_size": 2}, {}),
    "seed resize": ({"seed_resize_from_h": 128, "seed_resize_from_w": 64}, {}),
    "hires": (
        {**OIL, "prompt": "a cat # on a mat", "enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent",
         "denoising_strength": 0.6}, STYLE,
    ),
    "a batch": ({**OIL, "batch_size": 2}, {**STYLE, "wildcards": True}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def quick(host, disarmed):
    host.arm(network="gaussian")
    yield
    host.post("/itermix-probe/prepare", {})


def prompts_of(generation):
    return [text.partition("\nSteps")[0] for text in generation.infotexts]


@pytest.mark.parametrize("sampler", ["Euler", "Euler a"])
@pytest.mark.parametrize("what", PREPARED)
def test_one_frame_is_the_plain_picture_whatever_is_made_of_the_request(host, what, sampler):
    body, prepared = PREPARED[what]
    body = {"sampler_name": sampler, "steps": 4, "seed": 5, **body}
    host.post("/itermix-probe/prepare", prepared)
    plain = host.generate(**body)
    made = sequence(host, {**QUIET, "frames": 1}, **body)
    count = body.get("batch_size", 1)
    assert frames_same(made.pictures[-count:], plain.pictures[-count:])
    assert prompts_of(made)[-count:] == prompts_of(plain)[-count:]


@pytest.mark.parametrize("multiplier", [1.0, 0.9])
def test_one_frame_of_img2img_is_the_plain_picture(host, picture, multiplier):
    body = dict(init_images=[as_base64(picture)], denoising_strength=0.6, initial_noise_multiplier=multiplier)
    body |= {"steps": 4, "seed": 5}
    plain = host.generate("img2img", **body)
    made = sequence(host, {**QUIET, "frames": 1, "denoise_start": 0.6}, "img2img", **body)
    assert frames_same(made.pictures, plain.pictures)


def test_a_wildcard_falls_once_for_each_keyframe_and_is_what_the_infotext_says(host):
    settings = {**QUIET, "frames": 4, "prompts": "0: a __colour__ cat\n2: a __colour__ dog", "travel": "off"}
    host.post("/itermix-probe/prepare", {"wildcards": True})
    made = sequence(host, settings, seed=1)
    assert prompts_of(made)[1:] == ["a green cat", "a green cat", "a black dog", "a black dog"]
    host.post("/itermix-probe/prepare", {})
    settings["prompts"] = "0: a green cat\n2: a black dog"
    assert frames_same(frames_of(made), frames_of(sequence(host, settings, seed=1)))


def test_styles_are_in_the_frames_between_two_keyframes(host):
    settings = {**QUIET, "frames": 3, "prompts": "0: a cat\n2: a dog", "travel": "slerp"}
    host.post("/itermix-probe/prepare", STYLE)
    styled = sequence(host, settings, **OIL)
    settings["prompts"] = "0: a cat, oil on canvas\n2: a dog, oil on canvas"
    assert frames_same(frames_of(styled), frames_of(sequence(host, settings, negative_prompt="photo")))


NOISES = {
    "plain": {},
    "variation": {"subseed": 7, "subseed_strength": 0.4},
    "resized": {"seed_resize_from_h": 128, "seed_resize_from_w": 64},
    "both": {"subseed": 7, "subseed_strength": 0.4, "seed_resize_from_h": 128, "seed_resize_from_w": 64},
}


def told(infotext, key):
    return int(infotext.split(f"{key}: ")[1].split(",")[0])


@pytest.mark.parametrize("what", NOISES)
def test_the_noise_of_the_last_frame_is_what_its_infotext_says(host, what):
    made = sequence(host, {**QUIET, "frames": 3}, **NOISES[what])
    noise, last = host.trace()["noise"], made.infotexts[-1]
    body = {**NOISES[what], "seed": told(last, "Seed")}
    if "subseed" in body:
        assert told(last, "Variation seed") == 7 + 2
        body["subseed"] = told(last, "Variation seed")
    host.generate(**body)
    assert (host.trace()["noise"] == noise).all()


def test_the_noise_multiplier_of_img2img_acts_in_the_last_frame(host, picture):
    noises = []
    for multiplier in (1.0, 0.5):
        body = dict(init_images=[as_base64(picture)], initial_noise_multiplier=multiplier)
        sequence(host, {**QUIET, "frames": 3}, "img2img", **body)
        noises.append(host.trace()["noise"])
    assert (0.5 * noises[0] == noises[1]).all()
