"""Beside what Forge Neo itself does to a pass: each of its features once, with the state as it has to be.

On small models, and a host of its own, as some features are shown by an option alone.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hosts.sampled import ALL, off_by
from tools import checkpoints
from tools.real_host import Host, as_base64

pytestmark = pytest.mark.real_host

ON = {"enabled": True, **ALL}
SHOWN = {"show_rescale_cfg": True, "show_mahiro": True}
SPECTRUM = "spectrum integrated"
FIRST, SECOND = "zz-flux-small", "zz-flux-other"
HIRES = dict(
    enable_hr=True, hr_scale=2, hr_upscaler="None", denoising_strength=0.7, steps=3, hr_second_pass_steps=6, hr_cfg=3,
    cfg_scale=3, negative_prompt="grey",
)  # fmt: skip


def script(title, *args):
    return {"alwayson_scripts": {title: {"args": list(args)}}}


FEATURES = {
    "hires CFG": dict(hr_cfg=6),
    "distilled CFG": dict(hr_distilled_cfg=9.0),
    "a prompt with AND": dict(prompt="a cat AND a lake:0.7"),
    "MaHiRo": script("MaHiRo", True),
    "another sampler of the hires pass": dict(hr_sampler_name="DPM++ 2M"),
    "another schedule of the hires pass": dict(hr_scheduler="Beta"),
    "more steps of the hires pass": dict(hr_second_pass_steps=8),
}


@pytest.fixture(scope="module")
def neo(tmp_path_factory):
    tree = Path(os.environ["ITERMIX_HOST"]).resolve()
    if not (tree / "modules_forge" / "presets.py").exists():
        pytest.skip("the host is not Forge Neo")
    data = tmp_path_factory.mktemp("neo")
    running = Host(tree, data, options=SHOWN)
    models = running.data / "models" / "Stable-diffusion"
    list(checkpoints.write(models))
    shutil.copy(models / f"{FIRST}.safetensors", models / f"{SECOND}.safetensors")
    running.post("/sdapi/v1/refresh-checkpoints", {})
    running.post("/sdapi/v1/options", {"sd_model_checkpoint": title(running, FIRST)})
    running.generate(steps=1)
    yield running
    running.stop()


def title(host, name):
    return next(model["title"] for model in host.get("/sdapi/v1/sd-models") if name in model["title"])


def mixed(host, tab="txt2img", **body):
    """A run of weight 1 at every step: the state is the noised reference at each, whatever is done to predictions."""
    host.arm(watch=True)
    made = host.generate(tab, ON, **body)
    trace = host.trace()
    assert f"mixed {len(trace['levels'])} of {len(trace['levels'])} steps" in made.log[-1], made.log
    for step, (state, level) in enumerate(zip(trace["evaluations"], trace["levels"])):
        signal = 1 - level if int(trace["flow"]) else 1.0
        far = off_by(state, signal * trace["z_ref"] + level * trace["noise"])
        assert far < 1e-3, f"step {step} is off by {far:.2g}"
    return made, trace


@pytest.fixture(scope="module")
def plain(neo):
    return mixed(neo, **HIRES)


@pytest.mark.parametrize("name", FEATURES)
def test_a_hires_pass_with_a_feature_is_mixed_in_its_state(neo, plain, name):
    made, trace = mixed(neo, **{**HIRES, **FEATURES[name]})
    steps = FEATURES[name].get("hr_second_pass_steps", 6)
    assert len(trace["levels"]) == steps
    if steps == 6:  # more of them show in the trace alone, with weight 1
        assert not made.same_as(plain[0]), f"{name} has done nothing"


def of(picture):
    """An img2img request at 128 pixels."""
    return dict(
        init_images=[as_base64(picture)], width=128, height=128, denoising_strength=0.8, steps=6, cfg_scale=7,
        negative_prompt="grey",
    )  # fmt: skip


@pytest.mark.parametrize("feature", [
    script("RescaleCFG", 0.7),
    script("MultiDiffusion Integrated", True, "MultiDiffusion", 64, 64, 16, 1),
    script("MultiDiffusion Integrated", True, "Mixture of Diffusers", 64, 64, 16, 1),
], ids=["RescaleCFG", "MultiDiffusion", "Mixture of Diffusers"])  # fmt: skip
def test_img2img_with_a_feature_that_the_host_keeps_out_of_hires_passes(neo, picture, feature):
    off, _ = mixed(neo, "img2img", **of(picture))
    on, _ = mixed(neo, "img2img", **of(picture), **feature)
    assert not on.same_as(off)


def test_skip_early_cfg(neo, plain):
    made = with_option(neo, "skip_early_cond", 0.5, 0.0, **HIRES)
    assert "Skip Early CFG: 0.5" in made.infotexts[0]
    assert not made.same_as(plain[0])


def with_option(neo, name, value, usual, **body):
    """A mixed run with an option of the host's: what a request overrides stays overridden here."""
    neo.post("/sdapi/v1/options", {name: value})
    try:
        return mixed(neo, **body)[0]
    finally:
        neo.post("/sdapi/v1/options", {name: usual})


