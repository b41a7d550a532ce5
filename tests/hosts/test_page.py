"""The page of a real WebUI in a real browser: tick, generate, and the picture with its infotext appears."""

from __future__ import annotations

import io
import re
import time

import pytest
import torch

from itermix.mixing import curve
from itermix.mixing.settings import MixingSettings
from tests.hosts.pages import (
    TAB,
    ask_for_little,
    choose,
    fill_to_stay,
    gallery,
    generate,
    infotext,
    load,
    open_accordion,
    open_hires,
    paste,
    set_number,
    shoot,
    switch_mixing,
    wait_for_choice,
    wait_for_number,
    wait_for_switch,
)
from tools.real_host import READY

pytestmark = pytest.mark.real_host

SCRIPTS = "#tab_txt2img #script_list"
SEQUENCE = "#itermix_sequence_txt2img"


def test_tick_generate_and_see_picture_and_infotext(host, page):
    host.arm(network="gaussian")
    ask_for_little(page)
    open_hires(page)
    open_accordion(page, TAB)
    switch_mixing(page, True)
    set_number(page, f"{TAB}_alpha_1", 0.4)
    shoot(page, "accordion")
    info = generate(page)
    shoot(page, "generated")
    assert "Iterative Mixing" in info and "alpha_1" in info and "0.4" in info
    assert any("hires pass: " in line and "mixed" in line for line in host.lines_since(0)[-3:])
    assert not page.faults


def test_the_infotext_under_a_picture_pasted_back_restores_the_fields(host, page):
    host.arm(network="gaussian")
    ask_for_little(page, steps=3)
    open_hires(page)
    open_accordion(page, TAB)
    switch_mixing(page, True)
    choose(page, f"{TAB}_preset", "Node pack")
    open_accordion(page, f"{TAB}_curve_group")
    set_number(page, f"{TAB}_minimum", 0.25)
    info = generate(page)
    load(page, host.url)
    paste(page, info)
    wait_for_switch(page, True)
    wait_for_number(page, f"{TAB}_minimum", 0.25)
    wait_for_number(page, f"{TAB}_alpha_1", MixingSettings.presets()["Node pack"]["alpha_1"])
    for name in ("curve", "blend", "progress", "noise", "timing"):
        wait_for_choice(page, f"{TAB}_{name}", MixingSettings.presets()["Node pack"][name])
    assert not page.faults


def test_pasting_infotext_restores_the_fields_and_resets_the_others(page):
    open_accordion(page, TAB)
    paste(page, infotext(Iterative_Mixing='{\\"alpha_1\\": 1.5, \\"minimum\\": 0.25}'))
    wait_for_number(page, f"{TAB}_alpha_1", 1.5)
    wait_for_switch(page, True)
    paste(page, infotext())
    wait_for_number(page, f"{TAB}_alpha_1", MixingSettings().alpha_1)
    wait_for_switch(page, False)
    assert not page.faults


