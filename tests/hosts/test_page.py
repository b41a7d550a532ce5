"""The page of a real WebUI in a real browser: tick, generate, and the picture with its infotext appears."""

from __future__ import annotations

import os
import shutil

import pytest

pytestmark = pytest.mark.real_host

SHOTS = "ITERMIX_SCREENSHOTS"  # a folder that the pictures of the page are put into
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# A1111's page raises this while loading, with no extension installed.
HOSTS_OWN_FAULT = "Cannot read properties of undefined (reading 'props')"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--disable-sync"]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="the page tests need playwright (pip install)")
    executable = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if executable is None:
        pytest.skip("the page tests need Chromium or Chrome on the PATH")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(host, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)) if str(error) != HOSTS_OWN_FAULT else None)
    page.goto(host.url, wait_until="load")
    page.wait_for_selector("#txt2img_generate", state="visible", timeout=60_000)
    yield page
    page.close()


def shoot(page, name):
    folder = os.environ.get(SHOTS)
    if folder:
        page.screenshot(path=os.path.join(folder, f"{name}.png"))


def set_number(page, container, value):
    field = page.locator(f"{container} input[type=number]").first
    field.fill(str(value))
    field.press("Tab")


def open_accordion(page, selector):
    page.locator(f"{selector} > .label-wrap, {selector} > button.label-wrap").first.click()


def generate(page, tab="txt2img"):
    page.click(f"#{tab}_generate")
    page.wait_for_selector(f"#html_info_{tab} p", timeout=240_000)
    page.wait_for_selector(f"#{tab}_gallery img", timeout=60_000)
    return page.inner_text(f"#html_info_{tab}")


def test_tick_generate_and_see_picture_and_infotext(host, page):
    host.arm(network="gaussian")
    page.fill("#txt2img_prompt textarea", "a cat")
    set_number(page, "#txt2img_width", 64)
    set_number(page, "#txt2img_height", 64)
    set_number(page, "#txt2img_steps", 4)
    set_number(page, "#txt2img_seed", 1)
    open_hires(page)
    open_accordion(page, "#itermix_txt2img")
    page.locator("#itermix_txt2img_enabled input").check()
    set_number(page, "#itermix_txt2img_alpha_1", 0.4)
    shoot(page, "accordion")
    info = generate(page)
    shoot(page, "generated")
    assert "Iterative Mixing" in info and "alpha_1" in info and "0.4" in info
    assert any("hires pass: " in line and "mixed" in line for line in host.lines_since(0)[-3:])
    assert not page.faults


def open_hires(page):
    """Switches hires fix on: a checkbox in the accordion's head on both hosts."""
    page.locator("#txt2img_hr-visible-checkbox, #txt2img_hr input[type=checkbox]").first.check()


def test_choosing_a_preset_sets_the_fields(page):
    open_accordion(page, "#itermix_txt2img")
    field = page.locator("#itermix_txt2img_preset input").first
    field.click()
    page.locator('li[aria-label="DemoFusion paper"]').first.click()
    alpha = page.locator("#itermix_txt2img_alpha_1 input[type=number]").first
    page.wait_for_function("element => Number(element.value) === 3", arg=alpha.element_handle(), timeout=20_000)
    shoot(page, "preset")
    assert not page.faults


def test_pasting_infotext_restores_the_fields_and_resets_the_others(page):
    text = "a dog\nSteps: 5, Sampler: Euler, CFG scale: 7, Seed: 2, Size: 64x64, "
    page.fill("#txt2img_prompt textarea", text + 'Iterative Mixing: "{\\"alpha_1\\": 1.5, \\"minimum\\": 0.25}"')
    page.click("#paste")
    open_accordion(page, "#itermix_txt2img")
    alpha = page.locator("#itermix_txt2img_alpha_1 input[type=number]").first
    page.wait_for_function("element => Number(element.value) === 1.5", arg=alpha.element_handle(), timeout=20_000)
    assert page.locator("#itermix_txt2img_enabled input").is_checked()
    page.fill("#txt2img_prompt textarea", text + "Version: x")
    page.click("#paste")
    page.wait_for_function("element => Number(element.value) === 0.02", arg=alpha.element_handle(), timeout=20_000)
    assert not page.locator("#itermix_txt2img_enabled input").is_checked()
    assert not page.faults
