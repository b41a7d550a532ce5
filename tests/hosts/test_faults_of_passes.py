"""Faults where a pass has a mask, Perlin noise, goes back, or is made in phases, and in Iterative Upscale.

As in `test_faults_on_a_host.py`: the picture or the host's own error comes out, nothing is left, the next is right.
"""

from __future__ import annotations

import urllib.error

import numpy as np
import pytest
from PIL import Image

from tests.hosts.faults import (  # noqa: F401
    HIRES,
    ON,
    STEPS,
    TEXT,
    WEBUI,
    break_at,
    calls,
    disturb,
    nothing_is_left,
    right,
)
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

HALF = Image.new("L", (64, 64))
HALF.paste(255, (0, 0, 32, 64))
MASKED = {**ON, "mask": "uploaded picture", "mask_image": as_base64(HALF), "mask_softness": 0.1}
BACK = {**ON, "rewind": True}
PERLINS = {kind: {**ON, "perlin": kind} for kind in ("mixing mask", "latent", "matched noise")}
PHASES = {**ON, "hires_phases": 2, "hires_reference": "both"}
FOUR_TIMES = {**HIRES, "hr_scale": 4}
UPSCALE, MESSAGES = "Iterative Upscale", "Iterative Upscale messages"
FEATURES = {"mask": MASKED, "rewind": BACK, **PERLINS, "normalize": {**ON, "normalize": True}}

POINTS = [
    (MASKED, f"{WEBUI}.mixing.passes.find_mask", 0), (MASKED, f"{WEBUI}.compat.latents.mask_of", 0),
    (MASKED, "itermix.mixing.masks.softened", 0), (MASKED, "itermix.mixing.masks.of_run", 0),
    *((PERLINS[kind], f"itermix.mixing.perlin.{name}", at) for kind, name, at in (
        ("mixing mask", "mask_of", 0), ("latent", "latent_of", 0), ("matched noise", "noise_of", 0),
        ("matched noise", "WithPerlin.at", 2),
    )),
    (FEATURES["normalize"], "itermix.mixing.mixer.normalized", 0),
    (BACK, f"{WEBUI}.mixing.rewinds._starts", 0), (BACK, f"{WEBUI}.mixing.rewinds._again", 0),
    (BACK, "itermix.mixing.rewind.rewound", 0), (BACK, f"{WEBUI}.compat.sampling.count_from", 0),
    (BACK, f"{WEBUI}.mixing.runs.AtEvaluation.evaluated", STEPS + 1),  # in a run that goes back
]  # fmt: skip


