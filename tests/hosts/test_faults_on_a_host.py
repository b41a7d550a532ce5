"""Faults on a real WebUI: the picture or the host's own error comes out, nothing is left, and the next one is right.

After every test the probe looks through the host's process for what itermix may have left, and one generation without
mixing and one with it are made again, bit for bit; with `ITERMIX_BATTERY=1` all of the battery's, too.
"""

from __future__ import annotations

import threading
import urllib.error

import numpy as np
import pytest

from tests.hosts import battery
from tests.hosts.faults import (  # noqa: F401
    HIRES,
    ON,
    SCRIPT,
    STEPS,
    TEXT,
    WEBUI,
    break_at,
    calls,
    disturb,
    nothing_is_left,
    right,
)
from tests.hosts.sampled import rescaled
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

MIXER = "itermix.mixing.mixer.Mixer"

METHODS = (
    *(f"{SCRIPT}.{name}" for name in ("process", "process_before_every_sampling", "postprocess", "postprocess_image")),
    f"{SCRIPT}.postprocess_image_after_composite", f"{WEBUI}.mixing.passes.attach",
    f"{WEBUI}.mixing.passes.detach", f"{WEBUI}.mixing.arguments.read",
)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_a_script_method_that_raises_costs_no_picture(host, method):
    break_at(host, method)
    mark = len(host.log)
    made = host.generate(mixing=ON, **HIRES)
    assert calls(host) > 0 and TEXT in host.log[mark:]
    assert len(made.pictures) == 1 and made.pictures[0].shape == (128, 128, 3) and made.pictures[0].std() > 0


AS_UPSCALED = "compat.processing.enlargement"  # asked for the reference that is the upscaler's own latent alone
POINTS = [
    ("Euler", "mixing.passes.prepared", 0), ("Euler", "mixing.passes.find_reference", 0),
    ("Euler", "mixing.passes.mixer_for", 0), ("DDIM", "mixing.passes.first_level", 0),
    ("Euler", "mixing.passes.summary", 0),
    ("Euler", "mixing.hook.Attachment.__init__", 0), ("Euler", "mixing.hook.pattern_of", 0),
    ("Euler", "mixing.runs.MixedRun.hook_into", 0),
    ("Euler", "compat.sampling.noising_of", 0), ("Euler", "compat.processing.inpaint_mask", 0),
    ("Euler", AS_UPSCALED, 0),
    ("Euler", "upscale.enlarging.Enlarging.reference", 0), ("Euler", "upscale.enlarging.plainly_enlarged", 0),
    ("Euler", "compat.latents.encode_all", 0),
    *(("Euler", "compat.progress.is_interrupted", at) for at in (0, 5)),
    *(
        ("Euler", f"mixing.runs.AtEvaluation.{name}", at)
        for name in ("evaluated", "reported") for at in (0, 2, STEPS - 1)
    ),
    ("PLMS", "mixing.runs.AtEvaluation.predicted", 1), ("PLMS", "mixing.runs.AtEvaluation._shift_predictions", 1),
    ("LMS", "mixing.runs.InSegments._segments", 0), ("LMS", "mixing.runs.AtEvaluation.evaluated", 2),
    *(("UniPC", f"mixing.runs.AtCallback.{name}", at) for name in ("evaluated", "reported") for at in (0, 2)),
    *(("DPM adaptive", f"mixing.runs.AtAcceptance.{name}", at) for name in ("evaluated", "reported") for at in (0, 2)),
]  # fmt: skip


@pytest.mark.parametrize("sampler, point, at", POINTS)
def test_a_fault_of_ours_is_one_line_in_the_log_and_costs_no_picture(host, sampler, point, at):
    if sampler not in {offered["name"] for offered in host.get("/sdapi/v1/samplers")}:
        pytest.skip(f"the host has no {sampler}")
    if sampler in rescaled(host):
        point = point.replace("runs.AtCallback", "rescaled.AtRescaledCallback")
    mixing = {**ON, "hires_reference": "as upscaled"} if point == AS_UPSCALED else ON
    break_at(host, f"{WEBUI}.{point}", at)
    made = host.generate(mixing=mixing, **{**HIRES, "sampler_name": sampler})
    assert calls(host) > at
    assert len(made.pictures) == 1 and made.pictures[0].std() > 0
    told = [line for line in made.log if "could not be" in line or "mixing stopped" in line]
    assert len(told) == 1 and len(made.log) <= 2, made.log


@pytest.mark.parametrize("point, at", [*((f"{MIXER}.begin", at) for at in (0, 2, STEPS - 1)), (f"{MIXER}.end", 0)])
def test_out_of_memory_in_a_blend_ends_the_mixing_and_not_the_picture(host, point, at):
    break_at(host, point, at, "OutOfMemoryError")
    made = host.generate(mixing=ON, **HIRES)
    assert len(made.pictures) == 1 and made.pictures[0].std() > 0
    mixed = STEPS if point.endswith("end") else at
    of = f"{mixed} step{'s' * (mixed != 1)}"
    assert f"mixed {of}, then stopped by OutOfMemoryError: {TEXT}" in made.log[-1]


def test_out_of_memory_inside_of_the_blending_function(host):
    break_at(host, "itermix.mixing.mixer.blend_parts", 1, "OutOfMemoryError")
    made = host.generate(mixing=ON, **HIRES)
    assert f"by OutOfMemoryError: {TEXT}" in made.log[-1] and made.pictures[0].std() > 0


