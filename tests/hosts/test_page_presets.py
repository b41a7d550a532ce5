"""Presets on the page of a real WebUI: they set the fields, know themselves again, and the user's own stay."""

from __future__ import annotations

import json

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from tests.hosts.pages import (
    FIRST_PRESET,
    TAB,
    choose,
    infotext,
    load,
    open_accordion,
    paste,
    set_number,
    shoot,
    wait_for_checked,
    wait_for_choice,
    wait_for_number,
)

pytestmark = pytest.mark.real_host

PRESET = f"{TAB}_preset"
ANSWER = f"{TAB}_preset_answer"


@pytest.fixture
def presets(host):
    """The file of the running host, which begins empty and ends so."""
    file = host.data / "itermix" / "presets.json"
    file.unlink(missing_ok=True)
    yield Presets(file, MixingSettings, "mixing")
    file.unlink(missing_ok=True)


@pytest.fixture
def opened(host, presets, page):
    """The page, loaded with no own presets, with an open accordion."""
    open_accordion(page, TAB)
    wait_for_choice(page, PRESET, FIRST_PRESET)
    return page


def wait_for_settings(page, presets, settings):
    for field in presets.fields():
        value = getattr(settings, field.name)
        component = f"{TAB}_{field.name}"
        if field.kind == "switch":
            wait_for_checked(page, f"{component} input[type=checkbox]", value)
        elif field.kind == "choice":
            wait_for_choice(page, component, value)
        else:
            wait_for_number(page, component, value)


def test_a_chosen_preset_sets_every_field_without_the_server(opened, presets):
    set_number(opened, f"{TAB}_alpha_1", 7.5)
    wait_for_choice(opened, PRESET, "custom")
    opened.context.set_offline(True)
    for name in [*MixingSettings.presets(), "Faithful"]:
        choose(opened, PRESET, name)
        wait_for_settings(opened, presets, MixingSettings.from_dict({"preset": name}))
        wait_for_choice(opened, PRESET, name)
    shoot(opened, "preset")
    assert not opened.faults


def test_a_changed_field_makes_it_custom_and_changed_back_the_preset_again(opened):
    opened.context.set_offline(True)
    choose(opened, PRESET, "Balanced")
    alpha_1 = MixingSettings().alpha_1
    wait_for_number(opened, f"{TAB}_alpha_1", alpha_1)
    set_number(opened, f"{TAB}_alpha_1", 9.5)
    wait_for_choice(opened, PRESET, "custom")
    set_number(opened, f"{TAB}_alpha_1", alpha_1)
    wait_for_choice(opened, PRESET, "Balanced")
    slider = opened.locator(f"{TAB}_alpha_1_slider input[type=range]")
    slider.focus()
    slider.press("ArrowRight")
    wait_for_choice(opened, PRESET, "custom")
    slider.press("ArrowLeft")
    wait_for_choice(opened, PRESET, "Balanced")
    open_accordion(opened, f"{TAB}_blend_group")
    choose(opened, f"{TAB}_blend", "slerp")
    wait_for_choice(opened, PRESET, "custom")
    choose(opened, PRESET, "Node pack")
    wait_for_choice(opened, f"{TAB}_blend", MixingSettings.presets()["Node pack"]["blend"])
    wait_for_choice(opened, PRESET, "Node pack")
    assert not opened.faults


@pytest.mark.parametrize("name", MixingSettings.presets())
def test_a_pasted_infotext_shows_its_preset(opened, name):
    set_number(opened, f"{TAB}_alpha_1", 7.5)
    wait_for_choice(opened, PRESET, "custom")
    settings = MixingSettings.from_dict({"preset": name})
    paste(opened, infotext(Iterative_Mixing=settings.to_infotext().replace('"', '\\"')))
    wait_for_choice(opened, PRESET, name)
    wait_for_number(opened, f"{TAB}_alpha_1", settings.alpha_1)
    paste(opened, infotext(Iterative_Mixing='{\\"alpha_1\\": 8.5}'))
    wait_for_choice(opened, PRESET, "custom")
    assert not opened.faults