def test_a_plot_over_alpha_1_has_four_pictures_that_differ_and_a_grid_with_its_labels(host, page):
    host.arm(network="gaussian")
    ask_for_little(page)
    open_hires(page)
    choose(page, SCRIPTS, "X/Y/Z plot")
    page.wait_for_selector("#script_txt2img_xyz_plot_x_values", state="visible")
    choose(page, "#script_txt2img_xyz_plot_x_type", "[Iterative Mixing] alpha_1")
    fill_to_stay(page, "#script_txt2img_xyz_plot_x_values textarea", "0, 0.3, 1, 10")
    page.locator("#script_txt2img_xyz_plot_include_lone_images input").check()
    if page.locator("#script_txt2img_xyz_plot_row_count").count():
        set_number(page, "#script_txt2img_xyz_plot_row_count", 1)  # Forge Neo would make two rows of them
    generate(page)
    shoot(page, "xyz")
    grid, *cells = pictures(page)
    assert len(cells) == 4 and len({cell.tobytes() for cell in cells}) == 4
    above = grid.height - cells[0].height
    labels = grid.crop((0, 0, grid.width, above)).convert("L")
    assert grid.width >= 4 * cells[0].width and above > 20
    for column in range(4):  # each has dark letters on white
        cell = labels.crop((column * grid.width // 4, 0, (column + 1) * grid.width // 4, above))
        assert cell.getextrema()[0] < 64 and cell.getextrema()[1] == 255
    assert not page.faults


def pictures(page):
    """The gallery's pictures, as the browser gets them."""
    from PIL import Image

    answers = [page.request.get(address).body() for address in gallery(page)]
    return [Image.open(io.BytesIO(answer)).convert("RGB") for answer in answers]


CURVE = "#itermix_txt2img .itermix-curve svg"
PIXEL = 0.01  # share of the plot's height that a drawn point may be off
AT_ONCE = 500  # ms
DRAWN_WITHIN = 20.0  # seconds, for the host's answer on a busy machine


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


def levels_of(page, tab, steps, strength, of):
    """What the host answers for a pass of so many steps by the page's own sampler and schedule."""
    scheduler = page.locator(f"#{tab}_scheduler input")
    asked = {
        "sampler": page.locator(f"#{tab}_sampling input").first.input_value(),
        "scheduler": scheduler.first.input_value() if scheduler.count() else "",  # Classic's samplers have theirs
        "steps": steps, "strength": strength, "of": of,
    }  # fmt: skip
    address = page.evaluate("location.origin")
    return page.request.get(f"{address}/itermix/v1/levels", params=asked).json()


def assert_drawn(page, steps, **settings):
    """The curve and the steps' dots are those of a hires pass of so many steps with these settings.

    Returns how many of the steps are mixed.
    """
    settings = MixingSettings(**settings)
    levels = levels_of(page, "txt2img", steps, settings.hires_denoise, "hires pass")
    by_level = torch.tensor(levels["progress"], dtype=torch.float64)
    by_step = torch.arange(steps, dtype=torch.float64) / steps
    expected = curve.weights(settings, steps, by_level).tolist()
    places = (by_step if settings.progress == "step" else by_level).tolist()
    until = time.monotonic() + DRAWN_WITHIN
    while True:
        drawn = drawn_curve(page)
        dots = [value for dot in drawn["dots"] for value in dot]
        right = [value for dot in zip(places, expected) for value in dot]
        if dots == pytest.approx(right, abs=PIXEL) or time.monotonic() > until:
            break
        page.wait_for_timeout(AT_ONCE)
    assert dots == pytest.approx(right, abs=PIXEL)
    beside_the_clamp = [(u, weight) for u, weight in drawn["line"] if abs(u - settings.clamp) > 0.001]
    assert len(beside_the_clamp) > 50
    line = curve.weight(settings, torch.tensor([u for u, _ in beside_the_clamp], dtype=torch.float64)).tolist()
    assert [weight for _, weight in beside_the_clamp] == pytest.approx(line, abs=PIXEL)
    return sum(weight != 0.0 for weight in expected)


def ready_for_the_curve(page, steps):
    set_number(page, "#txt2img_steps", steps)
    open_hires(page)
    open_accordion(page, "#itermix_txt2img")
    page.wait_for_selector(CURVE, timeout=20_000)


def test_the_curve_follows_every_control(page):
    ready_for_the_curve(page, 12)
    assert_drawn(page, 12)
    slider = page.locator("#itermix_txt2img_alpha_1_slider input[type=range]")
    slider.focus()
    slider.press("End")
    assert_drawn(page, 12, alpha_1=3.0)
    slider.press("Home")
    assert_drawn(page, 12, alpha_1=0.02)
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
    mixed = assert_drawn(page, 5, curve=name, **changed)
    text = page.inner_text("#itermix_txt2img .itermix-curve-text")
    assert f"{mixed} of 5 steps mixed" in text and "a reference enlarged 2 times" in text
    assert not page.faults


@pytest.mark.parametrize("name", MixingSettings.presets())
def test_the_curve_follows_a_preset(page, name):
    ready_for_the_curve(page, 20)
    choose(page, f"{TAB}_preset", "Balanced" if name == "Faithful" else "Faithful")
    choose(page, f"{TAB}_preset", name)
    wait_for_number(page, f"{TAB}_alpha_1", MixingSettings.from_dict({"preset": name}).alpha_1)
    assert_drawn(page, 20, **MixingSettings.presets()[name])
    assert not page.faults


def test_settings_that_are_refused_have_no_curve_but_the_reason(page):
    ready_for_the_curve(page, 20)
    open_accordion(page, "#itermix_txt2img_curve_group")
    set_number(page, "#itermix_txt2img_stop", 0.0)
    page.wait_for_selector(f"{CURVE} .itermix-line", state="detached", timeout=AT_ONCE)
    assert "must be below Curve stop" in page.inner_text("#itermix_txt2img .itermix-curve-text")
    assert not page.faults


def test_the_curve_says_where_there_is_nothing_to_mix(page):
    open_accordion(page, "#itermix_txt2img")
    page.wait_for_selector(CURVE, timeout=20_000)
    assert "Nothing is mixed" in page.inner_text("#itermix_txt2img .itermix-curve-text")


@pytest.mark.parametrize("width", (1280, 800))
@pytest.mark.parametrize("theme", ("light", "dark"))
def test_the_curve_can_be_read_in_both_themes(host, page, theme, width):
    page.set_viewport_size({"width": width, "height": 1600})
    ready_for_the_curve(page, 20)
    switch_mixing(page, True)
    set_number(page, "#itermix_txt2img_alpha_1", 1)
    open_accordion(page, "#itermix_txt2img_curve_group")
    for name, value in {"minimum": 0.1, "maximum": 0.9, "start": 0.1, "stop": 0.7, "clamp": 0.8}.items():
        set_number(page, f"#itermix_txt2img_{name}", value)
    page.wait_for_timeout(AT_ONCE)
    page.locator(CURVE.removesuffix(" svg")).scroll_into_view_if_needed()  # which is drawn anew meanwhile
    shoot(page, f"curve_{theme}_{width}")
    assert page.locator(CURVE).evaluate("svg => svg.scrollWidth <= svg.parentElement.clientWidth")
    assert contrast(page) > READABLE
    assert not page.faults


@pytest.mark.parametrize("width", (1280, 800))
@pytest.mark.parametrize("theme", ("light", "dark"))
def test_all_groups_open_fit_into_the_page(host, page, theme, width):
    page.set_viewport_size({"width": width, "height": 3200})
    open_accordion(page, TAB)
    for name in ("reference", "passes", "curve", "mask", "rewind", "perlin", "blend", "presets"):
        open_accordion(page, f"{TAB}_{name}_group")
    choose(page, SCRIPTS, "Latent Sequence")
    page.wait_for_selector(f"{SEQUENCE}_frames", state="visible")
    for name in ("keyframes", "denoising", "latents", "seeds", "video", "presets"):
        open_accordion(page, f"{SEQUENCE}_{name}_group")
    page.click(f"{SEQUENCE}_plan")
    page.wait_for_selector(f"{SEQUENCE}_table td")
    page.wait_for_timeout(AT_ONCE)
    page.evaluate("window.scrollTo(0, 0)")
    shoot(page, f"all_{theme}_{width}")
    too_wide = page.evaluate(
        """([...ids]) => [...document.querySelectorAll(ids.map(id => `[id^=${id}]`).join(","))]
            .filter(node => node.clientWidth && node.scrollWidth > node.clientWidth + 1 && !node.closest(".table-wrap"))
            .map(node => [node.id, node.clientWidth, node.scrollWidth])""",
        [TAB[1:], SEQUENCE[1:]],
    )
    assert too_wide == []
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
    levels = levels_of(page, "img2img", 6, 0.6, "img2img")
    weights = curve.weights(MixingSettings(), 4, torch.tensor(levels["progress"], dtype=torch.float64)).tolist()
    mixed = sum(weight != 0.0 for weight in weights)
    page.wait_for_selector(f"#itermix_img2img .itermix-curve-text >> text={mixed} of 4 steps mixed")
    assert page.locator("#itermix_img2img .itermix-step").count() == 4
    assert not page.faults


def test_the_start_brings_no_warning_of_gradio_or_of_ours(host):
    start = host.log.partition(READY)[0]
    told = [line for line in start.splitlines() if "Warning" in line and re.search("gradio|itermix", line)]
    assert told == []


def test_a_page_without_the_accordion_has_no_faults(page):
    page.evaluate("for (const place of document.querySelectorAll('.itermix-curve')) place.remove()")
    set_number(page, "#txt2img_steps", 7)
    page.wait_for_timeout(AT_ONCE)
    assert not page.faults