@pytest.fixture
def with_model(neo):
    """Loads another model for one test."""
    yield lambda name: neo.post("/sdapi/v1/options", {"sd_model_checkpoint": title(neo, name)})
    neo.post("/sdapi/v1/options", {"sd_model_checkpoint": title(neo, FIRST)})
    neo.generate(steps=1)


def test_epsilon_scaling(neo, with_model):
    """Of models that predict noise alone."""
    with_model("zz-sdxl-small")
    off, _ = mixed(neo, **HIRES)
    made = with_option(neo, "scaling_factor", 1.05, 1.0, **HIRES)
    assert "eps_scaling_factor: 1.05" in made.infotexts[0]
    assert not made.same_as(off)


def test_spectrum_at_steps_whose_prediction_it_makes_of_those_before(neo):
    """Of the hires pass's 6 steps the third, fourth and last."""
    if SPECTRUM not in neo.get("/sdapi/v1/scripts")["txt2img"]:
        pytest.skip("the host has no Spectrum")
    weighting, degree, ridge, window, growth, warm_up, stop = 0.25, 2, 0.5, 3, 0.0, 2, 1.0
    on = script(SPECTRUM, True, weighting, degree, ridge, window, growth, warm_up, stop)
    body = {**HIRES, "steps": 6}
    off, _ = mixed(neo, **body)
    made, trace = mixed(neo, **body, **on)
    assert "spec_window_size: 3" in made.infotexts[0] and len(trace["levels"]) == 6
    assert not made.same_as(off)


def test_what_pid_is_given_as_init_latent_is_no_reference(neo, with_model, picture):
    """It decodes a latent by sampling pixels, and gets noise of the picture's size in the init latent's place."""
    with_model("zz-pid-small")
    body = dict(init_images=[as_base64(picture)], denoising_strength=0.3, steps=3, cfg_scale=1)
    on = neo.generate("img2img", {"enabled": True}, **body)
    assert "the init latent holds no picture" in on.log[-1] and "PiD" in on.log[-1], on.log
    assert on.same_as(neo.generate("img2img", **body)) and on.pictures[0].std() > 1


def test_another_checkpoint_of_the_hires_pass(neo, plain):
    mark = len(neo.log)
    made, _ = mixed(neo, **HIRES, hr_checkpoint_name=title(neo, SECOND))
    assert f"{SECOND}.safetensors" in neo.log[mark:]
    assert made.same_as(plain[0])  # it has the same weights


def test_a_refiner(neo, picture):
    """It takes another model in the middle of a pass."""
    off, _ = mixed(neo, "img2img", **of(picture))
    mark = len(neo.log)
    asked = dict(refiner_checkpoint=title(neo, SECOND), refiner_switch_at=0.5)
    on, _ = mixed(neo, "img2img", **of(picture), **asked)
    assert f"{SECOND}.safetensors" in neo.log[mark:]
    assert f"Refiner: {SECOND}" in on.infotexts[0]
    assert on.same_as(off)  # it has the same weights


def test_soft_inpainting_keeps_the_state_where_the_mask_is_0(neo, picture):
    mask = np.zeros((64, 64), np.uint8)
    mask[24:40, 24:40] = 255
    body = dict(
        init_images=[as_base64(picture)], mask=as_base64(Image.fromarray(mask)), mask_blur=2, inpainting_fill=1,
        inpaint_full_res=False, denoising_strength=0.9, steps=6, cfg_scale=3,
        **script("Soft Inpainting", True, 1, 0.5, 4, 0, 0.5, 2),
    )  # fmt: skip
    neo.arm(watch=True)
    neo.generate("img2img", **body)
    off = neo.trace()
    made = neo.generate("img2img", {"enabled": True}, **body)
    on = neo.trace()
    assert " steps, weight " in made.log[-1], made.log
    kept = on["nmask"].reshape(-1, 8, 8)[0] == 0
    assert 0 < kept.sum() < 64
    for a, b in zip(off["evaluations"], on["evaluations"]):
        assert np.allclose(a[..., kept], b[..., kept], atol=1e-5)
    assert not np.allclose(off["evaluations"][-1][..., ~kept], on["evaluations"][-1][..., ~kept], atol=1e-2)


def test_a_sequence_with_unsample(neo):
    """A flow model sampled backwards and down again."""
    plan = {"frames": 3, "prompts": "0: a rose\n2: a lake", "unsample": True, "mixing_reference": "first frame"}
    made = neo.generate(
        mixing={"enabled": True}, script_name="latent sequence", script_args=[plan], steps=5, cfg_scale=1
    )
    assert any("3 of 3 frames" in line for line in made.log), made.log
    frames = made.pictures[-3:]
    assert all(frame.std() > 1 for frame in frames)
    assert not any(np.array_equal(a, b) for a, b in zip(frames, frames[1:]))