def save(page, name):
    page.fill(f"{PRESET}_name textarea, {PRESET}_name input", name)
    page.click(f"{PRESET}_save")


def answered(page, text):
    page.wait_for_selector(f"{ANSWER} >> text={text}")


def test_save_rename_and_delete_a_preset_of_ones_own(host, opened, presets):
    page = opened
    open_accordion(page, f"{TAB}_presets_group")
    set_number(page, f"{TAB}_alpha_1", 2.5)
    open_accordion(page, f"{TAB}_blend_group")
    choose(page, f"{TAB}_blend", "slerp")
    save(page, "mine")
    answered(page, 'Saved "mine".')
    wait_for_choice(page, PRESET, "mine")
    shoot(page, "preset-saved")
    assert presets.own_names() == ["mine"] and presets.values("mine") == {"alpha_1": 2.5, "blend": "slerp"}
    choose(page, PRESET, "Creative")
    wait_for_number(page, f"{TAB}_alpha_1", MixingSettings.presets()["Creative"]["alpha_1"])
    choose(page, PRESET, "mine")
    wait_for_number(page, f"{TAB}_alpha_1", 2.5)
    wait_for_choice(page, f"{TAB}_blend", "slerp")

    load(page, host.url)  # another visit knows it too
    open_accordion(page, TAB)
    open_accordion(page, f"{TAB}_presets_group")
    wait_for_choice(page, PRESET, FIRST_PRESET)
    choose(page, PRESET, "mine")
    wait_for_number(page, f"{TAB}_alpha_1", 2.5)
    choose(page, f"{PRESET}_own", "mine")
    page.fill(f"{PRESET}_name textarea, {PRESET}_name input", "ours")
    page.click(f"{PRESET}_rename")
    answered(page, 'Renamed "mine" to "ours".')
    wait_for_choice(page, PRESET, "ours")
    assert presets.own_names() == ["ours"]
    wait_for_choice(page, f"{PRESET}_own", "ours")
    page.click(f"{PRESET}_delete")
    answered(page, 'Deleted "ours".')
    wait_for_choice(page, PRESET, "custom")
    assert presets.own_names() == []
    page.click(f"{PRESET}_delete")
    answered(page, "choose one of your saved presets first")
    assert not page.faults


def test_what_cannot_be_saved_is_said(opened, presets):
    open_accordion(opened, f"{TAB}_presets_group")
    for name, message in (("", "takes 1 to 60 characters"), ("Balanced", "is a built-in preset")):
        save(opened, name)
        answered(opened, message)
    open_accordion(opened, f"{TAB}_curve_group")
    set_number(opened, f"{TAB}_stop", 0)
    save(opened, "mine")
    answered(opened, "it must be below stop, which is 0")
    assert not presets.file.exists()
    assert not opened.faults


BROKEN = {
    "damaged": ("{", "correct it, or move it away to begin with none"),
    "newer": (json.dumps({"version": 99, "mixing": {"a": {}}}), "update itermix to use it"),
}


@pytest.mark.parametrize("text, advice", BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_used_is_said_and_the_built_in_presets_stay(host, opened, presets, text, advice):
    page = opened
    presets.file.parent.mkdir(exist_ok=True)
    presets.file.write_text(text)
    load(page, host.url)
    open_accordion(page, TAB)
    page.wait_for_selector(f"{PRESET}_trouble >> text={advice}")
    shoot(page, "preset-trouble")
    choose(page, PRESET, "Creative")
    wait_for_number(page, f"{TAB}_alpha_1", MixingSettings.presets()["Creative"]["alpha_1"])
    open_accordion(page, f"{TAB}_presets_group")
    save(page, "mine")
    answered(page, advice)
    assert presets.file.read_text() == text
    presets.file.unlink()
    load(page, host.url)
    open_accordion(page, TAB)
    page.wait_for_selector(f"{PRESET}_trouble", state="hidden")
    assert not page.faults
