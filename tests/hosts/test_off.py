"""Off is off: with itermix installed and not asked for, a real WebUI makes the pictures that it makes without it.

`ITERMIX_HOST=<folder of a WebUI> python -m pytest tests/hosts/test_off.py -s` prints the hashes. Both hosts have
the same other extension: a quick network in place of Forge's.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from PIL import Image

from itermix.mixing.settings import MixingSettings
from itermix.sequence.fields.latents import SEED_MODES
from tests.hosts import battery
from tools.real_host import REPOSITORY, Host, as_base64

RUNS_WITH_MIXING = 50
SEQUENCES = 5
# The same pictures: where a batch's arithmetic has the last bits of one picture's, and on Forge Classic, which has no
# schedulers.
TWINS, TWINS_WITHOUT_SCHEDULERS = {"batch count": "batch size"}, {"exponential": "DPM++ 2M"}
MASK = as_base64(Image.linear_gradient("L").resize((64, 64)))
NETWORK = {"zz_itermix_network": REPOSITORY / "tools" / "probe" / "network"}

pytestmark = pytest.mark.real_host


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    """The battery's hashes on a host without itermix."""
    bare = start(tmp_path_factory.mktemp("bare"), NETWORK)
    try:
        assert "itermix" not in bare.log.replace("itermix_network", "")
        return battery.hashes(bare)
    finally:
        bare.stop()


@pytest.fixture(scope="module")
def installed(without, tmp_path_factory):
    """A host with itermix; started when the other one has given its memory back."""
    running = start(tmp_path_factory.mktemp("installed"), {"itermix": REPOSITORY, **NETWORK})
    yield running
    running.stop()


def start(data, extensions):
    return Host(Path(os.environ["ITERMIX_HOST"]).resolve(), data, extensions=extensions)


def test_the_pictures_are_those_of_a_host_without_itermix(installed, without):
    found = battery.hashes(installed)
    print()
    for name, value in found.items():
        print(f"{without[name]}  {value}  {name}")
    has_schedulers = (installed.tree / "modules" / "sd_schedulers.py").exists()
    twins = TWINS if has_schedulers else {**TWINS, **TWINS_WITHOUT_SCHEDULERS}
    different = [value for name, value in found.items() if value != found.get(twins.get(name))]
    assert len(found) >= 20 and len(set(different)) == len(different)
    assert found == without


@pytest.mark.parametrize("off", [{"enabled": False, "alpha_1": 3.0}, [False, 3.0], [False], [None], {"enabled": 0}, []])
def test_settings_that_are_switched_off_change_nothing(installed, without, off):
    for name, tab, body in battery.requests():
        if name in ("plain", "hires"):  # others draw from the host's global random numbers, in the battery's order
            assert battery.hash_of(installed.generate(tab, off, **body)) == without[name]


def test_and_again_after_many_runs_with_mixing(installed, without):
    assert "iterative mixing" in installed.get("/sdapi/v1/scripts")["txt2img"]
    draw, lines = random.Random(0), []
    mixable = [request for request in battery.requests() if request[0].startswith(("hires", "img2img", "inpaint"))]
    for _ in range(RUNS_WITH_MIXING):
        _, tab, body = draw.choice(mixable)
        lines += installed.generate(tab, settings(draw), **body).log
    for _ in range(SEQUENCES):
        plan = {"frames": 3, "prompts": "0: a rose\n2: a lake", "travel": "slerp", "seed_mode": draw.choice(SEED_MODES)}
        lines += installed.generate(script_name="latent sequence", script_args=[plan], steps=3).log
    assert sum("3 of 3 frames" in line for line in lines) == SEQUENCES
    assert sum("mixed" in line and "nothing mixed" not in line for line in lines) > RUNS_WITH_MIXING // 2
    assert battery.hashes(installed) == without


def settings(draw: random.Random) -> dict:
    """Random settings of mixing, switched on; a mask is uploaded, as most requests have none of their own."""
    values = {"mask_image": MASK}
    for field in MixingSettings.fields():
        if field.kind == "choice" and field.name not in ("reference", "mask"):
            values[field.name] = draw.choice(field.choices)
        elif field.kind == "switch":
            values[field.name] = draw.random() < 0.5
        elif field.kind == "integer":
            values[field.name] = draw.randint(field.minimum, field.maximum)
        elif field.kind == "number" and field.name not in ("start", "stop", "minimum", "maximum"):
            values[field.name] = draw.uniform(field.minimum, field.maximum)
    return {**values, "enabled": True, "mask": draw.choice(("none", "uploaded picture"))}
