"""What the page says before a run is what the run then does, for the host's own samplers and schedules."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
import torch

from itermix.mixing import curve
from itermix.mixing.settings import MixingSettings
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

ROUNDED = 5e-4 + 1e-9  # of the run's line, which has three digits
SAMPLERS = [
    ("Euler", "Automatic"), ("Euler", "Karras"), ("Euler", "Exponential"), ("Euler", "Polyexponential"),
    ("Euler", "SGM Uniform"), ("Euler", "Simple"), ("Euler", "Normal"), ("Euler", "Beta"), ("Heun", "Karras"),
    ("DPM2", "Automatic"), ("DPM++ 2M", "Automatic"), ("LMS", "Uniform"), ("DDIM", "Automatic"), ("PLMS", "Automatic"),
    ("UniPC", "Automatic"), ("DPM fast", "Karras"),
]  # fmt: skip
LINE = re.compile(r"(?:mixed (\d+) of (\d+) steps, )weight ([\d.]+) to ([\d.]+)")


def offered(host, sampler):
    """Skips the test where the host has no such sampler."""
    if sampler not in {each["name"] for each in host.get("/sdapi/v1/samplers")}:
        pytest.skip(f"the host has no {sampler}")


def told(host, sampler, scheduler, steps, strength, of, **more):
    """(mixed steps, all steps, first weight, last weight), as the page has it from the route."""
    asked = dict(sampler=sampler, scheduler=scheduler, steps=steps, strength=strength, of=of, **more)
    levels = host.get(f"/itermix/v1/levels?{urlencode(asked)}")
    progress = torch.tensor(levels["progress"], dtype=torch.float64)
    weights = [weight for weight in curve.weights(MixingSettings(), levels["steps"], progress).tolist() if weight]
    return len(weights), levels["steps"], weights[0], weights[-1]


def done(generation):
    """The same, as the run's own line has it."""
    found = next(found for line in generation.log if (found := LINE.search(line)))
    return int(found[1]), int(found[2]), float(found[3]), float(found[4])


@pytest.mark.parametrize("sampler, scheduler", SAMPLERS)
def test_a_hires_pass_is_what_the_page_said(host, sampler, scheduler):
    offered(host, sampler)
    host.arm(network="gaussian")
    before = told(host, sampler, scheduler, 10, 0.7, "hires pass")
    run = host.generate(
        mixing={"enabled": True}, enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.7, steps=4,
        hr_second_pass_steps=10, sampler_name=sampler, scheduler=scheduler,
    )  # fmt: skip
    assert done(run) == pytest.approx(before, abs=ROUNDED)


@pytest.mark.parametrize(
    "sampler, scheduler",
    [("Euler", "Karras"), ("DPM++ 2M", "Exponential"), ("DDIM", "Automatic"), ("UniPC", "Automatic"),
     ("DPM fast", "Automatic")],
)  # fmt: skip
def test_img2img_is_what_the_page_said(host, picture, sampler, scheduler):
    offered(host, sampler)
    host.arm(network="gaussian")
    before = told(host, sampler, scheduler, 20, 0.7, "img2img")
    run = host.generate(
        "img2img", mixing={"enabled": True}, init_images=[as_base64(picture)], denoising_strength=0.7, steps=20,
        sampler_name=sampler, scheduler=scheduler,
    )  # fmt: skip
    assert done(run) == pytest.approx(before, abs=ROUNDED)
