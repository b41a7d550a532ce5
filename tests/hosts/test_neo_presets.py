"""Forge Neo's own preset of every kind of model with our defaults: the run is what the page says, and lets go."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
import torch

from itermix.mixing import curve
from itermix.mixing.settings import MixingSettings
from tests.hosts.test_levels import ROUNDED, done, told
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

PRESETS = {  # the host's names; it has none of Chroma's own
    "sd15": "sd", "sdxl": "xl", "flux": "flux", "chroma": "flux", "klein": "klein", "qwen": "qwen", "lumina": "lumina",
    "zimage": "zit", "wan": "wan", "anima": "anima", "ernie": "ernie", "krea": "krea",
}  # fmt: skip
SIZE = dict(width=128, height=128)  # of the pass
LET_GO, ROOM, MORE_ROOM = 0.1, 0.75, 0.6
NEAR_0 = 0.05  # of sigma


@pytest.fixture
def preset(host, model):
    """Sampler, schedule, steps, CFG and shift of the pass that is mixed."""
    options = host.get("/sdapi/v1/options")
    tab = "i2i" if model == "wan" else "t2i"

    def value(name):
        return options.get(f"{PRESETS[model]}_{tab}_{name}")

    if value("sampler") is None:
        pytest.skip("the host has no presets")
    pass_of = "" if model == "wan" else "hr_"
    return value("sampler"), value("scheduler"), *(value(f"{pass_of}{name}") for name in ("step", "cfg", "dcfg"))


def body_of(model, preset, picture):
    """(tab, request)"""
    sampler, scheduler, steps, cfg, shift = preset
    body = dict(sampler_name=sampler, scheduler=scheduler, denoising_strength=0.7, **SIZE)
    if model == "wan":
        return "img2img", {**body, "steps": steps, "cfg_scale": cfg, "distilled_cfg_scale": shift,
                           "init_images": [as_base64(picture)]}  # fmt: skip
    body.update(width=64, height=64, steps=1, cfg_scale=cfg, enable_hr=True, hr_scale=2, hr_upscaler="Latent")
    return "txt2img", {**body, "hr_second_pass_steps": steps, "hr_cfg": cfg, "hr_distilled_cfg": shift or 3.0,
                       "distilled_cfg_scale": shift or 3.0}  # fmt: skip


def test_the_page_says_what_the_presets_pass_does_and_it_lets_go(host, model, preset, picture):
    sampler, scheduler, steps, _, shift = preset
    pass_of = "img2img" if model == "wan" else "hires pass"
    more = {**SIZE, **({"shift": shift} if shift else {})}
    said = told(host, sampler, scheduler, steps, 0.7, pass_of, **more)
    host.arm(denoiser="gaussian")
    tab, body = body_of(model, preset, picture)
    made = host.generate(tab, {"enabled": True}, **body)
    assert done(made) == pytest.approx(said, abs=ROUNDED)
    assert 0.0 < done(made)[3] < LET_GO
    asked = dict(sampler=sampler, scheduler=scheduler, steps=steps, strength=0.7, of=pass_of, **more)
    progress = torch.tensor(host.get(f"/itermix/v1/levels?{urlencode(asked)}")["progress"], dtype=torch.float64)
    mean = float(curve.weights(MixingSettings(), len(progress), progress).mean())
    levels = host.trace()["levels"]
    assert mean <= (MORE_ROOM if len(levels) >= 20 and levels[-1] < NEAR_0 else ROOM)
    print(f"\n{model}: {sampler}, {scheduler}, {steps}: {said[2]:.2f} to {said[3]:.2f} ({mean:.2f})")
