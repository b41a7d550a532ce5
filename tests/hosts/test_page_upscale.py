"""Iterative Upscale and hires fix in phases on a real WebUI's page, the gallery's button and img2img's batch tab."""

from __future__ import annotations

import json

import pytest
from PIL import Image, PngImagePlugin

from tests.hosts.pages import (
    GENERATION,
    TAB,
    ask_for_little,
    choose,
    gallery,
    generate,
    open_accordion,
    open_hires,
    set_number,
    shoot,
    switch_mixing,
)

pytestmark = pytest.mark.real_host

TITLE = "Iterative Upscale"
SCRIPT = "#itermix_upscale_txt2img"
BATCH = "#itermix_upscale_img2img"
GROUPS = ("start", "memory", "pictures", "presets")
PARAMETERS = "a blue fish\nSteps: 4, Sampler: Euler, CFG scale: 7, Seed: {seed}, Size: 64x64"


@pytest.mark.parametrize("width", (1280, 800))
@pytest.mark.parametrize("theme", ("light", "dark"))
def test_all_groups_open_fit_into_the_page(host, page, theme, width):
    page.set_viewport_size({"width": width, "height": 3600})
    open_accordion(page, TAB)
    for name in ("passes", "curve"):
        open_accordion(page, f"{TAB}_{name}_group")
    choose(page, "#tab_txt2img #script_list", TITLE)
    page.wait_for_selector(f"{SCRIPT}_factor", state="visible")
    for name in GROUPS:
        open_accordion(page, f"{SCRIPT}_{name}_group")
    page.wait_for_timeout(1000)
    page.evaluate("window.scrollTo(0, 0)")
    shoot(page, f"upscale_{theme}_{width}")
    too_wide = page.evaluate(
        """([...ids]) => [...document.querySelectorAll(ids.map(id => `[id^=${id}]`).join(","))]
            .filter(node => node.clientWidth && node.scrollWidth > node.clientWidth + 1)
            .map(node => [node.id, node.clientWidth, node.scrollWidth])""",
        [TAB[1:], SCRIPT[1:]],
    )
    assert too_wide == []
    assert not page.locator(f"{SCRIPT}_own_parameters").is_visible()  # txt2img has no picture
    assert not page.faults


def test_the_script_makes_a_larger_picture_whose_parameters_fill_it_again(host, page):
    host.arm(network="gaussian")
    ask_for_little(page)
    choose(page, "#tab_txt2img #script_list", TITLE)
    page.wait_for_selector(f"{SCRIPT}_factor", state="visible")
    set_number(page, f"{SCRIPT}_factor", 3)
    set_number(page, f"{SCRIPT}_phases", 2)
    text = generate(page).replace('\\"', '"')  # the host quotes what has commas
    assert json.dumps({"factor": 3.0, "phases": 2}) in text and f"Script: {TITLE}" in text
    width = page.eval_on_selector("#txt2img_gallery img", "image => image.naturalWidth")
    assert width == 192
    assert not page.faults


def test_the_gallerys_button_enlarges_in_phases_without_a_first_pass(host, page):
    host.arm(network="gaussian")
    if not page.locator("#txt2img_upscale").count():
        pytest.skip("this host has no such button")
    ask_for_little(page)
    open_hires(page)
    set_number(page, "#txt2img_hr_scale", 4)
    page.locator("#txt2img_hr-visible-checkbox, #txt2img_hr input[type=checkbox]").first.uncheck()
    generate(page)
    switch_mixing(page, True)
    open_accordion(page, TAB)
    open_accordion(page, f"{TAB}_passes_group")
    set_number(page, f"{TAB}_hires_phases", 0)
    mark = len(host.log)
    page.click("#txt2img_upscale")
    page.wait_for_function(
        "() => [...document.querySelectorAll('#txt2img_gallery img')].some(image => image.naturalWidth === 256)",
        timeout=GENERATION,
    )
    lines = host.lines_since(mark)
    assert [line.split(":")[0] for line in lines] == ["hires pass 1 of 2", "hires pass 2 of 2"], lines
    assert not page.faults


@pytest.fixture
def folder(picture, tmp_path):
    """Two pictures in a folder, with a seed each in their parameters."""
    (tmp_path / "in").mkdir()
    for name, seed, one in (("beach", 11, picture), ("wood", 22, picture.transpose(Image.Transpose.ROTATE_180))):
        info = PngImagePlugin.PngInfo()
        info.add_text("parameters", PARAMETERS.format(seed=seed))
        one.save(tmp_path / "in" / f"{name}.png", pnginfo=info)
    return tmp_path


def test_a_folder_is_enlarged_each_picture_by_its_own_prompt_and_seed(host, saving, page, folder):
    host.arm(network="gaussian")
    page.locator("#tabs > .tab-nav button", has_text="img2img").first.click()
    page.locator("#mode_img2img > .tab-nav button", has_text="Batch").first.click()
    if page.locator("#img2img_batch_source").count():  # Classic and reForge take a folder alone
        page.locator("#img2img_batch_source > .tab-nav button", has_text="From directory").first.click()
    page.fill("#img2img_batch_input_dir textarea", str(folder / "in"))
    page.fill("#img2img_batch_output_dir textarea", str(folder / "out"))
    for name, value in (("width", 64), ("height", 64), ("steps", 4), ("seed", 1)):
        set_number(page, f"#img2img_{name}", value)
    choose(page, "#tab_img2img #script_list", TITLE)
    page.wait_for_selector(f"{BATCH}_factor", state="visible")
    set_number(page, f"{BATCH}_factor", 4)
    open_accordion(page, f"{BATCH}_pictures_group")
    page.locator(f"{BATCH}_own_parameters input").check()
    mark = len(host.log)
    generate(page, "img2img")
    assert len(gallery(page, "img2img")) == 2
    made = sorted((folder / "out").rglob("*.png"))
    assert len(made) == 2
    for path, seed in zip(made, (11, 22)):
        with Image.open(path) as picture:
            assert picture.size == (256, 256)
            text = picture.info["parameters"]
            assert text.startswith("a blue fish\n") and f"Seed: {seed}," in text
    names = [line.split(":")[0] for line in host.lines_since(mark)]
    assert names == ["phase 1 of 2", "phase 2 of 2"] * 2
    assert not page.faults
