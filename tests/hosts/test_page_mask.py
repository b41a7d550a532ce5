"""A mixing mask drawn on a real WebUI's page: where the stroke is, the picture is mixed, and nowhere else."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.hosts.pages import (
    TAB,
    ask_for_little,
    choose,
    generate,
    load,
    open_accordion,
    shoot,
    switch_mixing,
    wait_for_choice,
)

pytestmark = pytest.mark.real_host

CANVAS = f"{TAB}_mask_canvas canvas"
BRUSH = f"{TAB}_mask_canvas input[type=range]"
IN_FIELD = f"{TAB}_mask_image img"
INFO = "#html_info_txt2img"
DATA = "() => itermix.drawnMask('txt2img')[0]"


@pytest.fixture
def drawing(page, picture, tmp_path):
    """A page that mixes an uploaded reference into the first pass, with the canvas open; no part of it before."""
    ask_for_little(page, steps=6)
    switch_mixing(page, True)
    open_accordion(page, TAB)
    open_accordion(page, f"{TAB}_reference_group")
    picture.save(tmp_path / "reference.png")
    page.set_input_files(f"{TAB}_reference_image input[type=file]", tmp_path / "reference.png")
    page.wait_for_selector(f"{TAB}_reference_image img")
    open_accordion(page, f"{TAB}_blend_group")
    choose(page, f"{TAB}_blend", "linear")
    open_accordion(page, f"{TAB}_mask_group")
    assert not page.locator(CANVAS).count()
    page.click(f"{TAB}_mask_draw")
    page.wait_for_selector(CANVAS)
    return page


def stroke(page, start, end, brush=0.5):
    """From one point to another, shares of the canvas's sides; the field has it then."""
    before = page.get_attribute(IN_FIELD, "src") if page.locator(IN_FIELD).count() else None
    page.locator(BRUSH).fill(str(brush))
    page.locator(CANVAS).scroll_into_view_if_needed()
    box = page.locator(CANVAS).bounding_box()
    for at, (x, y) in enumerate((start, end)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=10)
        page.mouse.down() if at == 0 else page.mouse.up()
    changed(page, before)


def changed(page, before):
    page.wait_for_function(
        "([field, before]) => { const image = document.querySelector(field);"
        " return image && image.naturalWidth && image.getAttribute('src') !== before; }", arg=[IN_FIELD, before]
    )  # fmt: skip


def grey(data_url):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2]))).convert("L"))


def final(host, page):
    """What the pass ends with, of a denoiser that treats each pixel by itself."""
    host.arm(denoiser="unit")
    info = page.inner_text(INFO)  # of the picture before, which stays until the next one is there
    generate(page)
    page.wait_for_function("([at, old]) => document.querySelector(at).innerText !== old", arg=[INFO, info])
    return host.trace()["final"]


def test_the_picture_is_mixed_where_a_stroke_was_drawn(host, drawing):
    page = drawing
    stroke(page, (0.2, 0.02), (0.2, 0.98))  # the left 45 %
    wait_for_choice(page, f"{TAB}_mask", "uploaded picture")
    mask = grey(page.evaluate(DATA))
    assert mask.shape == (512, 512)
    assert mask[128:384, :192].min() == 255 and mask[:, 256:].max() == 0
    mark = len(host.log)
    masked = final(host, page)
    assert any("mask: uploaded picture" in line for line in host.lines_since(mark))
    choose(page, f"{TAB}_mask", "none")
    whole = final(host, page)
    switch_mixing(page, False)
    off = final(host, page)
    rows = slice(2, 6)  # the stroke has round ends
    np.testing.assert_allclose(masked[..., rows, :3], whole[..., rows, :3], rtol=0, atol=1e-4)
    np.testing.assert_allclose(masked[..., 4:], off[..., 4:], rtol=0, atol=1e-4)
    assert np.abs(whole - off)[..., rows, :3].max() > 0.05 and np.abs(whole - off)[..., 4:].max() > 0.05
    assert not page.faults


