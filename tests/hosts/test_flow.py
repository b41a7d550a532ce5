"""Flow models on Forge and its family: small ones of the shapes of Flux.1, Flux.2 Klein and Wan, made for the tests.

What is the host's own depends on it: Forge knows Flux.1 alone of these, and A1111 none.
"""

from __future__ import annotations

import shutil
from urllib.parse import urlencode

import numpy as np
import pytest
import torch

from itermix.mixing import curve
from itermix.mixing.settings import MixingSettings
from tests.hosts.sampled import ALL, check_response, each, off_by, rescaled, run
from tests.hosts.test_levels import ROUNDED, done, told
from tools import checkpoints
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

ON = {"enabled": True}
ENGINES = {"flux": "flux", "klein": "flux2", "wan": "wan"}  # the host's file for each
has_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="Forge Neo writes videos with ffmpeg")
WRONG_ON_FLOW = {"DDIM", "DDIM CFG++", "PLMS"}  # and UniPC where it is one of them
PLAIN = {"klein": {"klein_no_reference": True}}  # else it edits the init image, and the one of the run before
HIRES = dict(
    enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.7, steps=4, hr_second_pass_steps=6, hr_cfg=1,
    cfg_scale=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def models(host):
    """The titles of the small models that the host can load, by their short names."""
    if not host.is_forge:
        pytest.skip("the host has no loader for these models")
    list(checkpoints.write(host.data / "models" / "Stable-diffusion"))
    host.post("/sdapi/v1/refresh-checkpoints", {})
    titles = [model["title"] for model in host.get("/sdapi/v1/sd-models")]
    engines = host.tree / "backend" / "diffusion_engine"
    names = [name for name, file in ENGINES.items() if (engines / f"{file}.py").exists()]
    names += ["wan-i2v"] if "wan" in names else []
    yield {name: next(title for title in titles if f"zz-{name}-small" in title) for name in names}
    others = [title for title in titles if "zz-" not in title]
    host.post("/sdapi/v1/options", {"sd_model_checkpoint": others[0], "klein_no_reference": False})
    host.generate(steps=1)  # with the model of the other tests again


@pytest.fixture(scope="module", params=ENGINES)
def model(request, host, models):
    """One of the models, loaded."""
    if request.param not in models:
        pytest.skip(f"the host has no {request.param}")
    return load(host, models, request.param)


def load(host, models, name):
    host.post("/sdapi/v1/options", {"sd_model_checkpoint": models[name], **PLAIN.get(name, {})})
    if name != "wan-i2v":  # which makes nothing without a picture
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


def test_every_sampler_is_mixed_in_its_state_or_refused_by_name(host, model, picture, record_testsuite_property):
    """With weight 1 the state is (1 - sigma) z_ref + sigma n at the start of every step."""
    names = [sampler["name"] for sampler in host.get("/sdapi/v1/samplers")]
    wrong = WRONG_ON_FLOW | ({"UniPC"} - rescaled(host))
    errors = dict.fromkeys(names, "refused")

    def check(name):
        body = dict(steps=6, cfg_scale=1)
        generation, trace = run(host, picture, name, {**ON, **ALL}, body=body, denoiser="gaussian")
        line = generation.log[-1]
        if name in wrong:
            assert "is wrong for flow models in the WebUI itself" in line, line
            return
        assert f"mixed {len(trace.states)}" in line, line
        assert int(trace.arrays["flow"])
        far = [off_by(state, trace.reference(level)) for state, level in zip(trace.states, trace.levels)]
        errors[name] = f"{max(far):.0e}"
        assert max(far) < 1e-3, f"step {np.argmax(far)} is off by {max(far):.2g}"

    each(names, check)
    told = ", ".join(f"{name} {error}" for name, error in errors.items())
    record_testsuite_property(f"state error: {model}", told)  # tools/hosts.py keeps it


def test_a_change_at_a_step_moves_on_by_the_samplers_own_transition_factors(host, model, picture):
    """On one model: it is the samplers' arithmetic."""
    if model != "flux":
        pytest.skip("as Flux.1's")
    refused = WRONG_ON_FLOW | ({"UniPC"} - rescaled(host))
    names = [sampler["name"] for sampler in host.get("/sdapi/v1/samplers") if sampler["name"] not in refused]
    each(names, lambda name: check_response(host, picture, name, dict(steps=6, cfg_scale=1)))


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
    """And is the same latent as the picture has in img2img."""
    trace = with_upload(host, picture)
    z_ref = encoded(host, picture)
    assert z_ref.shape == trace["noise"].shape
    for state, level in zip(trace["evaluations"], trace["levels"]):
        assert off_by(state, (1 - level) * z_ref + level * trace["noise"]) < 1e-3


@has_ffmpeg
def test_a_video_is_mixed_as_one_state(host, model, picture):
    """The upload is the reference of every frame. 5 frames are 2 of the latent."""
    if model != "wan":
        pytest.skip("pictures alone")
    trace = with_upload(host, picture, batch_size=5)
    z_ref = encoded(host, picture)
    assert trace["noise"].shape[2] == 2 and z_ref.shape[2] == 1
    for state, level in zip(trace["evaluations"], trace["levels"]):
        assert state.shape == trace["noise"].shape
        assert off_by(state, (1 - level) * z_ref + level * trace["noise"]) < 1e-3


def with_upload(host, picture, **body):
    """The trace of a txt2img run of weight 1 with this picture as its reference."""
    host.arm(denoiser="gaussian")
    mixing = {**ON, **ALL, "reference_image": as_base64(picture), "passes": "all"}
    made = host.generate(mixing=mixing, steps=3, cfg_scale=1, **body)
    assert "reference: uploaded image, mixed 3 of 3" in made.log[-1], made.log
    return host.trace()


def encoded(host, picture):
    """The latent that img2img begins with."""
    host.generate("img2img", init_images=[as_base64(picture)], denoising_strength=0.5, steps=2, cfg_scale=1)
    return host.trace()["z_ref"]


@has_ffmpeg
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
