"""The page of a real WebUI is closed while it generates: the run goes on to its end, and nothing of it stays behind."""

from __future__ import annotations

import time

import pytest

from tests.hosts import battery
from tests.hosts.pages import TAB, ask_for_little, choose, open_accordion, open_hires, opened, set_number, switch_mixing

pytestmark = pytest.mark.real_host

SEQUENCE = "#itermix_sequence_txt2img"
LONGEST = 300.0  # seconds
STEPS = 100  # long enough to close the page in the middle
FRAMES = 6
HIRES = dict(enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.7, steps=4)


def wait_until(what):
    until = time.monotonic() + LONGEST
    while not what():
        assert time.monotonic() < until, what.__doc__
        time.sleep(0.05)


def close_while_it_generates(host, page):
    """Presses Generate, closes the page after the first steps, and waits for the host to be idle again."""

    def state():
        return host.get("/sdapi/v1/progress?skip_current_image=true")["state"]

    def is_sampling():
        "the host began to sample"
        return state()["sampling_step"] > 2

    def is_idle():
        "the host came to an end"
        return not state()["job"] and not state()["job_count"]

    page.click("#txt2img_generate")
    wait_until(is_sampling)
    page.close()
    assert not is_idle()
    wait_until(is_idle)


def hashes(host):
    return [battery.hash_of(host.generate(mixing=mixing, **HIRES)) for mixing in (None, {"enabled": True})]


@pytest.fixture
def as_before(host):
    """After the test: the next pictures are the right ones, and the host holds no more of ours than before."""
    host.arm(network="gaussian")
    right, left = hashes(host), host.get("/itermix-probe/left")
    yield
    assert host.get("/itermix-probe/left") == left
    assert hashes(host) == right


def test_a_page_closed_in_a_mixed_run_leaves_nothing(host, browser, as_before):
    page = opened(browser, host.url)
    ask_for_little(page, STEPS)
    open_hires(page)
    open_accordion(page, TAB)
    switch_mixing(page, True)
    mark = len(host.log)
    close_while_it_generates(host, page)
    (line,) = [line for line in host.lines_since(mark) if "hires pass" in line]
    assert "mixed" in line and "stopped" not in line


def test_a_page_closed_in_a_sequence_costs_no_frame(host, browser, as_before, saving):
    page = opened(browser, host.url)
    ask_for_little(page, STEPS)
    choose(page, "#tab_txt2img #script_list", "Latent Sequence")
    page.wait_for_selector(f"{SEQUENCE}_frames", state="visible")
    set_number(page, f"{SEQUENCE}_frames", FRAMES)
    mark = len(host.log)
    close_while_it_generates(host, page)
    assert any(f"{FRAMES} of {FRAMES} frames" in line for line in host.lines_since(mark))
    newest = max((host.outputs / "txt2img-images" / "itermix-sequences").glob("[0-9]" * 5))
    assert len([file for file in newest.glob("*.png") if file.stem.isdigit()]) == FRAMES