def test_a_drawn_mask_is_the_uploaded_one(host, drawing, tmp_path):
    page = drawing
    stroke(page, (0.2, 0.3), (0.7, 0.6), brush=0.2)
    drawn = final(host, page)
    Image.fromarray(grey(page.evaluate(DATA))).save(tmp_path / "mask.png")
    load(page, host.url)
    ask_for_little(page, steps=6)
    switch_mixing(page, True)
    open_accordion(page, TAB)
    for group in ("reference", "blend", "mask"):
        open_accordion(page, f"{TAB}_{group}_group")
    choose(page, f"{TAB}_blend", "linear")
    for field, file in (("reference_image", "reference.png"), ("mask_image", "mask.png")):
        page.set_input_files(f"{TAB}_{field} input[type=file]", tmp_path / file)
        page.wait_for_selector(f"{TAB}_{field} img")
    wait_for_choice(page, f"{TAB}_mask", "uploaded picture")
    np.testing.assert_array_equal(final(host, page), drawn)
    assert not page.faults


def test_strokes_are_undone_and_an_uploaded_mask_is_drawn_on(drawing):
    page = drawing
    empty = page.evaluate(DATA)
    stroke(page, (0.2, 0.2), (0.8, 0.2), brush=0.1)
    one = page.evaluate(DATA)
    stroke(page, (0.2, 0.8), (0.8, 0.8), brush=0.1)
    both = grey(page.evaluate(DATA))
    assert grey(empty).max() == 0 and both[102, 256] == both[410, 256] == 255 and both[256, 256] == 0
    before = page.get_attribute(IN_FIELD, "src")
    page.click(f"{TAB}_mask_canvas button >> text=Undo")
    changed(page, before)
    assert page.evaluate(DATA) == one
    page.click(f"{TAB}_mask_draw")  # closes
    page.wait_for_selector(CANVAS, state="detached")
    page.click(f"{TAB}_mask_draw")
    page.wait_for_selector(CANVAS)
    np.testing.assert_array_equal(grey(page.evaluate(DATA)), grey(one))
    page.locator(f"{TAB}_mask_canvas input[type=checkbox]").check()
    stroke(page, (0.2, 0.2), (0.5, 0.2), brush=0.2)
    cut = grey(page.evaluate(DATA))
    assert cut[102, 128] == 0 and cut[102, 380] == 255
    page.click(f"{TAB}_mask_canvas button >> text=All white")
    assert grey(page.evaluate(DATA)).min() == 255
    assert not page.faults


@pytest.mark.parametrize("width", (1280, 800))
@pytest.mark.parametrize("theme", ("light", "dark"))
def test_the_canvas_fits_into_the_page_and_has_the_pictures_shape(host, page, theme, width):
    page.set_viewport_size({"width": width, "height": 1600})
    ask_for_little(page)
    page.locator("#txt2img_height input[type=number]").first.fill("128")
    page.locator("#txt2img_height input[type=number]").first.press("Tab")
    generate(page)  # which the canvas shows below the mask
    open_accordion(page, TAB)
    open_accordion(page, f"{TAB}_mask_group")
    page.click(f"{TAB}_mask_draw")
    page.wait_for_selector(CANVAS)
    box, around = (page.locator(where).first.bounding_box() for where in (CANVAS, TAB))
    assert box["height"] / box["width"] == pytest.approx(2, rel=0.01) and box["width"] <= around["width"]
    stroke(page, (0.3, 0.4), (0.6, 0.6), brush=0.3)
    assert page.locator(IN_FIELD).bounding_box()["height"] <= 240  # not as wide as the page is
    page.locator(f"{TAB}_mask_draw").scroll_into_view_if_needed()
    shoot(page, f"mask_{theme}_{width}")
    shades = page.locator(CANVAS).evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    )
    shown = np.array(shades).reshape(512, 256, 4)[..., :3]
    assert shown[256, 115].min() > 130  # held
    assert shown[40:80, 200:240].std() > 1  # the picture, not one shade
    assert not page.faults
