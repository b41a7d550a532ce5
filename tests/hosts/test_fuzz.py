"""Random requests against the API of a real WebUI: an answer or a refusal, soon, and nothing else happens.

`ITERMIX_FUZZ=2000` sets how many; `ITERMIX_FUZZ_FIRST` the number of the first one.
"""

from __future__ import annotations

import collections
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from tests.hosts import battery, random_bodies
from tools.real_host import REQUEST_TIMEOUT

pytestmark = pytest.mark.real_host

COUNT = int(os.environ.get("ITERMIX_FUZZ", "200"))
FIRST = int(os.environ.get("ITERMIX_FUZZ_FIRST", "0"))
LOG_DELAY = 0.5  # seconds; the answer can be there before its traceback
LONGEST = 60  # seconds for one request; on a busy machine, which takes long for any,
TIMES = 200  # as many times what a plain one takes there and then
REFUSED = 422  # by our routes; a generation comes out without what was refused, which its infotext then says
IN_AN_ANSWER = b" refused: "
# In a traceback where something of ours was at work. Without it a 500 is the host's own if it gives one, too, where no
# script reads the values: it repeats the request in its answer, and cannot do so with numbers beyond 64 bits, half
# characters and a hundred nested lists.
OURS = os.path.join("extensions", "itermix", "")
TINY = {"prompt": "a cat", "steps": 1, "width": 64, "height": 64}
# The film's encoder (of imageio-ffmpeg: "ffmpeg-linux-x86_64-v9.0.2"), and git, as the host asks for its own version.
PROGRAM = re.compile(r"(ffmpeg(-[\w.-]+)?|git)(\.exe)?")
# The folder of frames that are not to be saved, in the host's one of temporary pictures: only as long as the host has
# their pictures.
OF_FRAMES = r"/itermix-\w{8}(?=$|/\d{5}\.png$|/itermix-[0-9a-f]{16}\.part$)"
OF_PYTHON = re.compile(r".*\.(lock|pyc(\.\d+)?)")  # what is imported late is compiled late, under a passing name


@pytest.fixture(autouse=True)
def quick(host, disarmed):
    host.arm(network="gaussian")


def test_the_same_number_gives_the_same_request():
    assert repr([random_bodies.body(n) for n in range(50)]) == repr([random_bodies.body(n) for n in range(50)])


def test_random_requests_are_answered_or_refused_and_nothing_else_happens(host):
    before, left = hashes(host), host.get("/itermix-probe/left")
    host.post("/itermix-probe/audit", {"on": True})
    counted, faults, slowest = collections.Counter(), [], 0.0
    hosts_own = 0
    for number in range(FIRST, FIRST + COUNT):
        tab, body = random_bodies.body(number)
        host.fit(body)
        mark, begun = host.log_file.stat().st_size, time.monotonic()
        status, answer = answer_of(host, f"/sdapi/v1/{tab}", json.dumps(body).encode())
        taken = time.monotonic() - begun
        slowest = max(slowest, taken)
        if taken > LONGEST and taken > (limit := TIMES * seconds_of_a_plain_one(host)):
            faults.append((number, status, f"{taken:.0f} s, with {limit:.0f} allowed"))
        counted[REFUSED if status == 200 and IN_AN_ANSWER in answer else status] += 1
        if status not in (200, REFUSED):
            time.sleep(LOG_DELAY)
            told = since(host, mark)
            unread = json.dumps(random_bodies.unread(body)).encode()
            if status == 500 and OURS not in told and answered(host, f"/sdapi/v1/{tab}", unread) == 500:
                hosts_own += 1
            else:
                faults.append((number, status, told[-1500:]))
    seen = host.post("/itermix-probe/audit", {})
    print(f"\n{COUNT} requests: {dict(counted)}, {hosts_own} of them broke in the host; slowest {slowest:.1f} s")
    assert not faults, f"{len(faults)} faults; the first ones:\n" + "\n".join(map(str, faults[:5]))
    assert min(counted[200], counted[REFUSED]) > COUNT / 5 and hosts_own < COUNT / 4
    spool = re.compile(re.escape(str(host.temporary)) + OF_FRAMES)
    assert not [path for path in outside(host, seen["written"]) if not spool.match(path)]
    assert not [name for name in seen["started"] if not PROGRAM.fullmatch(os.path.basename(name))]
    assert not [address for address in seen["connected"] if "invalid" in address]
    assert host.get("/itermix-probe/left") == left
    assert hashes(host) == before
    spools = {match[0] for path in seen["written"] if (match := spool.match(path))}
    assert spools and not [path for path in spools if os.path.exists(path)]


def test_random_queries_of_our_own_routes_are_answered_or_refused(host):
    counted = collections.Counter()
    for number in range(FIRST, FIRST + COUNT):
        path = random_bodies.query(number)
        status = answered(host, path)
        counted[status] += 1
        assert status in (200, REFUSED), path[:300]
    assert counted[200] and counted[REFUSED]


def test_a_request_that_no_script_reads_has_the_same_values(host):
    body = {"seed": 1, "alwayson_scripts": {"Iterative Mixing": {"args": [{"alpha_1": 11}]}}}
    mark = host.log_file.stat().st_size
    for request, is_read in ((random_bodies.unread(body), False), (body, True)):
        assert answered(host, "/sdapi/v1/txt2img", json.dumps({**TINY, **request}).encode()) == 200
        assert ("alpha_1: 11 is not allowed" in since(host, mark)) == is_read


def test_half_a_character_in_a_text_is_refused(host):
    """JSON can write it; no file, and no answer, can hold it."""
    settings = urllib.parse.quote(json.dumps({"frames": 2, "prompts": "0: a\ud800"}))
    assert answered(host, f"/itermix/v1/plan?settings={settings}") == REFUSED


def answered(host, path: str, body: bytes | None = None) -> int:
    """The status of the answer."""
    return answer_of(host, path, body)[0]


def answer_of(host, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Its status, and what it says."""
    request = urllib.request.Request(host.url + path, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def seconds_of_a_plain_one(host) -> float:
    begun = time.monotonic()
    answered(host, "/sdapi/v1/txt2img", json.dumps(TINY).encode())
    return time.monotonic() - begun


def since(host, mark: int) -> str:
    with open(host.log_file, "rb") as log:
        log.seek(mark)
        return log.read().decode(errors="replace")


def outside(host, written: list[str]) -> list[str]:
    """Of the paths written to, those that are neither pictures and films nor the host's own doings."""
    own = ("cache", "cache.json", "params.txt", "tmp", "config.json", "ui-config.json", "config_states")
    allowed = [str(host.outputs), *(str(host.data / name) for name in own), "/dev/"]
    return [path for path in written if not path.startswith(tuple(allowed)) and not OF_PYTHON.fullmatch(path)]


def hashes(host) -> list[str]:
    hires = dict(enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.7, steps=3)
    return [battery.hash_of(host.generate(mixing=mixing, **hires)) for mixing in (None, {"enabled": True})]
