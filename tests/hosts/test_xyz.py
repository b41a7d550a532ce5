"""X/Y/Z plot on a real WebUI: an axis for every field, and every cell what it says."""

from __future__ import annotations

import json
import urllib.error

import numpy as np
import pytest

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings
from tests.hosts.plots import axes_of, plot

pytestmark = pytest.mark.real_host

HIRES = dict(enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.5)
WITHOUT_AXIS = {"reference_image", "mask_image", "resume"}
SHORT = {"steps": 4, "seed": 5}
FIRST_CELL = 1  # of the pictures: the grid comes before the cells


@pytest.fixture(autouse=True)
def quick(host, disarmed):
    host.arm(network="gaussian")


def mixing_axis(name):
    return axis(MixingSettings, name)


def sequence_axis(name):
    return axis(SequenceSettings, name)


def axis(model, name):
    return next(f"[{model.title}] {field.axis or field.label}" for field in model.fields() if field.name == name)


def ours(labels):
    return [label for label in labels if label.startswith((f"[{MixingSettings.title}]", f"[{SequenceSettings.title}]"))]


def cells(drawn):
    return list(zip(drawn.pictures[FIRST_CELL:], drawn.infotexts[FIRST_CELL:]))


def settings_in(infotext, model):
    value, _ = json.JSONDecoder().raw_decode(infotext.split(f"{model.infotext_key}: ")[1])
    return model.from_infotext(value)


def sequence(host, settings, **body):
    return host.generate(script_name="latent sequence", script_args=[settings], **body)


