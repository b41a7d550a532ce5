"""The page of a real WebUI in a real browser: tick, generate, and the picture with its infotext appears."""

from __future__ import annotations

import os
import re
import shutil

import pytest
import torch

from itermix.mixing import curve
from itermix.settings import MixingSettings

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
    page.on("console", lambda message: page.faults.append(message.text) if is_our_error(message) else None)
    page.goto(host.url, wait_until="load")
    page.wait_for_selector("#txt2img_generate", state="visible", timeout=60_000)
    yield page
    page.close()


def is_our_error(message):
    return message.type == "error" and "itermix" in f"{message.text} {message.location}"


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


CURVE = "#itermix_txt2img .itermix-curve svg"
PIXEL = 0.01  # share of the plot's height that a drawn point may be off
AT_ONCE = 500  # ms


def drawn_curve(page):
    """What the SVG shows: the line as [(u, weight)] and the steps' dots as [(u, weight)], from its coordinates."""
    return page.evaluate(
        """selector => {
            const svg = document.querySelector(selector);
            const number = (node, name) => Number(node.getAttribute(name));
            const plot = svg.querySelector(".itermix-plot");
            const back = ([x, y]) => [
                (x - number(plot, "x")) / number(plot, "width"), 1 - (y - number(plot, "y")) / number(plot, "height"),
            ];
            const path = svg.querySelector(".itermix-line").getAttribute("d");
            const line = path.slice(1).split("L").map(point => back(point.split(",").map(Number)));
            const dots = [...svg.querySelectorAll(".itermix-step")];
            return {line, dots: dots.map(dot => back([number(dot, "cx"), number(dot, "cy")]))};
        }""",
        CURVE,
    )


def assert_drawn(page, steps, **settings):
    """The curve and the steps' dots are those of these settings, at once."""
    settings = MixingSettings(**settings)
    expected = curve.weights(settings, steps).tolist()
    page.wait_for_timeout(AT_ONCE)
    drawn = drawn_curve(page)
    assert [u for u, _ in drawn["dots"]] == pytest.approx([i / steps for i in range(steps)], abs=PIXEL)
    assert [weight for _, weight in drawn["dots"]] == pytest.approx(expected, abs=PIXEL)
    beside_the_clamp = [(u, weight) for u, weight in drawn["line"] if abs(u - settings.clamp) > 0.001]
    assert len(beside_the_clamp) > 50
    line = curve.weight(settings, torch.tensor([u for u, _ in beside_the_clamp], dtype=torch.float64)).tolist()
    assert [weight for _, weight in beside_the_clamp] == pytest.approx(line, abs=PIXEL)


def choose(page, selector, choice):
    page.locator(f"{selector} input").first.click()
    page.locator(f'{selector} li[aria-label="{choice}"], ul li[aria-label="{choice}"]').last.click()


def ready_for_the_curve(page, steps):
    set_number(page, "#txt2img_steps", steps)
    open_hires(page)
    open_accordion(page, "#itermix_txt2img")
    page.wait_for_selector(CURVE, timeout=20_000)


def test_the_curve_follows_every_control(page):
    ready_for_the_curve(page, 12)
    page.context.set_offline(True)  # the server has no part in it
    assert_drawn(page, 12)
    slider = page.locator("#itermix_txt2img_alpha_1 input[type=range]")
    slider.focus()
    slider.press("End")
    assert_drawn(page, 12, alpha_1=10.0)
    set_number(page, "#itermix_txt2img_alpha_1", 0.4)
    assert_drawn(page, 12, alpha_1=0.4)
    open_accordion(page, "#itermix_txt2img_curve_group")
    changed = {"alpha_1": 0.4, "minimum": 0.1, "maximum": 0.9, "start": 0.1, "stop": 0.7, "clamp": 0.8}
    for name in ("minimum", "maximum", "start", "stop", "clamp"):
        set_number(page, f"#itermix_txt2img_{name}", changed[name])
    assert_drawn(page, 12, **changed)
    for name in ("linear", "logistic", "cosine (node pack)"):
        choose(page, "#itermix_txt2img_curve", name)
        assert_drawn(page, 12, curve=name, **changed)
    set_number(page, "#txt2img_steps", 5)
    assert_drawn(page, 5, curve=name, **changed)
    text = page.inner_text("#itermix_txt2img .itermix-curve-text")
    assert "4 of 5 steps mixed" in text and "0.250 cycles per latent pixel" in text
    assert not page.faults


def test_the_curve_follows_a_preset(page):
    ready_for_the_curve(page, 20)
    choose(page, "#itermix_txt2img_preset", "Node pack")
    alpha = page.locator("#itermix_txt2img_alpha_1 input[type=number]").first
    page.wait_for_function("element => Number(element.value) === 2.4", arg=alpha.element_handle(), timeout=20_000)
    assert_drawn(page, 20, **MixingSettings.presets()["Node pack"])
    assert not page.faults


