"""The infotext, the note and the console line say what was done, and the true reason where nothing was mixed."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.webui.fake import FakeHost
from tests.what_was_done import KEY, NOT_DONE, NOTHING_MIXED, ON, assert_said
from tools.real_host import as_base64

HIRES = dict(enable_hr=True, denoising_strength=0.5)


@pytest.fixture(scope="module")
def fake():
    return FakeHost()


@pytest.fixture(autouse=True)
def quiet(fake):
    from modules import shared

    fake.arm()
    yield
    shared.state.interrupted = shared.state.stopping_generation = False


@pytest.mark.parametrize("mixing, is_hires, reason", NOTHING_MIXED)
def test_no_mixing_is_claimed_where_nothing_was_mixed(fake, mixing, is_hires, reason):
    assert_said(fake.generate(mixing=mixing, **(HIRES if is_hires else {})), reason)


def test_mixing_is_claimed_where_something_was_mixed(fake):
    made = fake.generate(mixing=ON, n_iter=2, **HIRES)
    assert all(KEY in text and NOT_DONE not in text for text in made.infotexts)


def test_an_empty_mask_is_the_reason(fake, picture):
    body = dict(init_images=[as_base64(picture)], mask=as_base64(Image.new("L", (64, 64))))
    assert_said(fake.generate("img2img", ON, **body), "the mask leaves nothing to be painted")


class Stop:
    """The user's, in the first pass."""

    def __init__(self, how):
        self.how = how

    def title(self):
        return "stop"

    def process_before_every_sampling(self, p, **more):
        from modules import shared

        setattr(shared.state, self.how, True)


@pytest.mark.parametrize("how, reason", [
    ("skipped", "the pass was interrupted or skipped before a step was mixed"),
    ("interrupted", "the run was interrupted before the pass that was to be mixed"),  # then there is no hires pass
])  # fmt: skip
def test_interrupted_in_the_first_pass_is_the_reason(fake, monkeypatch, how, reason):
    monkeypatch.setattr(fake, "others", [Stop(how)])
    assert_said(fake.generate(mixing=ON, **HIRES), reason)


def test_a_first_pass_that_holds_no_numbers_was_not_encoded(fake, monkeypatch):
    import torch

    kept = torch.nn.functional.interpolate

    def overflown(x, **more):
        return kept(x, **more) * float("nan") if x.shape[1] == 4 else kept(x, **more)

    monkeypatch.setattr(torch.nn.functional, "interpolate", overflown)
    made = fake.generate(mixing=ON, **HIRES)
    assert any("the reference (upscaled first pass) holds values that are no numbers" in line for line in made.log)
    assert not any("encoded" in line for line in made.log)


@pytest.mark.parametrize("reference, reason", [
    ("init image", "mixing_reference is init image, and txt2img has none; take previous frame or first frame"),
    ("off", "mixing_reference is off"),
])  # fmt: skip
def test_a_sequence_gives_the_true_reason(fake, reference, reason):
    settings = {"frames": 2, "video_format": "none", "mixing_reference": reference}
    made = fake.generate(mixing=ON, script_name="latent sequence", script_args=[settings])
    assert f"frame: nothing mixed: {reason}" in made.log
    assert all(KEY not in text for text in made.infotexts)


def test_after_a_skipped_first_frame_the_next_one_has_none_to_be_mixed_with(fake, monkeypatch, picture):
    class Once(Stop):
        def process_before_every_sampling(self, p, **more):
            if not p.iteration:
                super().process_before_every_sampling(p)

    monkeypatch.setattr(fake, "others", [Once("skipped")])
    settings = {"frames": 3, "video_format": "none", "mixing_reference": "first frame"}
    more = dict(init_images=[as_base64(picture)], script_name="latent sequence", script_args=[settings])
    made = fake.generate("img2img", ON, **more)
    assert "frame: nothing mixed: mixing_reference is first frame, and none before this one was finished" in made.log
    assert not any("txt2img" in line for line in made.log) and any("frame: Euler" in line for line in made.log)


def test_all_frames_of_a_mixed_sequence_have_the_settings_that_made_it(fake):
    settings = {"frames": 3, "video_format": "none", "mixing_reference": "previous frame"}
    made = fake.generate(mixing=ON, script_name="latent sequence", script_args=[settings])
    assert all(KEY in text and NOT_DONE not in text for text in made.infotexts) and len(made.infotexts) == 4


@pytest.mark.parametrize("mixing, more, reasons", [
    ({"maximum": 0.0, "minimum": 0.0}, {}, ["first pass", "frame: the weight is 0", "frame: the weight is 0"]),
    ({"clamp": 0.0}, {}, ["first pass", "frame: the weight is 0", "frame: the weight is 0"]),
    ({}, {"denoise_seq": 0.0}, ["first pass", *["the frame's denoise is 0: it is not sampled"] * 2]),
    ({}, {"denoise_schedule": "0:(0)"}, ["first pass", *["the frame's denoise is 0: it is not sampled"] * 2]),
])  # fmt: skip
def test_a_sequence_whose_frames_are_not_mixed_claims_nothing(fake, mixing, more, reasons):
    settings = {"frames": 3, "video_format": "none", "mixing_reference": "first frame", **more}
    made = fake.generate(mixing={**ON, **mixing}, script_name="latent sequence", script_args=[settings])
    texts = made.infotexts[1:]  # the grid's first
    assert [KEY in text for text in made.infotexts] == [False] * 4
    assert all(f"{NOT_DONE}{reason}" in text.replace('"', "") for text, reason in zip(texts, reasons)), texts


def test_frames_that_are_mixed_later_have_the_settings_of_their_sequence(fake):
    settings = {"frames": 4, "video_format": "none", "mixing_reference": "first frame"}
    later = {**settings, "denoise_schedule": "0:(0), 2:(0.5)", "values_between": "step"}
    made = fake.generate(mixing=ON, script_name="latent sequence", script_args=[later])
    assert all(KEY in text for text in made.infotexts) and len(made.infotexts) == 5


@pytest.mark.parametrize("strength, is_said", [(0.8, True), (0.5, False), (0.0, False)])
def test_a_hires_denoising_strength_that_is_replaced_is_said(fake, strength, is_said):
    made = fake.generate(mixing={**ON, "hires_denoise": strength}, **HIRES)
    assert ("denoising strength 0.8 in place of 0.5" in made.log[-1]) == is_said
    assert any("denoising strength 0.8, not at the 0.5" in comment for comment in fake.p.comments) == is_said


@pytest.mark.parametrize("args", [[ON, 5], [{"enabled": True, "alpha_1": 1.0}, 0.4]])
def test_arguments_behind_the_object_are_named(fake, args):
    made = fake.generate(mixing=args, **HIRES)
    refused = made.info["extra_generation_params"]["Iterative Mixing refused"]
    assert f"{args[1]} is not allowed behind the object of settings" in refused
    assert made.same_as(fake.generate(**HIRES))


@pytest.mark.parametrize("sampler, is_said", [("DPM adaptive", True), ("UniPC", False), ("Euler", False)])
def test_steps_that_no_page_knows_beforehand_are_told_under_the_picture(fake, sampler, is_said):
    made = fake.generate(mixing={**ON, "hires_denoise": 0.0}, sampler_name=sampler, **HIRES)
    told = [comment for comment in fake.p.comments if "steps, weight" in comment]
    assert "steps, weight" in made.log[-1]
    assert told == ([f"Iterative Mixing: {made.log[-1]}"] if is_said else [])
