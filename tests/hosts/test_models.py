"""Every model that the host loads: its own one of the other tests, and small ones of the shapes that people run.

Forge knows some of these, and A1111 none but its own.
"""

from __future__ import annotations

import shutil
from urllib.parse import urlencode

import numpy as np
import pytest
import torch

from itermix.mixing import curve
from itermix.mixing.settings import MixingSettings
from tests.hosts.of_models import STABLE_DIFFUSION, load
from tests.hosts.sampled import ALL, TIMESTEP_SAMPLERS, check_response, each, off_by, rescaled, run
from tests.hosts.test_levels import ROUNDED, done, told
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

ON = {"enabled": True}
has_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="Forge Neo writes videos with ffmpeg")
WRONG_ON_FLOW = {"DDIM", "DDIM CFG++", "PLMS"}  # and UniPC where it is one of them
FOR_FLOW = {"DPM++ 2s a RF"}
REFUSED = ("is wrong for flow models in the WebUI itself", "is for flow models")
HIRES = dict(
    enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.7, steps=4, hr_second_pass_steps=6, hr_cfg=1,
    cfg_scale=1,
)  # fmt: skip


def refused(host, model):
    """The names of the samplers that itermix leaves alone on this model."""
    return FOR_FLOW if model in STABLE_DIFFUSION else WRONG_ON_FLOW | ({"UniPC"} - rescaled(host))


def noised(trace, z_ref, level):
    """The reference at a level."""
    return (1 - level if int(trace["flow"]) else 1.0) * z_ref + level * trace["noise"]


def test_mixing_that_is_off_changes_nothing(host, model, picture, record_testsuite_property):
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
    checked(record_testsuite_property, model, "off", "bit-identical")


CHECKS = {}


def checked(record, model, name, found):
    """Keeps what was found of a model for the record: tools/hosts.py reads it."""
    CHECKS.setdefault(model, {})[name] = found
    record(f"check: {model}", ", ".join(f"{name} {found}" for name, found in CHECKS[model].items()))


def test_every_sampler_is_mixed_in_its_state_or_refused_by_name(host, model, picture, record_testsuite_property):
    """With weight 1 the state is the noised reference, a(sigma) z_ref + sigma n, at the start of every step."""
    names = [sampler["name"] for sampler in host.get("/sdapi/v1/samplers")]
    wrong = refused(host, model)
    errors = dict.fromkeys(names, "refused")

    def check(name):
        body = dict(steps=6, cfg_scale=1)
        generation, trace = run(host, picture, name, {**ON, **ALL}, body=body, denoiser="gaussian")
        line = generation.log[-1]
        if name in wrong:
            assert any(reason in line for reason in REFUSED), line
            return
        assert f"mixed {len(trace.states)}" in line, line
        assert bool(trace.arrays["flow"]) == (model not in STABLE_DIFFUSION)
        far = [off_by(state, trace.reference(level)) for state, level in zip(trace.states, trace.levels)]
        if trace.name in TIMESTEP_SAMPLERS:  # whose first state is noisier than its timestep says
            far = far[1:]
        errors[name] = f"{max(far):.0e}"
        assert max(far) < 1e-3, f"step {np.argmax(far)} is off by {max(far):.2g}"

    each(names, check)
    told = ", ".join(f"{name} {error}" for name, error in errors.items())
    record_testsuite_property(f"state error: {model}", told)  # tools/hosts.py keeps it


def test_a_change_at_a_step_moves_on_by_the_samplers_own_transition_factors(
    host, model, picture, record_testsuite_property
):
    left_out, errors = refused(host, model), {}

    def check(name):
        errors[name] = f"{check_response(host, picture, name, dict(steps=6, cfg_scale=1)):.0e}"

    names = [sampler["name"] for sampler in host.get("/sdapi/v1/samplers") if sampler["name"] not in left_out]
    each(names, check)
    told = ", ".join(f"{name} {error}" for name, error in errors.items())
    record_testsuite_property(f"response error: {model}", told)


def test_weight_0_is_bit_identical(host, model, picture):
    for name in ("Euler", "UniPC", "DPM++ 2s a RF"):
        if name in {sampler["name"] for sampler in host.get("/sdapi/v1/samplers")} - refused(host, model):
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


def test_the_curves_route_takes_the_models_sigmas(host, model, picture):
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
        assert off_by(state, noised(trace, z_ref, level)) < 1e-3


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
        assert off_by(state, noised(trace, z_ref, level)) < 1e-3


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


def test_a_picture_is_the_same_alone_and_in_a_batch(host, model, picture, record_testsuite_property):
    if model == "wan":
        pytest.skip("the batch size of Wan is its number of frames")
    tab, body = "txt2img", HIRES
    if model == "qwen":  # of a batch the host's hires pass enlarges the first picture alone
        tab, body = "img2img", dict(init_images=[as_base64(picture)], denoising_strength=0.8, steps=6, cfg_scale=1)
    host.arm(denoiser="gaussian")
    both = host.generate(tab, ON, batch_size=2, seed=7, **body)
    batch = host.trace()["final"]
    host.generate(tab, ON, seed=8, **body)
    assert "mixed" in both.log[-1]
    far = off_by(host.trace()["final"][0], batch[1])
    assert far < 1e-2  # the first pass went through a picture of 8 bits
    assert np.abs(batch[0] - batch[1]).mean() > 0.1
    checked(record_testsuite_property, model, "a batch's picture less the same alone", f"{far:.0e}")


@pytest.mark.parametrize("source", ["pixel", "both"])
def test_iterative_upscale_enlarges_each_models_pictures(host, model, source):
    """Those with latents of videos decode a picture as a film of one frame."""
    host.arm(denoiser="gaussian")
    batch = 1 if model == "wan" else 2
    settings = {"factor": 2, "reference": source}
    made = host.generate(
        script_name="iterative upscale", script_args=[settings], steps=3, cfg_scale=1, batch_size=batch
    )
    assert f"reference: upscaled picture, {source}, mixed" in made.log[-1], made.log
    assert [one.shape for one in made.pictures[-batch:]] == [(128, 128, 3)] * batch
    assert host.trace()["z_ref"].shape[0] == batch


def test_the_defaults_let_go_at_the_end(host, model):
    asked = dict(sampler="Euler", scheduler="Simple", steps=20, strength=0.7, of="img2img")
    said = host.get(f"/itermix/v1/levels?{urlencode(asked)}")
    weights = curve.weights(MixingSettings(), said["steps"], torch.tensor(said["progress"], dtype=torch.float64))
    assert [weight for weight in weights.tolist() if weight][-1] < 0.1