def sheet_of(frames, columns):
    """As the host lays pictures out, row by row."""
    height, width, _ = frames[0].shape
    rows = -(-len(frames) // columns)
    sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
    for i, frame in enumerate(frames):
        top, left = i // columns * height, i % columns * width
        sheet[top : top + height, left : left + width] = frame
    return sheet


@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_every_field_of_both_scripts_has_one_axis_and_alpha_1_is_the_first(host, tab):
    found = ours(axes_of(host, tab))
    wanted = [
        f"[{model.title}] {field.axis or field.label}"
        for model in (MixingSettings, SequenceSettings)
        for field in model.fields()
        if field.name not in WITHOUT_AXIS
    ]
    assert found[0] == "[Iterative Mixing] alpha_1"
    assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize("csv", [False, True], ids=["drop-downs", "text"])
def test_choices_and_switches_are_taken_from_drop_downs_and_from_text(host, csv):
    blends, switches = (mixing_axis("blend"), "low-pass,linear"), (mixing_axis("enabled"), "on,off")
    first, second, *off = cells(plot(host, blends, switches, {"enabled": True}, csv, **HIRES))
    assert settings_in(first[1], MixingSettings).blend == "low-pass"
    assert settings_in(second[1], MixingSettings).blend == "linear"
    plain = host.generate(**HIRES).pictures[-1]
    assert all(MixingSettings.infotext_key not in text and np.array_equal(picture, plain) for picture, text in off)


@pytest.mark.parametrize("accordion", [{"enabled": False, "minimum": 0.1}, None], ids=["off", "untouched"])
def test_a_range_drives_the_accordion_while_it_is_off(host, accordion):
    drawn = cells(plot(host, (mixing_axis("alpha_1"), "0.5-3 [6]"), mixing=accordion, **HIRES))
    found = [settings_in(text, MixingSettings) for _, text in drawn]
    assert [settings.alpha_1 for settings in found] == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert {settings.minimum for settings in found} == {0.1 if accordion else 0.0}
    for (picture, _), settings in list(zip(drawn, found))[::5]:
        assert np.array_equal(picture, host.generate(mixing=settings.to_dict(), **HIRES).pictures[-1])
    assert len({picture.tobytes() for picture, _ in drawn}) == 6


def test_two_axes_of_mixing_meet_in_each_cell(host):
    drawn = cells(plot(host, (mixing_axis("alpha_1"), "0.5, 2"), (mixing_axis("clamp"), "0.4, 1"), **HIRES))
    found = [settings_in(text, MixingSettings) for _, text in drawn]
    assert [(s.alpha_1, s.clamp) for s in found] == [(0.5, 0.4), (2.0, 0.4), (0.5, 1.0), (2.0, 1.0)]


def test_a_cell_of_a_sequence_is_the_sheet_of_its_frames(host):
    denoise, frames = (sequence_axis("denoise_seq"), "0.3, 0.8"), (sequence_axis("frames"), "4")
    drawn = cells(plot(host, denoise, frames, **SHORT))
    assert len(drawn) == 2
    for (picture, text), denoise_seq in zip(drawn, (0.3, 0.8)):
        settings = settings_in(text, SequenceSettings)
        assert settings == SequenceSettings(frames=4, denoise_seq=denoise_seq)
        alone = sequence(host, settings.to_dict(), **SHORT)
        assert np.array_equal(picture[..., :3], sheet_of(alone.pictures[1:], 2))  # Forge's has an alpha channel
        # The script's own name is written by the host's drop-down alone, so that a paste selects it.
        assert alone.infotexts[1].replace("Script: Latent Sequence, ", "") in text
    assert not np.array_equal(drawn[0][0], drawn[1][0])


def test_sequences_of_different_lengths_have_cells_of_one_size(host):
    drawn = plot(host, (sequence_axis("frames"), "2-4"), (sequence_axis("video_format"), "none"), **SHORT)
    pictures = [picture for picture, _ in cells(drawn)]
    assert [picture.shape[:2] for picture in pictures] == [(128, 128)] * 3
    assert not pictures[0][64:, :, :3].any() and pictures[2][64:, 64:].any()
    assert [settings_in(text, SequenceSettings).frames for _, text in cells(drawn)] == [2, 3, 4]


def test_keyframes_are_written_on_one_line(host):
    axis = (sequence_axis("prompts"), r'"0: a cat\n1: a dog", "0: a rose"')
    drawn = cells(plot(host, axis, (sequence_axis("frames"), "2"), csv=True, **SHORT))
    assert [settings_in(text, SequenceSettings).prompts for _, text in drawn] == ["0: a cat\n1: a dog", "0: a rose"]
    assert drawn[0][1].startswith("a cat") and drawn[1][1].startswith("a rose")


def test_axes_of_both_scripts_meet_in_one_cell(host):
    mixing, reference = (mixing_axis("alpha_1"), "0.1, 3"), (sequence_axis("mixing_reference"), "first frame")
    drawn = plot(host, mixing, reference, {"enabled": False}, **SHORT)
    assert sum("frame: Euler, reference: Latent Sequence, mixed" in line for line in drawn.log) == 2 * 11
    for (_, text), alpha_1 in zip(cells(drawn), (0.1, 3.0)):
        assert settings_in(text, MixingSettings).alpha_1 == alpha_1
        assert settings_in(text, SequenceSettings).mixing_reference == "first frame"
    assert not np.array_equal(cells(drawn)[0][0], cells(drawn)[1][0])


def test_a_plot_without_an_axis_of_a_sequence_has_none(host):
    drawn = plot(host, ("Steps", "4, 5"))
    assert [picture.shape for picture, _ in cells(drawn)] == [(64, 64, 3)] * 2
    assert all(SequenceSettings.infotext_key not in text for text in drawn.infotexts)


@pytest.mark.parametrize("axis, message", [
    ((mixing_axis("alpha_1"), "1, 11"), "alpha_1: 11.0 is not allowed; it takes a"),
    ((mixing_axis("blend"), "linear, mean"), "blend: 'mean' is not allowed; it takes one of \"two bands\""),
    ((mixing_axis("enabled"), "maybe"), "enabled: 'maybe' is not allowed; it takes true or false"),
    ((sequence_axis("frames"), "0"), "frames: 0 is not allowed; it takes a whole number from 1"),
])  # fmt: skip
def test_values_that_cannot_be_are_refused_before_the_first_cell(host, axis, message):
    with pytest.raises(urllib.error.HTTPError) as raised:
        plot(host, axis, csv=True)
    assert raised.value.code == 422 and message in json.loads(raised.value.read())["detail"]


def test_without_a_page_the_axes_are_there_and_work(host, tmp_path):
    from tools.real_host import Host

    bare = Host(host.tree, tmp_path, extra_flags=("--nowebui",))
    try:
        assert ours(axes_of(bare)) == ours(axes_of(host))
        bare.arm(network="gaussian")
        drawn = cells(plot(bare, (mixing_axis("alpha_1"), "0.5, 2"), **HIRES))
        assert [settings_in(text, MixingSettings).alpha_1 for _, text in drawn] == [0.5, 2.0]
        sheets = cells(plot(bare, (sequence_axis("frames"), "1, 2"), (sequence_axis("video_format"), "none"), **SHORT))
        assert [settings_in(text, SequenceSettings).frames for _, text in sheets] == [1, 2]
    finally:
        bare.stop()
