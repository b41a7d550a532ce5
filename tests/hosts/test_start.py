"""What the extension costs a host that starts."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.real_host

LONGEST = 0.05  # seconds
STARTS = 3  # wall time on a busy machine: the quickest of so many starts counts


def seconds(host):
    records = host.get("/internal/profile-startup")["records"]
    return sum(taken for name, taken in records.items() if "itermix_mixing" in name)


def test_starting_with_the_extension_takes_less_than_50_ms_more(host, tmp_path):
    from tests.hosts.host import Host

    readings = [seconds(host)]
    assert readings[0] > 0.0
    while min(readings) >= LONGEST and len(readings) < STARTS:
        another = Host(host.tree, tmp_path / str(len(readings)))
        readings.append(seconds(another))
        another.stop()
    assert min(readings) < LONGEST, readings
