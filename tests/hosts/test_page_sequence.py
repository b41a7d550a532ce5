"""Latent Sequence on the page of a real WebUI: the plan, the frames, and its fields from an infotext."""

from __future__ import annotations

import pytest

from itermix.sequence.gallery import examples
from tests.hosts.pages import (
    ask_for_little,
    choose,
    gallery,
    generate,
    load,
    open_accordion,
    paste,
    set_number,
    shoot,
    wait_for_choice,
    wait_for_number,
)

pytestmark = pytest.mark.real_host

PREFIX = "#itermix_sequence_txt2img"
SCRIPTS = "#tab_txt2img #script_list"


def choose_the_script(page):
    choose(page, SCRIPTS, "Latent Sequence")
    page.wait_for_selector(f"{PREFIX}_frames", state="visible")


def planned(page):
    """The plan's table: the cells of each frame. gradio has a table before it that only measures the columns."""
    rows = page.eval_on_selector_all(
        f"{PREFIX}_table table",
        """tables => [...tables[tables.length - 1].querySelectorAll("tbody tr")]
            .map(row => [...row.querySelectorAll("td")].map(cell => cell.innerText.trim()))""",
    )
    return [row for row in rows if row and row[0].isdigit()]


def test_a_sequence_from_the_page(host, page):
    host.arm(network="gaussian")
    ask_for_little(page)
    choose_the_script(page)
    set_number(page, f"{PREFIX}_frames", 3)
    page.fill(f"{PREFIX}_prompts textarea", "0: a rose\n2: a rose in snow")
    page.click(f"{PREFIX}_plan")
    page.wait_for_selector(f"{PREFIX}_table >> text=a rose in snow")
    shoot(page, "sequence")
    rows = planned(page)
    assert [row[0] for row in rows] == ["0", "1", "2"]
    assert [row[1] for row in rows] == ["1", "2", "3"]  # from the page's own seed
    assert [row[3] for row in rows] == ["a rose", "a rose -> a rose in snow (50%)", "a rose in snow"]
    open_accordion(page, f"{PREFIX}_seeds_group")
    choose(page, f"{PREFIX}_seed_mode", "fixed")
    info = generate(page)
    assert "Latent Sequence" in info and "a rose" in info
    in_gallery = len(list(host.data.rglob("itermix-sequences/*/sequence-0.webp")))  # where nothing can make an mp4
    assert len(gallery(page)) == 4 + in_gallery  # the grid and the frames
    shoot(page, "sequence-done")
    assert any("3 of 3 frames" in line for line in host.lines_since(0)[-3:])

    load(page, host.url)
    paste(page, info)
    wait_for_choice(page, SCRIPTS, "Latent Sequence")
    wait_for_number(page, f"{PREFIX}_frames", 3)
    wait_for_choice(page, f"{PREFIX}_seed_mode", "fixed")
    assert page.input_value(f"{PREFIX}_prompts textarea") == "0: a rose\n2: a rose in snow"
    assert not page.faults


def test_a_plan_that_cannot_be_is_refused_with_the_reason(page):
    choose_the_script(page)
    set_number(page, f"{PREFIX}_frames", 3)
    page.fill(f"{PREFIX}_prompts textarea", "0: a rose\n9: a rose in snow")
    page.click(f"{PREFIX}_plan")
    page.wait_for_selector(f"{PREFIX}_problem >> text=the last of 3 frames is 2")
    shoot(page, "sequence-refused")
    assert not page.faults


@pytest.mark.parametrize("width", (1280, 800))
@pytest.mark.parametrize("theme", ("light", "dark"))
def test_an_example_fills_the_fields_and_its_plan_can_be_read(host, page, theme, width):
    page.set_viewport_size({"width": width, "height": 3000})
    choose_the_script(page)
    for name in ("examples", "values", "camera", "video"):
        open_accordion(page, f"{PREFIX}_{name}_group")
    for example in (*examples(), next(one for one in examples() if one.settings.zoom_schedule)):
        page.click(f"{PREFIX}_example_{example.name}")
        wait_for_number(page, f"{PREFIX}_frames", example.settings.frames)
        page.wait_for_function(
            "([at, text]) => document.querySelector(at).value === text",
            arg=[f"{PREFIX}_prompts textarea", example.settings.prompts],
        )
        assert page.locator(f"{PREFIX}_close_loop input").is_checked() == example.settings.close_loop
    page.click(f"{PREFIX}_plan")
    page.wait_for_selector(f"{PREFIX}_table td")
    page.wait_for_timeout(1000)
    page.evaluate("window.scrollTo(0, 0)")
    shoot(page, f"examples_{theme}_{width}")
    assert len(planned(page)) == example.settings.frames
    too_wide = page.evaluate(
        """id => [...document.querySelectorAll(`[id^=${id}]`)]
            .filter(node => node.clientWidth && node.scrollWidth > node.clientWidth + 1 && !node.closest(".table-wrap"))
            .map(node => [node.id, node.clientWidth, node.scrollWidth])""",
        PREFIX[1:],
    )
    assert too_wide == []
    assert not page.faults


def test_a_sequence_has_presets_of_its_own(host, page):
    file = host.data / "itermix" / "presets.json"
    choose_the_script(page)
    wait_for_choice(page, f"{PREFIX}_preset", "Defaults")
    set_number(page, f"{PREFIX}_frames", 7)
    wait_for_choice(page, f"{PREFIX}_preset", "custom")
    open_accordion(page, f"{PREFIX}_presets_group")
    page.fill(f"{PREFIX}_preset_name textarea, {PREFIX}_preset_name input", "seven")
    page.click(f"{PREFIX}_preset_save")
    wait_for_choice(page, f"{PREFIX}_preset", "seven")
    choose(page, f"{PREFIX}_preset", "Defaults")
    wait_for_number(page, f"{PREFIX}_frames", 12)
    choose(page, f"{PREFIX}_preset", "seven")
    wait_for_number(page, f"{PREFIX}_frames", 7)
    file.unlink()
    assert not page.faults


def test_the_film_is_shown_under_the_gallery_and_gone_with_the_next_run(host, page):
    host.arm(network="gaussian")
    ask_for_little(page)
    choose_the_script(page)
    set_number(page, f"{PREFIX}_frames", 4)
    open_accordion(page, f"{PREFIX}_video_group")
    set_number(page, f"{PREFIX}_fps", 4)
    generate(page)
    if not list(host.data.rglob("sequence-0.mp4")):
        pytest.skip("this host has nothing to make mp4 with")
    film = page.locator("#tab_txt2img .itermix-films video")
    film.wait_for(state="visible")
    page.wait_for_function("film => film.readyState >= 2", arg=film.element_handle())
    seen = film.evaluate("film => [film.videoWidth, film.videoHeight, film.duration]")
    assert seen[:2] == [64, 64] and seen[2] == pytest.approx(1.0, abs=0.05)
    film.scroll_into_view_if_needed()
    shoot(page, "sequence-film")
    choose(page, f"{PREFIX}_video_format", "none")
    generate(page)
    page.wait_for_function("!document.querySelector('#tab_txt2img .itermix-films video')")
    assert not page.faults
