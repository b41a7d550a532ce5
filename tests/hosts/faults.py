"""What a test of faults on a real WebUI begins and ends with: what the host makes, and what of itermix lives in it."""

from __future__ import annotations

import os

import pytest

from tests.hosts import battery

BATTERY = bool(os.environ.get("ITERMIX_BATTERY"))
ON = {"enabled": True, "hires_denoise": 0.0, "minimum": 0.1}  # every step is mixed, on any schedule
STEPS = 4
HIRES = dict(enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.99, steps=STEPS)
TEXT = "broken by the test"
WEBUI = "itermix.webui"
SCRIPT = f"{WEBUI}.mixing.script.IterativeMixing"


@pytest.fixture(scope="module")
def right(host):
    """Hashes of the generations that must stay as they are; and what of itermix lives in an idle host."""
    host.arm(network="gaussian")
    host.generate(**HIRES)
    return hashes(host), left(host), battery.hashes(host) if BATTERY else None


@pytest.fixture(autouse=True)
def nothing_is_left(host, right, disarmed):
    host.arm(network="gaussian")
    yield
    host.post("/itermix-probe/break", {})
    host.post("/itermix-probe/disturb", {})
    host.arm(network="gaussian")
    assert left(host) == right[1]
    assert right[1]["mixers"] == right[1]["runs"] == right[1]["wrappers"] == right[1]["hooks"] == 0
    assert right[1]["callbacks"] > 0
    assert hashes(host) == right[0]
    assert not BATTERY or battery.hashes(host) == right[2]


def hashes(host):
    body = {**HIRES, "steps": 2}
    return [battery.hash_of(host.generate(mixing=mixing, **body)) for mixing in (None, ON)]


def left(host):
    return {name: count for name, count in host.get("/itermix-probe/left").items() if name != "calls"}


def break_at(host, point, at=0, error="RuntimeError"):
    host.post("/itermix-probe/break", {"point": point, "at": at, "error": error})


def calls(host):
    return host.get("/itermix-probe/left")["calls"]


def disturb(host, how, evaluation, passes=0):
    host.post("/itermix-probe/disturb", {"how": how, "evaluation": evaluation, "passes": passes})