@pytest.mark.parametrize("error", ["RuntimeError", "OutOfMemoryError"])
def test_a_reference_that_cannot_be_encoded_makes_the_pass_without_mixing(host, picture, error):
    break_at(host, f"{WEBUI}.compat.latents.encode", 0, error)
    made = host.generate(mixing={"enabled": True, "reference_image": as_base64(picture)}, steps=STEPS)
    assert any("first pass: mixing could not be set up" in line for line in made.log)
    host.post("/itermix-probe/break", {})
    assert made.same_as(host.generate(steps=STEPS))


@pytest.mark.parametrize("passes, evaluation", [(0, 0), (1, 0), (1, 2), (1, STEPS - 1)])
def test_an_error_of_the_hosts_own_is_the_hosts_answer(host, passes, evaluation):
    disturb(host, "error", evaluation, passes)
    mark = len(host.log)
    with pytest.raises(urllib.error.HTTPError) as refused:
        host.generate(mixing=ON, **HIRES)
    assert refused.value.code == 500
    assert host.is_forge or TEXT in host.log[mark:]  # Forge says no more than the status


@pytest.mark.parametrize("how, evaluation", [*(("nan", at) for at in range(STEPS - 1)), ("nan result", 0)])
@pytest.mark.parametrize("sampler", ["Euler", "UniPC"])
def test_what_is_no_number_comes_out_as_it_does_without_mixing(host, sampler, how, evaluation):
    answers = []
    for mixing in (None, ON):
        disturb(host, how, evaluation, passes=1)
        try:
            answers.append(host.generate(mixing=mixing, **{**HIRES, "sampler_name": sampler}).pictures[0])
        except urllib.error.HTTPError as error:
            answers.append(error.code)
    assert type(answers[0]) is type(answers[1])
    assert np.array_equal(answers[0], answers[1]) and np.std(answers[0]) == 0


@pytest.mark.parametrize("how, sampler", [
    ("interrupt", "Euler"), ("interrupt", "Heun"), ("interrupt", "UniPC"), ("skip", "Euler"), ("skip", "LMS"),
])  # fmt: skip
@pytest.mark.parametrize("evaluation", range(STEPS))
def test_interrupted_and_skipped_at_every_step_the_picture_comes_out(host, how, sampler, evaluation):
    disturb(host, how, evaluation, passes=1)
    made = host.generate(mixing=ON, **{**HIRES, "sampler_name": sampler})
    assert len(made.pictures) == 1 and made.pictures[0].shape == (128, 128, 3)
    line = made.log[-1]
    assert "hires pass" in line and "stopped" not in line
    mixed = 0 if "nothing mixed" in line else int(line.split("mixed ")[1].split()[0])
    assert mixed <= evaluation + 1 and (mixed >= 1 or evaluation == 0)


@pytest.mark.parametrize("how", ["interrupt", "skip"])
def test_interrupted_in_the_first_pass_the_second_is_not_mixed(host, how):
    disturb(host, how, 1)
    made = host.generate(mixing=ON, **HIRES)
    assert len(made.pictures) == 1 and not any("hires pass" in line and "weight 1" in line for line in made.log)


@pytest.mark.parametrize("evaluation", range(2))
def test_img2img_is_interrupted_with_a_batch_to_come(host, picture, evaluation):
    disturb(host, "interrupt", evaluation)
    body = dict(init_images=[as_base64(picture)], denoising_strength=0.99, steps=STEPS, n_iter=2)
    assert len(host.generate("img2img", {"enabled": True}, **body).pictures) >= 1


def test_two_requests_at_once_give_the_pictures_that_they_give_alone(host):
    wanted = [{**ON, "alpha_1": 0.1}, {**ON, "alpha_1": 2.0, "blend": "linear"}, None]
    alone = [battery.hash_of(host.generate(mixing=mixing, **HIRES)) for mixing in wanted]
    found = {}

    def ask(index):
        found[index] = battery.hash_of(host.generate(mixing=wanted[index], **HIRES))

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[index] for index in range(len(wanted))] == alone and len(set(alone)) == len(alone)


@pytest.fixture(scope="module")
def second_checkpoint(host):
    """The name of a checkpoint with the weights of the first, which is a switch for the host all the same."""
    folder = host.data / "models" / "Stable-diffusion"
    first = sorted(folder.glob("*.safetensors"), key=lambda file: file.stat().st_size)[0]
    for file in folder.glob(f"{first.stem}.*"):
        link = folder / f"another{file.suffix}"
        if file.suffix in (".safetensors", ".yaml") and not link.exists():  # two modules ask for it
            link.symlink_to(file.resolve())
    host.post("/sdapi/v1/refresh-checkpoints", {})
    kept = host.get("/sdapi/v1/options")["sd_model_checkpoint"]
    yield "another.safetensors"
    host.post("/sdapi/v1/options", {"sd_model_checkpoint": kept})


@pytest.mark.parametrize("when", [0.0, 0.5])
def test_a_checkpoint_switched_within_the_hires_pass_is_mixed_to_the_end(host, second_checkpoint, when):
    body = dict(HIRES, refiner_checkpoint=second_checkpoint, refiner_switch_at=when)
    made = host.generate(mixing=ON, **body)
    assert len(made.pictures) == 1 and made.pictures[0].std() > 0
    assert f"mixed {STEPS} of {STEPS} steps" in made.log[-1]


def test_a_checkpoint_switched_between_the_passes_is_mixed_all_the_same(host, second_checkpoint):
    made = host.generate(mixing=ON, **HIRES, hr_checkpoint_name=second_checkpoint)
    assert len(made.pictures) == 1 and f"mixed {STEPS} of {STEPS} steps" in made.log[-1]
