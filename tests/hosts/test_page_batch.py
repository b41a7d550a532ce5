"""img2img's batch tab on the page of a real WebUI, with Latent Sequence: each picture gets its own sequences."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.hosts.pages import choose, gallery, generate, open_accordion, set_number

pytestmark = pytest.mark.real_host

SEQUENCE = "#itermix_sequence_img2img"
COUNT, FRAMES = 2, 2


@pytest.fixture
def folder(picture, tmp_path):
    """Two pictures in a folder."""
    (tmp_path / "in").mkdir()
    for name, one in (("beach", picture), ("wood", picture.transpose(Image.Transpose.ROTATE_180))):
        one.save(tmp_path / "in" / f"{name}.png")
    return tmp_path


def test_two_pictures_with_count_2_make_two_sequences_each(host, saving, page, folder):
    host.arm(network="gaussian")
    page.locator("#tabs > .tab-nav button", has_text="img2img").first.click()
    page.locator("#mode_img2img > .tab-nav button", has_text="Batch").first.click()
    if page.locator("#img2img_batch_source").count():  # Classic and reForge take a folder alone
        page.locator("#img2img_batch_source > .tab-nav button", has_text="From directory").first.click()
    page.fill("#img2img_batch_input_dir textarea", str(folder / "in"))
    page.fill("#img2img_batch_output_dir textarea", str(folder / "out"))
    page.fill("#img2img_prompt textarea", "a cat")
    for name, value in (("width", 64), ("height", 64), ("steps", 4), ("batch_count", COUNT), ("seed", 1)):
        set_number(page, f"#img2img_{name}", value)
    choose(page, "#tab_img2img #script_list", "Latent Sequence")
    page.wait_for_selector(f"{SEQUENCE}_frames", state="visible")
    set_number(page, f"{SEQUENCE}_frames", FRAMES)
    open_accordion(page, f"{SEQUENCE}_video_group")
    choose(page, f"{SEQUENCE}_video_format", "none")
    generate(page, "img2img")
    # The hosts name results by the file where they go to a folder of the user's, Forge and Neo where an option says so.
    by_file = host.get("/sdapi/v1/options").get("img2img_batch_use_original_name", True)
    names = ("beach", "wood") if by_file else ("picture-1", "picture-2")
    folders = sorted(path for path in (folder / "out" / "itermix-sequences").glob("*/*") if path.is_dir())
    assert [f"{path.parent.name}/{path.name}" for path in folders] == [
        f"{name}/0000{number}" for name in names for number in range(COUNT)
    ]
    first = [np.array(Image.open(path / "00000.png")) for path in folders]
    assert len({frame.tobytes() for frame in first}) == 2 * COUNT
    assert len(gallery(page, "img2img")) == 2 * COUNT * (FRAMES + 1)  # a grid beside each sequence's frames
    assert not page.faults
