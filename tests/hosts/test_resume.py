"""A sequence on a real WebUI is resumed only where everything that decides about a frame is as it was."""

from __future__ import annotations

import pytest

from tests.hosts.test_sequence import frames_of, frames_same, sequence
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

SETTINGS = {"frames": 3, "video_format": "none", "mixing_reference": "previous frame"}
STYLE = {"styles": {"oil": ["{prompt}, oil on canvas", ""]}}
# The request's own part, and the host's options with what they may be: Forge Neo has other defaults than the others.
DECIDING = {
    "noise source": ({}, {"randn_source": ("CPU", "GPU")}),
    "churn": ({"s_churn": 2.0}, {}),
    "churn, an option": ({}, {"s_churn": (2.0,)}),
    "clip skip": ({}, {"CLIP_stop_at_last_layers": (2, 1)}),
    "tiling": ({"tiling": True}, {}),
    "eta": ({"eta": 0.5}, {}),
    "style": ({"styles": ["oil"]}, {}),
    "variation": ({"subseed": 3, "subseed_strength": 0.1}, {}),
    "steps": ({"steps": 5}, {}),
    "VAE": ({}, {"sd_vae": ("other.safetensors",)}),
}


@pytest.fixture(autouse=True)
def quick(host, disarmed):
    host.arm(network="gaussian")
    host.post("/itermix-probe/prepare", STYLE)
    yield
    host.post("/itermix-probe/prepare", {})


@pytest.fixture(scope="module")
def other_vae(host):
    """The checkpoint's own VAE once more, with another bias."""
    torch_files = pytest.importorskip("safetensors.torch", reason="needs safetensors")
    folder = host.data / "models" / "Stable-diffusion"
    for file in folder.glob("*.safetensors"):
        whole = torch_files.load_file(file)
        own = {name.removeprefix("first_stage_model."): value for name, value in whole.items() if "first_stage" in name}
        if own:
            own["decoder.conv_out.bias"] = own["decoder.conv_out.bias"] + 0.1
            vae = host.data / "models" / "VAE" / "other.safetensors"
            vae.parent.mkdir(exist_ok=True)
            torch_files.save_file(own, vae)
            host.post("/sdapi/v1/refresh-vae", {})
            yield vae.name
            vae.unlink()
            return
    pytest.skip("no checkpoint of the host's holds a VAE")


@pytest.fixture
def options(host, request):
    """Sets options of the host for one test, each to the first value that is another one."""
    before = {}

    def set_to(choices):
        if "sd_vae" in choices:
            request.getfixturevalue("other_vae")
        known = host.get("/sdapi/v1/options")
        before.update({name: known[name] for name in choices})
        wanted = {name: next(one for one in values if one != known[name]) for name, values in choices.items()}
        host.post("/sdapi/v1/options", wanted)

    yield set_to
    if before:
        host.post("/sdapi/v1/options", before)


def begun(host, picture, **body):
    """Two frames of three."""
    host.post("/itermix-probe/disturb", {"how": "interrupt", "evaluation": 1, "passes": 2})
    upload = {"enabled": True, "reference": "uploaded image", "reference_image": as_base64(picture), "alpha_1": 0.5}
    made = sequence(host, SETTINGS, mixing=upload, **body)
    assert len(frames_of(made)) == 2
    return upload


def resumed(host, mixing, **body):
    made = sequence(host, {**SETTINGS, "resume": True}, mixing=mixing, **body)
    return made, made.info["extra_generation_params"].get("Latent Sequence refused", "")


@pytest.mark.parametrize("what", DECIDING)
def test_something_else_that_decides_is_another_sequence(host, picture, options, what):
    changed, choices = DECIDING[what]
    upload = begun(host, picture)
    options(choices)
    assert "of another sequence" in resumed(host, upload, **changed)[1]


def test_another_upload_is_another_sequence(host, picture):
    upload = begun(host, picture)
    other = {**upload, "reference_image": as_base64(picture.transpose(0))}
    assert "of another sequence" in resumed(host, other)[1]


def test_with_all_the_same_the_frames_are_those_of_an_uninterrupted_run(host, picture):
    upload = begun(host, picture)
    rest, refused = resumed(host, upload)
    assert not refused
    whole = sequence(host, SETTINGS, mixing=upload)
    assert frames_same(frames_of(rest), frames_of(whole)[2:])


@pytest.mark.parametrize("sampler", ["Euler", "LCM"])
@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_what_is_drawn_from_the_processes_own_random_numbers_is_drawn_again(host, picture, tab, sampler):
    """By the encoder of the init image and by some samplers, wherever the host's other requests have moved them."""
    host.arm(seed=5)
    body = dict(sampler_name=sampler)
    if tab == "img2img":
        body |= dict(init_images=[as_base64(picture)], denoising_strength=0.8)
    whole = frames_of(sequence(host, SETTINGS, tab, mixing={"enabled": True}, **body))
    host.post("/itermix-probe/disturb", {"how": "interrupt", "evaluation": 1, "passes": 1})
    assert len(frames_of(sequence(host, SETTINGS, tab, mixing={"enabled": True}, **body))) == 1
    host.arm(seed=9)
    rest = sequence(host, {**SETTINGS, "resume": True}, tab, mixing={"enabled": True}, **body)
    assert frames_same(whole[1:], frames_of(rest)), rest.log


def test_img2img_is_resumed_after_another_picture_has_been_made(host, picture):
    """The encoder draws from the generator that the other picture has left somewhere else."""
    body = dict(tab="img2img", init_images=[as_base64(picture)])
    upload = begun(host, picture, **body)
    host.generate(seed=77, batch_size=3)
    rest, refused = resumed(host, upload, **body)
    assert not refused and len(frames_of(rest)) == 1
    other = dict(body, init_images=[as_base64(picture.transpose(0))])
    begun(host, picture, **body)
    assert "of another sequence" in resumed(host, upload, **other)[1]
