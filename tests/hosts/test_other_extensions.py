"""Beside other extensions on a real WebUI: off, it changes nothing of theirs; on, both act, and nothing stays behind.

`ITERMIX_OTHER_EXTENSIONS` names the folders of the extensions, separated as PATH is; those in REQUESTS are tried:
sd-webui-detail-daemon, multidiffusion-upscaler-for-automatic1111, sd-dynamic-prompts.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hosts import battery
from tests.hosts.host import REPOSITORY, Host

VARIABLE = "ITERMIX_OTHER_EXTENSIONS"
FOLDERS = {Path(name).name: Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name}
PROBE = {"zz_itermix_probe": Path(__file__).parent / "probe"}
STEPS = 4
HIRES = dict(enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.99, steps=STEPS)
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
    running = start(tmp_path_factory.mktemp("others"), FOLDERS | PROBE)
    try:
        return {name: battery.hash_of(generate(running, name)) for name in known()}
    finally:
        running.stop()


@pytest.fixture(scope="module")
def beside(alone, tmp_path_factory):
    running = start(tmp_path_factory.mktemp("beside"), {"itermix": REPOSITORY} | FOLDERS | PROBE)
    yield running
    running.stop()


def start(data, extensions):
    host = Host(Path(os.environ["ITERMIX_HOST"]).resolve(), data, extensions=extensions)
    if host.is_forge:
        host.arm(network="gaussian")
    return host


def known():
    return [name for name in FOLDERS if name in REQUESTS]


def generate(host, name=None, mixing=None):
    title, arguments, more = REQUESTS[name] if name else (None, [], {})
    scripts = {"alwayson_scripts": {title: {"args": arguments}}} if title else {}
    return host.generate(mixing=mixing, **{**HIRES, **more, **scripts})


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
    assert f"mixed {STEPS} of {STEPS} steps" in both.log[-1], both.log
    assert len({alone[name], battery.hash_of(both), battery.hash_of(generate(beside, mixing=ON))}) == 3
    assert beside.get("/itermix-probe/left") == left
    assert battery.hash_of(generate(beside, name)) == alone[name]
