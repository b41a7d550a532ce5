"""What the host is, and what the extension costs it when it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import infotext_of_host

pytestmark = pytest.mark.real_host

LONGEST = 0.05  # seconds of the processor
LARGEST = 1.0  # of what a component of the host's own scripts costs it
STARTS = 3  # the first one of a fresh copy compiles, and a busy machine's caches are cold: the quickest counts


def is_ours(path):
    return Path(path).parts[-3] == "itermix"


def readings(host, tmp_path, read, most):
    """What a host says of its start, and, as long as that is too much, other starts of it."""
    found = [read(host)]
    while min(found) >= most and len(found) < STARTS:
        from tools.real_host import Host

        another = Host(host.tree, tmp_path / str(len(found)))
        found.append(read(another))
        another.stop()
    return found


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


def test_starting_with_the_extension_takes_little_longer(host, tmp_path):
    """What loading our scripts has cost the host, which every start waits for."""

    def read(host):
        return sum(taken for path, taken in host.get("/itermix-probe/start").items() if is_ours(path))

    found = readings(host, tmp_path, read, LONGEST)
    print(f"start: {', '.join(f'{1000 * seconds:.1f}' for seconds in found)} ms")
    assert 0.0 < min(found) < LONGEST, found


def test_our_fields_cost_no_more_than_the_hosts_own(host, tmp_path):
    """By component, on both tabs of the page: what one costs is the host's, A1111 takes a third of what Forge does."""

    def read(host):
        spent = {True: [0.0, 0], False: [0.0, 0]}
        for path, (seconds, components) in host.get("/itermix-probe/page").items():
            spent[is_ours(path)][0] += seconds
            spent[is_ours(path)][1] += components
        told = {"ours" if ours else "the host's": f"{1000 * of[0]:.0f} ms, {of[1]}" for ours, of in spent.items()}
        print(f"fields and their components: {told}")
        ours, theirs = (seconds / components for seconds, components in (spent[True], spent[False]))
        return ours / theirs

    found = readings(host, tmp_path, read, LARGEST)
    assert 0.0 < min(found) < LARGEST, found
