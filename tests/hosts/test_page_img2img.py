"""img2img on the page of a real WebUI: what does nothing there is hidden, and its batch tab makes whole sequences."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.hosts.pages import GENERATION, choose, open_accordion, set_number, shoot

pytestmark = pytest.mark.real_host

ACCORDION, SEQUENCE = "#itermix_img2img", "#itermix_sequence_img2img"


@pytest.fixture
def img2img(page):
    page.locator("#tabs > .tab-nav button", has_text="img2img").first.click()
    page.wait_for_selector("#img2img_generate", state="visible")
    return page


def test_the_accordion_hides_what_does_nothing_there_and_hints_at_the_strength(img2img):
    open_accordion(img2img, ACCORDION)
    img2img.wait_for_selector(f"{ACCORDION}_alpha_1", state="visible")
    assert "use a denoising strength of 0.7 to 1 with it" in img2img.inner_text(ACCORDION)
    assert not img2img.locator(f"{ACCORDION}_passes_group").first.is_visible()
    assert img2img.locator(f"{ACCORDION}_reference_group").first.is_visible()
    shoot(img2img, "img2img")
    assert not img2img.faults


def test_each_picture_of_the_batch_tab_has_its_own_sequences_in_a_folder_of_its_name(
    host, img2img, picture, tmp_path, saving
):
    host.arm(network="gaussian")
    names = ("beach", "forest")
    for turned, name in enumerate(names):
        picture.rotate(90 * turned).save(tmp_path / f"{name}.png")
    page, outputs = img2img, tmp_path / "made"
    page.locator("#mode_img2img > .tab-nav button", has_text="Batch").first.click()
    page.locator("#img2img_batch_source > .tab-nav button", has_text="From directory").first.click()
    page.fill("#img2img_batch_input_dir textarea", str(tmp_path))
    page.fill("#img2img_batch_output_dir textarea", str(outputs))
    page.fill("#img2img_prompt textarea", "a cat")
    for name, value in (("width", 64), ("height", 64), ("steps", 4), ("seed", 1), ("batch_count", 2)):
        set_number(page, f"#img2img_{name}", value)
    choose(page, "#tab_img2img #script_list", "Latent Sequence")
    page.wait_for_selector(f"{SEQUENCE}_frames", state="visible")
    set_number(page, f"{SEQUENCE}_frames", 3)
    page.click("#img2img_generate")
    page.wait_for_selector("#html_info_img2img p", timeout=GENERATION)
    made = {
        name: [
            sorted(path.name for path in folder.glob("*.png")) for folder in sorted(found.iterdir()) if folder.is_dir()
        ]
        for name in names
        for found in outputs.rglob(name)
    }
    frames = [f"0000{index}.png" for index in range(3)]
    assert made == {name: [frames, frames] for name in names}
    firsts = {next(outputs.rglob(f"{name}/*/00000.png")).read_bytes() for name in names}
    assert len(firsts) == 2
    assert all(Image.open(path).size == (64, 64) for path in outputs.rglob("0000*.png"))
    assert not page.faults
