"""The accordion on the page of a real WebUI: on while it is closed, and a picture from the user's disk."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.hosts.pages import (
    GENERATION,
    SWITCH,
    TAB,
    ask_for_little,
    generate,
    open_accordion,
    open_hires,
    opened,
    set_number,
    shoot,
    switch_mixing,
)

pytestmark = pytest.mark.real_host

IMG2IMG = "#itermix_img2img"
CURVE = f"{TAB} .itermix-curve"
HEAD = f"{TAB}-visible-checkbox"
PARTS = ("", "_alpha_1", "_alpha_1_slider")


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (800, "light"), (800, "dark")], ids=str)
def shown(request, host, browser):
    """The page, in every width and theme."""
    width, theme = request.param
    page = opened(browser, host.url, width, 1200, theme)
    page.look = f"{theme}_{width}"
    yield page
    page.close()


def test_closed_it_shows_whether_it_is_on(shown):
    page = shown
    if not page.locator(HEAD).count():
        pytest.skip("this host has no accordion that is a switch")
    page.locator(TAB).scroll_into_view_if_needed()
    shoot(page, f"closed_off_{page.look}")
    assert not page.locator(HEAD).is_checked() and not page.locator(f"{TAB}_alpha_1").is_visible()
    page.locator(HEAD).click()
    shoot(page, f"closed_on_{page.look}")
    assert page.locator(HEAD).is_checked() and page.locator(HEAD).is_visible()
    assert not page.locator(f"{TAB}_alpha_1").is_visible()
    open_accordion(page, TAB)
    page.wait_for_selector(f"{CURVE} svg")
    assert page.locator(HEAD).is_checked()
    page.locator(TAB).scroll_into_view_if_needed()
    shoot(page, f"open_{page.look}")
    accordion, number, slider = (page.locator(f"{TAB}{part}").first.bounding_box() for part in PARTS)
    assert min(number["width"], slider["width"]) > 0.9 * accordion["width"], "label and help have room"
    assert slider["y"] >= number["y"] + number["height"] - 1
    colours = {colour_of(page, "#txt2img_steps"), colour_of(page, f"{TAB}_alpha_1_slider")}
    assert len(colours) == 1, f"the host's slider and ours: {colours}"
    assert not page.faults


def colour_of(page, container):
    """A slider's colour, as the browser has it."""
    slider = page.locator(f"{container} input[type=range]").first
    return slider.evaluate("element => getComputedStyle(element).accentColor")


def test_switched_on_and_closed_it_mixes(host, page):
    host.arm(network="gaussian")
    ask_for_little(page)
    open_hires(page)
    page.locator(SWITCH).first.check()
    info = generate(page)
    assert "Iterative Mixing" in info and "not done" not in info
    assert any("hires pass: " in line and "mixed" in line for line in host.lines_since(0)[-2:])
    assert not page.faults


@pytest.mark.parametrize("size", [(1280, 720), (98, 98)], ids=str)
def test_a_picture_of_the_users_is_shown_and_mixed(host, page, tmp_path, size):
    host.arm(network="gaussian")
    Image.linear_gradient("L").resize(size).convert("RGB").save(tmp_path / "photo.png")
    ask_for_little(page)
    page.locator(SWITCH).first.check()
    if not page.locator(f"{TAB}_alpha_1").is_visible():
        open_accordion(page, TAB)
    page.wait_for_selector(f"{CURVE}-text >> text=Nothing is mixed")
    open_accordion(page, f"{TAB}_reference_group")
    page.set_input_files(f"{TAB}_reference_image input[type=file]", tmp_path / "photo.png")
    page.wait_for_selector(f"{TAB}_reference_image img")
    page.wait_for_selector(f"{CURVE}-text >> text=first pass: ")
    shoot(page, f"upload_{size[0]}")
    mark = len(host.log)
    info = generate(page)
    assert "Iterative Mixing" in info and "not done" not in info
    assert any("first pass: " in line and "uploaded image, mixed" in line for line in host.lines_since(mark))
    assert not page.faults


def test_in_img2img_it_hides_what_does_nothing_there_and_hints_at_the_strength(page):
    page.locator("#tabs > .tab-nav button", has_text="img2img").first.click()
    page.wait_for_selector("#img2img_generate", state="visible")
    open_accordion(page, IMG2IMG)
    page.wait_for_selector(f"{IMG2IMG}_alpha_1", state="visible")
    assert "use a denoising strength of 0.7 to 1 with it" in page.inner_text(IMG2IMG)
    assert not page.locator(f"{IMG2IMG}_passes_group").first.is_visible()
    assert page.locator(f"{IMG2IMG}_reference_group").first.is_visible()
    shoot(page, "img2img")
    assert not page.faults


def test_under_the_picture_it_says_that_nothing_was_mixed_or_which_strength_was_replaced(host, page):
    host.arm(network="gaussian")
    ask_for_little(page)
    open_accordion(page, TAB)
    switch_mixing(page, True)
    info = generate(page)
    assert "Iterative Mixing not done" in info and "turn on hires fix or upload a reference image" in info
    open_hires(page)
    open_accordion(page, "#txt2img_hr")
    set_number(page, "#txt2img_denoising_strength", 0.4)
    page.click("#txt2img_generate")
    said = page.wait_for_selector("#html_log_txt2img >> text=denoising strength 0.7", timeout=GENERATION).inner_text()
    assert "not at the 0.4 of Hires. fix" in said
    assert not page.faults
