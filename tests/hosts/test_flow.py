"""Flow models on Forge and its family: small ones of the shapes of Flux.1, Flux.2 Klein and Wan, made for the tests.

What is the host's own depends on it: Forge knows Flux.1 alone of these, and A1111 none.
"""

from __future__ import annotations

from urllib.parse import urlencode

import numpy as np
import pytest
import torch

from itermix.mixing import curve
from itermix.mixing.settings import MixingSettings
from tests.hosts.sampled import ALL, each, off_by, rescaled, run
from tests.hosts.test_levels import ROUNDED, done, told
from tools import flow_checkpoints
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

ON = {"enabled": True}
ENGINES = {"flux": "flux", "klein": "flux2", "wan": "wan"}  # the host's file for each
WRONG_ON_FLOW = {"DDIM", "DDIM CFG++", "PLMS"}  # and UniPC where it is one of them
HIRES = dict(
    enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.7, steps=4, hr_second_pass_steps=6, hr_cfg=1,
    cfg_scale=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def models(host):
    """The titles of the small models that the host can load, by their short names."""
    if not host.is_forge:
        pytest.skip("the host has no loader for these models")
    list(flow_checkpoints.write(host.data / "models" / "Stable-diffusion"))
    host.post("/sdapi/v1/refresh-checkpoints", {})
    titles = [model["title"] for model in host.get("/sdapi/v1/sd-models")]
    engines = host.tree / "backend" / "diffusion_engine"
    names = [name for name, file in ENGINES.items() if (engines / f"{file}.py").exists()]
    yield {name: next(title for title in titles if f"zz-{name}-small" in title) for name in [*names, "wan-i2v"] if
           any(f"zz-{name}-small" in title for title in titles) and (name != "wan-i2v" or "wan" in names)}  # fmt: skip
    others = [title for title in titles if "zz-" not in title]
    host.generate(override_settings={"sd_model_checkpoint": others[0]}, steps=1)  # that of the other tests again


@pytest.fixture(params=ENGINES)
def model(request, host, models, disarmed):
    """One of the models, loaded."""
    if request.param not in models:
        pytest.skip(f"the host has no {request.param}")
    return load(host, models, request.param)


def load(host, models, name):
    host.post("/sdapi/v1/options", {"sd_model_checkpoint": models[name]})
    host.generate(steps=1, cfg_scale=1)
    return name


def test_mixing_that_is_off_changes_nothing(host, model, picture):
    bodies = [("txt2img", dict(steps=4)), ("img2img", dict(init_images=[as_base64(picture)], denoising_strength=0.7))]
    if model != "wan":
        bodies.append(("txt2img", HIRES))
    before = [host.generate(tab, **body) for tab, body in bodies]
    mixed = [host.generate(tab, ON, **body) for tab, body in bodies[1:]]
    assert all(" steps, weight " in one.log[-1] for one in mixed), [one.log for one in mixed]
    assert not any(a.same_as(b) for a, b in zip(before[1:], mixed))
    for (tab, body), first in zip(bodies, before):
        assert first.same_as(host.generate(tab, {"enabled": False}, **body)), (tab, body)
        assert first.same_as(host.generate(tab, **body)), (tab, body)


def test_every_sampler_is_mixed_in_its_state_or_refused_by_name(host, model, picture):
    """With weight 1 the state is (1 - sigma) z_ref + sigma n at the start of every step."""
    names = [sampler["name"] for sampler in host.get("/sdapi/v1/samplers")]
    wrong = WRONG_ON_FLOW | ({"UniPC"} - rescaled(host))

    def check(name):
        body = dict(steps=6, cfg_scale=1)
        generation, trace = run(host, picture, name, {**ON, **ALL}, body=body, denoiser="gaussian")
        line = generation.log[-1]
        if name in wrong:
            assert "is wrong for flow models in the WebUI itself" in line, line
            return
        assert f"mixed {len(trace.states)}" in line, line
        assert int(trace.arrays["flow"])
        for step, (state, level) in enumerate(zip(trace.states, trace.levels)):
            far = off_by(state, trace.reference(level))
            assert far < 1e-3, f"step {step} is off by {far:.2g}"

    each(names, check)


def test_weight_0_is_bit_identical(host, model, picture):
    for name in ("Euler", "UniPC", "DPM++ 2s a RF"):
        if name in {sampler["name"] for sampler in host.get("/sdapi/v1/samplers")}:
            body = dict(steps=4, cfg_scale=1)
            off, _ = run(host, picture, name, body=body, denoiser="gaussian")
            zero, _ = run(host, picture, name, {**ON, "minimum": 0.0, "maximum": 0.0}, body=body, denoiser="gaussian")
            assert off.same_as(zero), name


@pytest.mark.parametrize("scheduler", ["Automatic", "Simple", "Beta", "Normal"])
def test_the_page_says_what_the_run_does(host, model, picture, scheduler):
    """Of a pass of 128 pixels at a shift of 3: sizes and shifts that the host does not take are no matter."""
    pass_of, tab = ("img2img", "img2img") if model == "wan" else ("hires pass", "txt2img")
    body = dict(width=128, height=128, init_images=[as_base64(picture)], denoising_strength=0.7, steps=8)
    if model != "wan":
        body = {**HIRES, "hr_second_pass_steps": 8, "hr_distilled_cfg": 3.0}
    said = told(host, "Euler", scheduler, 8, 0.7, pass_of, width=128, height=128, shift=3.0)
    host.arm(denoiser="gaussian")
    made = host.generate(tab, ON, scheduler=scheduler, distilled_cfg_scale=3.0, **body)
    assert done(made) == pytest.approx(said, abs=ROUNDED)


def test_the_curves_route_takes_a_flow_models_sigmas(host, model, picture):
    """The weights of the run, from the levels that it went through."""
    host.arm(denoiser="gaussian")
    body = dict(init_images=[as_base64(picture)], denoising_strength=0.8, steps=6, cfg_scale=1)
    made = host.generate("img2img", ON, **body)
    levels = host.trace()["levels"]
    sigmas = ",".join(f"{level:.9g}" for level in levels)
    weights = host.get(f"/itermix/v1/curve?{urlencode(dict(sigmas=sigmas))}")["weights"]
    mixed = [weight for weight in weights if weight]
    assert (mixed[0], mixed[-1]) == pytest.approx(done(made)[2:], abs=ROUNDED)


def test_an_uploaded_reference_is_encoded_at_the_models_own_size(host, model, picture):
    """And is the same latent as the picture has in img2img; Wan's is mixed into every frame."""
    host.arm(denoiser="gaussian")
    mixing = {**ON, **ALL, "reference_image": as_base64(picture), "passes": "all"}
    body = dict(steps=3, cfg_scale=1, batch_size=5 if model == "wan" else 1)  # Wan: frames, of which 5 are 2 latents
    made = host.generate(mixing=mixing, **body)
    trace = host.trace()
    assert "reference: uploaded image, mixed 3 of 3" in made.log[-1], made.log
    host.generate("img2img", init_images=[as_base64(picture)], denoising_strength=0.5, steps=2, cfg_scale=1)
    z_ref = host.trace()["z_ref"]
    assert trace["evaluations"].shape[1:] == trace["noise"].shape
    for state, level in zip(trace["evaluations"], trace["levels"]):
        assert off_by(state, (1 - level) * z_ref + level * trace["noise"]) < 1e-3
    if model == "wan":
        assert trace["noise"].shape[2] == 2


def test_a_start_image_of_wan_is_no_reference(host, models, picture):
    if "wan-i2v" not in models:
        pytest.skip("the host has no Wan")
    load(host, models, "wan-i2v")
    host.arm(denoiser="gaussian")
    body = dict(init_images=[as_base64(picture)], denoising_strength=1.0, steps=3, batch_size=5, cfg_scale=1)
    mixed = host.generate("img2img", ON, **body)
    assert "the init latent holds no picture" in mixed.log[-1], mixed.log
    assert mixed.same_as(host.generate("img2img", **body))


def test_a_picture_is_the_same_alone_and_in_a_batch(host, model):
    if model == "wan":
        pytest.skip("the batch size of Wan is its number of frames")
    host.arm(denoiser="gaussian")
    both = host.generate(mixing=ON, batch_size=2, seed=7, **HIRES)
    batch = host.trace()["final"]
    host.generate(mixing=ON, seed=8, **HIRES)
    assert "mixed" in both.log[-1]
    assert off_by(host.trace()["final"][0], batch[1]) < 1e-2  # the first pass went through a picture of 8 bits
    assert np.abs(batch[0] - batch[1]).mean() > 0.1


def test_the_defaults_let_go_at_the_end(host, model):
    asked = dict(sampler="Euler", scheduler="Simple", steps=20, strength=0.7, of="img2img")
    said = host.get(f"/itermix/v1/levels?{urlencode(asked)}")
    weights = curve.weights(MixingSettings(), said["steps"], torch.tensor(said["progress"], dtype=torch.float64))
    assert [weight for weight in weights.tolist() if weight][-1] < 0.1
