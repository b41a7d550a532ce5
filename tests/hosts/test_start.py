"""What the host is, and what the extension costs it when it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import infotext_of_host

pytestmark = pytest.mark.real_host

LONGEST = 0.05  # seconds of the processor
STARTS = 3  # the first one of a fresh copy compiles, and a busy machine's caches are cold: the quickest counts


def seconds(host):
    """What loading our scripts has cost the host."""
    spent = host.get("/itermix-probe/start")  # by path
    return sum(taken for path, taken in spent.items() if Path(path).parts[-3] == "itermix")


def test_the_host_says_what_it_is(host, record_testsuite_property):
    """tools/hosts.py keeps it."""
    facts = {
        "version": infotext_of_host.parsed(host.generate().infotexts[0])["Version"],
        "gradio": host.get("/config")["version"],
        "python": host.get("/internal/sysinfo")["Python"],
    }
    assert facts["gradio"][0] in "34" and facts["python"].startswith("3.") and facts["version"]
    for name, value in facts.items():
        record_testsuite_property(name, value)


def test_starting_with_the_extension_takes_less_than_50_ms_more(host, tmp_path):
    from tools.real_host import Host

    readings = [seconds(host)]
    assert readings[0] > 0.0
    while min(readings) >= LONGEST and len(readings) < STARTS:
        another = Host(host.tree, tmp_path / str(len(readings)))
        readings.append(seconds(another))
        another.stop()
    assert min(readings) < LONGEST, readings
