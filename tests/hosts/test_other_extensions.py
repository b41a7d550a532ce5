"""Beside other extensions on a real WebUI: off, it changes nothing of theirs; on, both act, and nothing stays behind.

`ITERMIX_OTHER_EXTENSIONS` names the folders of the extensions, separated as PATH is; those in REQUESTS are tried:
sd-webui-detail-daemon, multidiffusion-upscaler-for-automatic1111, sd-dynamic-prompts. With
stable-diffusion-webui-distributed among them (it needs the package rich) a batch is also made by two hosts.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from itermix.mixing.settings import MixingSettings
from tests.hosts import battery
from tools.real_host import PROBE, REPOSITORY, Host, as_base64, largest_difference

VARIABLE = "ITERMIX_OTHER_EXTENSIONS"
FOLDERS = {Path(name).name: Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name}
DISTRIBUTED = "stable-diffusion-webui-distributed"
DISTRIBUTES = "distribute"  # its script, as the host lists it
OURS = {"itermix": REPOSITORY} | PROBE
STEPS = 4
HIRES = dict(enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.99, steps=STEPS)
MIXED = f"mixed {STEPS - 1} of {STEPS} steps"  # at the last level, the model's smallest, the weight is 0
ON = {"enabled": True, "hires_denoise": 0.0}
# title of the script, its arguments, what else the request needs
REQUESTS = {
    "sd-webui-detail-daemon": (
        "Detail Daemon", [True, True, True, "both", 0.2, 0.8, 0.5, 0.5, 1.0, 0.0, 0.0, 0.0, True], {},
    ),
    "multidiffusion-upscaler-for-automatic1111": (
        "Tiled Diffusion", [True, "MultiDiffusion", False, True, 1024, 1024, 16, 16, 4, 4],
        {"width": 128, "height": 128},
    ),
    "sd-dynamic-prompts": (None, [], {"prompt": "a {cat|dog|house}"}),
}  # fmt: skip

pytestmark = [
    pytest.mark.real_host,
    pytest.mark.skipif(not FOLDERS, reason=f"{VARIABLE} is not set; set it to folders of extensions to run this"),
]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Their pictures on a host without itermix."""
    running = start(tmp_path_factory.mktemp("others"), beside_us() | PROBE)
    try:
        return {name: battery.hash_of(generate(running, name)) for name in known()}
    finally:
        running.stop()


@pytest.fixture(scope="module")
def beside(alone, tmp_path_factory):
    running = start(tmp_path_factory.mktemp("beside"), beside_us() | OURS)
    yield running
    running.stop()


def start(data, extensions, flags=()):
    return Host(Path(os.environ["ITERMIX_HOST"]).resolve(), data, flags, extensions)


def beside_us():
    return {name: folder for name, folder in FOLDERS.items() if name != DISTRIBUTED}


def known():
    return [name for name in FOLDERS if name in REQUESTS]


def generate(host, name=None, mixing=None):
    title, arguments, more = REQUESTS[name] if name else (None, [], {})
    scripts = {"alwayson_scripts": {title: {"args": arguments}}} if title else {}
    return host.generate(mixing=mixing, **{**HIRES, **more, **scripts})


@pytest.mark.skipif(not known(), reason=f"none of {', '.join(REQUESTS)} is named")
def test_switched_off_it_changes_nothing_of_theirs(beside, alone):
    found = {name: battery.hash_of(generate(beside, name)) for name in known()}
    print(f"\n{found}\n{alone}")
    assert found == alone and found
    without = battery.hash_of(generate(beside))
    assert without not in found.values()  # they did act


@pytest.mark.parametrize("name", known())
def test_both_switched_on_both_act_and_nothing_stays_behind(beside, alone, name):
    left = beside.get("/itermix-probe/left")
    both = generate(beside, name, ON)
    assert len(both.pictures) == 1 and both.pictures[0].std() > 0
    assert MIXED in both.log[-1], both.log
    assert len({alone[name], battery.hash_of(both), battery.hash_of(generate(beside, mixing=ON))}) == 3
    assert beside.get("/itermix-probe/left") == left
    assert battery.hash_of(generate(beside, name)) == alone[name]


@pytest.fixture(scope="module")
def two_hosts(tmp_path_factory):
    """(the one that is asked, the one that it hands half of a batch to)"""
    worker = start(tmp_path_factory.mktemp("worker"), OURS)
    try:
        data = tmp_path_factory.mktemp("master")
        config = data / "distributed.json"
        config.write_text(json.dumps(two_workers(worker.port)))
        master = start(data, OURS | {DISTRIBUTED: FOLDERS[DISTRIBUTED]}, ("--distributed-config", str(config)))
        try:
            if DISTRIBUTES not in master.get("/sdapi/v1/scripts")["txt2img"]:  # its version 2 wants an old pydantic
                pytest.skip(f"{DISTRIBUTED} does not load on this host")
            master.post("/sdapi/v1/options", {"return_grid": False})  # it counts one in, the API has none
            generate_batch(master, None, seed=1, size=4)  # the first one takes its time, and loads the model
            yield master, worker
        finally:
            master.stop()
    finally:
        worker.stop()