@pytest.mark.parametrize("mixing, point, at", POINTS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_fault_of_ours_is_told_once_and_costs_no_picture(host, mixing, point, at):
    break_at(host, point, at)
    made = host.generate(mixing=mixing, **HIRES)
    assert calls(host) > at
    assert len(made.pictures) == 1 and made.pictures[0].shape == (128, 128, 3) and made.pictures[0].std() > 0
    told = [line for line in made.log if "could not be" in line or "mixing stopped" in line]
    assert len(told) == 1 and len(made.log) <= 2, made.log


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("how, evaluation", [("interrupt", 1), ("skip", 2), ("interrupt", STEPS + 1)])
def test_interrupted_or_skipped_the_picture_comes_out(host, feature, how, evaluation):
    disturb(host, how, evaluation, passes=1)
    made = host.generate(mixing=FEATURES[feature], **HIRES)
    assert len(made.pictures) == 1 and made.pictures[0].shape == (128, 128, 3) and made.pictures[0].std() > 0
    assert "hires pass" in made.log[-1] and "stopped" not in made.log[-1]


@pytest.mark.parametrize("feature", FEATURES)
def test_what_is_no_number_comes_out_as_without_mixing(host, feature):
    answers = []
    for mixing in (None, FEATURES[feature]):
        disturb(host, "nan", 1, passes=1)
        try:
            answers.append(host.generate(mixing=mixing, **HIRES).pictures[0])
        except urllib.error.HTTPError as error:
            answers.append(np.array(error.code))
    assert np.array_equal(*answers) and np.std(answers[0]) == 0


PHASE_POINTS = [
    ("upscale.hires.HiresRun.__init__", 0, 256), ("upscale.hires.replace", 0, 256),
    ("upscale.hires.HiresRun._finished", 1, 128), ("upscale.hires.restored", 0, 256),
    ("upscale.hires.restored", 1, 256), ("upscale.enlarging.Enlarging.reference", 0, 256),
    ("upscale.enlarging.Enlarging.reference", 1, 256), ("upscale.enlarging.from_source", 0, 256),
    ("compat.latents.encode_all", 1, 256),
]  # fmt: skip


@pytest.mark.parametrize("point, at, side", PHASE_POINTS)
def test_a_fault_in_a_phase_of_hires_fix_costs_no_picture(host, point, at, side):
    break_at(host, f"{WEBUI}.{point}", at, "OutOfMemoryError")
    mark = len(host.log)
    made = host.generate(mixing=PHASES, **FOUR_TIMES)
    assert calls(host) > at and TEXT in host.log[mark:]
    assert [picture.shape for picture in made.pictures] == [(side, side, 3)] and made.pictures[0].std() > 0


@pytest.mark.parametrize("how", ["interrupt", "skip", "error"])
@pytest.mark.parametrize("evaluation", [0, 2])
def test_what_stops_phase_2_of_hires_fix_leaves_phase_1(host, how, evaluation):
    alone = host.generate(mixing={**PHASES, "hires_phases": 1}, **HIRES)
    disturb(host, how, evaluation, passes=2)
    made = host.generate(mixing=PHASES, **FOUR_TIMES)
    assert [picture.shape for picture in made.pictures] == [(128, 128, 3)]
    assert np.corrcoef(made.pictures[0].ravel(), alone.pictures[0].ravel())[0, 1] > 0.99
    told = "failed" if how == "error" else "stopped in"
    assert any(f"hires pass: {told}" in line or "phase 2 of 2 failed" in line for line in made.log), made.log


@pytest.fixture
def enlarged(host, picture):
    def run(tab):
        body = {"init_images": [as_base64(picture)]} if tab == "img2img" else {}
        return host.generate(tab, script_name=UPSCALE, script_args=[{"factor": 4, "reference": "both"}], **body)

    return run


@pytest.mark.parametrize("tab, passes, side", [
    ("txt2img", 1, 64), ("txt2img", 2, 128), ("img2img", 1, 128),
])  # fmt: skip
@pytest.mark.parametrize("evaluation", [0, 2])
def test_an_error_in_a_phase_leaves_the_picture_before_it(host, enlarged, tab, passes, side, evaluation):
    disturb(host, "error", evaluation, passes)
    made = enlarged(tab)
    assert [picture.shape for picture in made.pictures] == [(side, side, 3)]
    (message,) = made.info["extra_generation_params"][MESSAGES]
    assert message.startswith("stopped in phase ") and message.endswith(f" is kept: RuntimeError: {TEXT}")


def test_an_error_before_anything_is_finished_is_the_hosts_answer(host, enlarged):
    disturb(host, "error", 0, 0)
    with pytest.raises(urllib.error.HTTPError) as refused:
        enlarged("img2img")
    assert refused.value.code == 500


SCRIPT_POINTS = [
    ("upscale.run.Upscaling._reference", 0, 64), ("upscale.run.Upscaling._reference", 1, 128),
    ("upscale.run.restored", 0, 64), ("compat.latents.encode_all", 0, 64), ("compat.latents.encode_all", 1, 128),
    ("compat.networks.new_pass", 1, 128), ("upscale.run.wanted", 0, 64),
]  # fmt: skip


@pytest.mark.parametrize("point, at, side", SCRIPT_POINTS)
def test_a_fault_of_the_scripts_own_leaves_the_picture_before_it(host, enlarged, point, at, side):
    break_at(host, f"{WEBUI}.{point}", at, "OutOfMemoryError")
    made = enlarged("txt2img")
    assert calls(host) > at
    assert [picture.shape for picture in made.pictures] == [(side, side, 3)] and made.pictures[0].std() > 0
    (message,) = made.info["extra_generation_params"][MESSAGES]
    assert message.endswith(f" is kept: OutOfMemoryError: {TEXT}")
