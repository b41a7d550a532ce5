"""Another extension makes pictures of its own, with the same scripts, in the middle of a run (as ADetailer does)."""

from __future__ import annotations

import copy

import pytest
from PIL import Image

from tests.webui import fake_samplers
from tools.real_host import as_base64

RED, BLUE = (as_base64(Image.new("RGB", (64, 64), colour)) for colour in ("red", "blue"))
HIRES = {"enable_hr": True, "denoising_strength": 0.5}
OUTER = {
    "hires fix": ({"enabled": True}, HIRES),
    "hires fix in phases": ({"enabled": True, "hires_phases": 0}, {**HIRES, "hr_scale": 3.0}),
    "nothing to mix": ({"enabled": True}, {}),
    "an upload": ({"reference": "uploaded image", "reference_image": RED}, HIRES),
    "off": ({"enabled": False}, HIRES),
}
INNER = {
    "the same": ..., "off": {"enabled": False}, "none": None, "refused": {"alpha_1": "x"}, "another": {"alpha_1": 2.0},
    "an upload": {"reference": "uploaded image", "reference_image": BLUE},
}  # fmt: skip


class Detailer:
    """Goes over each finished picture by img2img. mixing: what its own runs are given."""

    def __init__(self, fake, mixing, **body):
        self.fake, self.mixing, self.body, self.runs = fake, mixing, body, 0
        self.is_within = False

    def title(self):
        return "Detailer"

    def postprocess_image(self, p, pp, *args):
        from tests.webui.fake_processing import process_images

        if self.is_within:
            return
        self.is_within, self.runs = True, self.runs + 1
        body = {"init_images": [as_base64(pp.image)], "denoising_strength": 0.4, **self.body}
        try:
            process_images(self.fake.processing("img2img", self.mixing, **body))
        finally:
            self.is_within = False


class Copier:
    """Makes another picture beside each finished one, by a copy of the request under way."""

    def __init__(self):
        self.copies, self.pictures = [], []
        self.is_within = False

    def title(self):
        return "Copier"

    def postprocess_image(self, p, pp, *args):
        if not self.is_within:
            self.is_within = True
            self.copies.append(copy.copy(p))
            self.pictures.append(self.made_of(self.copies[-1]))
            self.is_within = False

    @staticmethod
    def made_of(p):
        from tests.webui.fake_processing import process_images

        p.n_iter, p.seed, p.prompt, p.extra_generation_params = 1, 5, "a dog", {}
        return process_images(p).images[0].tobytes()


@pytest.fixture
def beside(fake):
    """A run of two batches with a detailer at its side, which has seen both."""
    fake.arm()

    def run(detailer, mixing, body):
        fake.others = [detailer]
        try:
            made = fake.generate(mixing=mixing, n_iter=2, **body)
        finally:
            fake.others = []
        assert detailer.runs == 2
        return made

    return run


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("outer", OUTER)
def test_a_run_goes_on_as_it_was_when_another_was_made_within_it(fake, beside, outer, inner):
    mixing, body = OUTER[outer]
    alone = fake.generate(mixing=mixing, n_iter=2, **body)
    made = beside(Detailer(fake, mixing if INNER[inner] is ... else INNER[inner]), mixing, body)
    assert made.same_as(alone) and made.infotexts == alone.infotexts


def test_a_reference_is_its_own_when_a_run_within_was_broken_off(fake, beside, monkeypatch):
    """Of the same size, and encoded when the sampler fails: nobody is told of the end of that run."""

    def sample_euler(model, x, sigmas, extra_args=None, callback=None, disable=None):
        raise RuntimeError("out of memory")

    monkeypatch.setitem(fake_samplers.SAMPLERS, "Broken", sample_euler)
    outer = {"reference": "uploaded image", "reference_image": RED}
    alone = fake.generate(mixing=outer, n_iter=2, **HIRES)
    inner = {"reference": "uploaded image", "reference_image": BLUE}
    detailer = Detailer(fake, inner, sampler_name="Broken", width=128, height=128)
    assert beside(detailer, outer, HIRES).same_as(alone)


@pytest.mark.parametrize("script, settings", [
    ("latent sequence", {"frames": 3, "prompts": "0: a cat\n2: a dog", "video_format": "none"}),
    ("iterative upscale", {"factor": 3.0}),
])  # fmt: skip
@pytest.mark.parametrize("mixing", [{"enabled": True}, {"enabled": False}], ids=["mixed", "plain"])
def test_scripts_go_on_as_they_were(fake, script, settings, mixing):
    fake.arm()
    body = dict(script_name=script, script_args=[settings], mixing=mixing, n_iter=2)
    alone = fake.generate(**body)
    for inner in ({"enabled": False}, {"alpha_1": 2.0}):
        fake.others = [Detailer(fake, inner)]
        try:
            made = fake.generate(**body)
        finally:
            fake.others = []
        assert made.same_as(alone) and made.infotexts == alone.infotexts


@pytest.mark.parametrize("body", [
    dict(script_name="latent sequence", script_args=[{"frames": 3, "video_format": "none"}]),
    dict(script_name="iterative upscale", script_args=[{"factor": 3.0}]),
    dict(mixing={"enabled": True, "hires_phases": 0}, **{**HIRES, "hr_scale": 3.0}),
], ids=["sequence", "upscale", "phases"])  # fmt: skip
def test_a_copy_of_the_request_under_way_makes_a_picture_of_its_own(fake, body):
    fake.arm()
    alone, copier = fake.generate(n_iter=2, **body), Copier()
    fake.others = [copier]
    try:
        made = fake.generate(n_iter=2, **body)
    finally:
        fake.others = []
    assert made.same_as(alone) and made.infotexts == alone.infotexts
    copier.is_within = True
    later = [copier.made_of(one) for one in copier.copies]  # and is used again when all is over
    assert later and len({*copier.pictures, *later}) == 1
