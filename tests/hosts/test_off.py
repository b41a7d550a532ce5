"""Off is off: with itermix installed and not asked for, a real WebUI makes the pictures that it makes without it.

`ITERMIX_HOST=<folder of a WebUI> python -m pytest tests/hosts/test_off.py -s` prints the hashes.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from itermix.settings import MixingSettings
from tests.hosts import battery
from tests.hosts.host import Host

RUNS_WITH_MIXING = 50

pytestmark = pytest.mark.real_host


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    """The battery's hashes on the host with no extension at all."""
    bare = Host(Path(os.environ["ITERMIX_HOST"]).resolve(), tmp_path_factory.mktemp("bare"), extensions={})
    try:
        return battery.hashes(bare)
    finally:
        bare.stop()


def test_the_pictures_are_those_of_a_host_without_itermix(host, without):
    found = battery.hashes(host)
    for name, value in found.items():
        print(f"{value}  {without[name]}  {name}")
    assert len(found) >= 20 and len(set(found.values())) == len(found)
    assert found == without


def test_and_again_after_many_runs_with_mixing(host, without):
    draw = random.Random(0)
    for _ in range(RUNS_WITH_MIXING):
        _, tab, body = draw.choice(battery.requests()[:-1])
        host.generate(tab, settings(draw), **body)
    assert battery.hashes(host) == without


def settings(draw: random.Random) -> dict:
    """Random settings of mixing, switched on."""
    values = {"enabled": True}
    for field in MixingSettings.fields():
        if field.kind == "choice" and field.name != "reference":
            values[field.name] = draw.choice(field.choices)
        elif field.kind == "number" and field.name not in ("start", "stop", "minimum", "maximum"):
            values[field.name] = draw.uniform(field.minimum, field.maximum)
    return values