def two_workers(port):
    """The extension's settings: two hosts that are equally quick, no pictures beyond those asked for."""
    speed = {"avg_ipm": 60.0}
    bench = {"prompt": "a cat", "negative_prompt": "", "steps": 4, "width": 64, "height": 64, "batch_size": 1}
    workers = [{"master": {**speed, "master": True}}, {"worker": {**speed, "address": "127.0.0.1", "port": port}}]
    return {"workers": workers, "benchmark_payload": bench, "complement_production": False}


@pytest.fixture(scope="module")
def rounding(two_hosts):
    """How far a batch of two hosts is from the same halves on one, with nothing mixed: 0, on Forge Neo 1 of 255."""
    master, worker = two_hosts
    together = generate_batch(master, None, seed=1, size=4)
    largest = max(differences(together, halves(worker, None)))
    assert largest <= 1
    return largest


def halves(worker, mixing):
    """A batch of four on the worker, as it is split."""
    alone = [generate_batch(worker, mixing, seed=seed, size=2) for seed in (1, 3)]
    return [picture for half in alone for picture in half.pictures]


def differences(made, wanted):
    return [largest_difference(a, b) for a, b in zip(made.pictures, wanted, strict=True)]


@pytest.mark.skipif(DISTRIBUTED not in FOLDERS, reason=f"{DISTRIBUTED} is not named")
@pytest.mark.parametrize("mixing", [ON, {**ON, "noise": "fresh per step", "alpha_1": 2.0}, None], ids=repr)
def test_a_batch_of_two_hosts_has_the_pictures_of_one(two_hosts, rounding, mixing):
    master, worker = two_hosts
    wanted = halves(worker, mixing)
    mark = len(worker.log)
    together = generate_batch(master, mixing, seed=1, size=4)
    logs = together.log, worker.lines_since(mark)
    assert max(differences(together, wanted)) <= rounding
    whole = generate_batch(worker, mixing, seed=1, size=4)  # rounds otherwise, as batches of another size do
    assert max(differences(together, whole.pictures)) <= 1
    mixed = [MIXED in " ".join(lines) for lines in logs]
    assert mixed == [mixing is not None] * 2  # each did its half
    assert ["Iterative Mixing: " in text for text in together.infotexts] == [mixing is not None] * 4
    assert any("Worker Label: worker" in text for text in together.infotexts)


@pytest.mark.skipif(DISTRIBUTED not in FOLDERS, reason=f"{DISTRIBUTED} is not named")
@pytest.mark.parametrize("enabled", [True, False])
def test_a_reference_that_was_uploaded_on_the_page_reaches_the_other_host(two_hosts, rounding, picture, enabled):
    """Switched off, too, the other host makes its half, whatever picture lies in the field."""
    master, worker = two_hosts
    values = {"enabled": enabled, "reference": "uploaded image", "reference_image": as_base64(picture)}
    mixing = [values.get(field.name, field.default) for field in MixingSettings.fields()]
    wanted = halves(worker, mixing)
    master.arm(page=True)
    together = generate_batch(master, mixing, seed=1, size=4)
    master.arm()
    assert max(differences(together, wanted)) <= rounding
    assert any("reference: uploaded image" in line for line in together.log) == enabled


@pytest.mark.skipif(DISTRIBUTED not in FOLDERS, reason=f"{DISTRIBUTED} is not named")
@pytest.mark.parametrize("size", [1, 2])
def test_a_sequence_stays_on_the_first_host(two_hosts, size):
    master, worker = two_hosts
    plan = {"frames": 3, "prompts": "0: a cat\n2: a dog", "travel": "slerp", "video_format": "none"}
    body = dict(script_name="latent sequence", script_args=[plan], steps=STEPS, batch_size=size)
    wanted = worker.generate(**body)
    mark = len(worker.log)
    made = master.generate(**body)
    frames = [picture for picture in made.pictures if picture.shape == (64, 64, 3)]
    assert len(frames) == 3 * size and not worker.lines_since(mark)
    for mine, theirs in zip(frames, wanted.pictures[-3 * size :], strict=True):
        assert largest_difference(mine, theirs) == 0


def generate_batch(host, mixing, seed, size):
    return host.generate(mixing=mixing, **{**HIRES, "seed": seed, "batch_size": size, "sampler_name": "Euler a"})