def test_settings_that_are_refused_have_no_curve_but_the_reason(page):
    ready_for_the_curve(page, 20)
    open_accordion(page, "#itermix_txt2img_curve_group")
    set_number(page, "#itermix_txt2img_stop", 0.0)
    page.wait_for_selector(f"{CURVE} .itermix-line", state="detached", timeout=AT_ONCE)
    assert "must be below Stop" in page.inner_text("#itermix_txt2img .itermix-curve-text")
    assert not page.faults


def test_the_curve_says_where_there_is_nothing_to_mix(page):
    open_accordion(page, "#itermix_txt2img")
    page.wait_for_selector(CURVE, timeout=20_000)
    assert "Nothing is mixed" in page.inner_text("#itermix_txt2img .itermix-curve-text")


@pytest.mark.parametrize("width", (1280, 800))
@pytest.mark.parametrize("theme", ("light", "dark"))
def test_the_curve_can_be_read_in_both_themes(host, page, theme, width):
    page.set_viewport_size({"width": width, "height": 1600})
    page.goto(f"{host.url}/?__theme={theme}", wait_until="load")
    page.wait_for_selector("#txt2img_generate", state="visible", timeout=60_000)
    ready_for_the_curve(page, 20)
    page.locator("#itermix_txt2img_enabled input").check()
    set_number(page, "#itermix_txt2img_alpha_1", 1)
    open_accordion(page, "#itermix_txt2img_curve_group")
    for name, value in {"minimum": 0.1, "maximum": 0.9, "start": 0.1, "stop": 0.7, "clamp": 0.8}.items():
        set_number(page, f"#itermix_txt2img_{name}", value)
    page.wait_for_timeout(AT_ONCE)
    page.locator(CURVE).scroll_into_view_if_needed()
    shoot(page, f"curve_{theme}_{width}")
    assert page.locator(CURVE).evaluate("svg => svg.scrollWidth <= svg.parentElement.clientWidth")
    assert contrast(page) > READABLE
    assert not page.faults


READABLE = 4.5  # WCAG 2.1's least contrast of text


def contrast(page):
    """Contrast of the curve's text with what lies behind it (WCAG 2.1)."""
    text, *behind = page.locator("#itermix_txt2img .itermix-curve-text").evaluate(
        """node => {
            const found = [getComputedStyle(node).color];
            for (let at = node; at; at = at.parentElement) found.push(getComputedStyle(at).backgroundColor);
            return found;
        }"""
    )
    colours = [[float(part) for part in re.findall(r"[\d.]+", colour)] for colour in (text, *behind)]
    solid = next(colour for colour in colours[1:] if len(colour) == 3 or colour[3] == 1)
    light, dark = sorted((luminance(colours[0]), luminance(solid)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in (c / 255 for c in colour[:3])
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_img2img_has_a_curve_of_the_steps_that_it_makes(page):
    page.locator("#tabs > .tab-nav button", has_text="img2img").first.click()
    set_number(page, "#img2img_steps", 6)
    set_number(page, "#img2img_denoising_strength", 0.6)
    open_accordion(page, "#itermix_img2img")
    text = page.locator("#itermix_img2img .itermix-curve-text")
    text.wait_for(timeout=20_000)
    page.wait_for_timeout(AT_ONCE)
    assert "4 of 4 steps mixed" in text.inner_text()
    assert page.locator("#itermix_img2img .itermix-step").count() == 4
    assert not page.faults


def test_a_page_without_the_accordion_has_no_faults(page):
    page.evaluate("for (const place of document.querySelectorAll('.itermix-curve')) place.remove()")
    set_number(page, "#txt2img_steps", 7)
    page.wait_for_timeout(AT_ONCE)
    assert not page.faults


def test_a_sequence_from_the_page(host, page):
    host.arm(network="gaussian")
    page.fill("#txt2img_prompt textarea", "a cat")
    for name, value in (("width", 64), ("height", 64), ("steps", 4), ("seed", 1)):
        set_number(page, f"#txt2img_{name}", value)
    choose(page, "#tab_txt2img #script_list", "Latent Sequence")
    prefix = "#itermix_sequence_txt2img"
    page.wait_for_selector(f"{prefix}_frames", state="visible")
    set_number(page, f"{prefix}_frames", 3)
    page.fill(f"{prefix}_prompts textarea", "0: a rose\n2: a rose in snow")
    page.click(f"{prefix}_plan")
    page.wait_for_selector(f"{prefix}_table >> text=a rose in snow", timeout=20_000)
    shoot(page, "sequence")
    info = generate(page)
    assert "Latent Sequence" in info and "a rose" in info
    assert "3 of 3 frames" in host.lines_since(0)[-1]
    page.fill(f"{prefix}_prompts textarea", "0: a rose\n9: a rose in snow")
    page.click(f"{prefix}_plan")
    page.wait_for_selector(f"{prefix}_problem >> text=the last of 3 frames is 2", timeout=20_000)
    shoot(page, "sequence-refused")
    assert not page.faults
