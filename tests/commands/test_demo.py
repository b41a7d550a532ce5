"""The demo: every way to the picture on one sheet, from one native picture, and the page only where it can be seen."""

import json
import sys
import types

import numpy as np
import pytest
from PIL import Image

from itermix.__main__ import main
from itermix.commands import demo
from itermix.mixing.settings import MixingSettings
from itermix.pictures import detail
from itermix.studio.request import Request

pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")
pytest.importorskip("transformers", reason="the studio needs transformers, which is not installed")


def run(capsys, folders, out, *more):
    model = ["--checkpoint", str(folders / "sd15"), "--device", "cpu", "--steps", "2"]
    code = main(["demo", "--out", str(out), *model, *more])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_ways_are_native_direct_three_plain_and_three_mixed():
    ways = demo.ways(Request(width=128, height=128), True, 2)
    changes = [change for _, _, variants in ways for _, change in variants]
    assert [label for label, _, _ in ways] == ["native", "direct", "plain second pass (hires fix)", "iterative mixing"]
    assert changes[:2] == [{}, {"width": 256, "height": 256}]
    assert changes[2:5] == [{"hires": 2.0, "hires_strength": strength} for strength in (0.3, 0.5, 0.7)]
    presets = [
        MixingSettings.from_dict({"preset": name, "enabled": True}) for name in ("Close", "Balanced", "Creative")
    ]
    assert [change["mixing"] for change in changes[5:]] == presets
    assert all(change["mixing"].enabled and change["hires"] == 2.0 for change in changes[5:])


@pytest.fixture(scope="module")
def made(folders, tmp_path_factory):
    """The sheet, what was put on it, and the pictures that were made, row by row."""
    from itermix.pictures import sheet

    seen, rows, composed, lines_of = [], [], sheet.composed, demo.lines_of

    def watched(*arguments):
        seen.append(arguments)
        return composed(*arguments)

    def kept(row):
        rows.append(row)
        return lines_of(row)

    out = tmp_path_factory.mktemp("demo") / "deep" / "sheet.png"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheet, "composed", watched)
        patch.setattr(demo, "lines_of", kept)
        arguments = [
            "--subjects",
            "red apple",
            "duck",
            "--full",
            "--no-browser",
            "--out",
            str(out),
            "--seed",
            "5",
            "--steps",
            "2",
        ]
        assert main(["demo", *arguments, "--checkpoint", str(folders / "sd15"), "--device", "cpu"]) == 0
    return out, seen[-1], rows[-2:]


def test_the_sheet_has_two_lines_of_eight_for_each_subject(made):
    out, (title, sentence, columns, rows, pictures, groups), _ = made
    assert title == "A picture at 2 times the size that the model was trained for"
    assert rows == ["red apple", "", "duck", ""] and len(columns) == 8 == sum(group.columns for group in groups)
    assert columns[0] == "64 x 64" and columns[1] == "128 x 128" and columns[7] == "128 x 128, preset Creative"
    whole, parts = [(64, 64)] + 7 * [(128, 128)], 8 * [(128, 128)]
    assert [[picture.size for picture in line] for line in pictures] == [whole, parts] * 2
    with Image.open(out) as sheet:
        assert sheet.width > 8 * 200 and "red apple\nSteps: 2" in sheet.info["parameters"]


def test_each_picture_is_the_one_that_render_makes(made, folders, tmp_path, capsys):
    _, _, pictures = made
    model = ["--checkpoint", str(folders / "sd15"), "--device", "cpu", "--steps", "2", "--seed", "5"]
    for column, more in (
        (0, []), (1, ["--width", "128", "--height", "128"]), (3, ["--hires", "2", "--hires-strength", "0.5"]),
        (5, ["--hires", "2", "--mixing", '{"preset": "Close"}']),
    ):  # fmt: skip
        out = tmp_path / f"{column}.png"
        assert main(["render", "red apple", "--out", str(out), *model, *more]) == 0
        with Image.open(out) as picture:
            assert np.array_equal(np.array(picture), np.array(pictures[0][column])), column


def test_the_sheet_of_a_minute_has_the_four_that_tell_most(folders, tmp_path, monkeypatch, capsys):
    """And is there after its first row."""
    from itermix.pictures import sheet

    seen, composed = [], sheet.composed
    monkeypatch.setattr(sheet, "composed", lambda *arguments: seen.append(arguments) or composed(*arguments))
    code, out, err = run(capsys, folders, tmp_path / "s.png", "--no-browser", "--subjects", "red apple", "duck")
    assert code == 0 and "`python3 -m itermix demo --full` makes more of it" in out
    assert [rows for _, _, _, rows, _, _ in seen] == [["red apple", ""], ["red apple", "", "duck", ""]]
    assert seen[-1][2] == ["64 x 64", "128 x 128", "128 x 128, denoising strength 0.5", "128 x 128, preset Close"]
    assert f"the first row is in {tmp_path / 's.png'}\n" in err and "8/8 duck: " in err


def test_a_part_of_a_large_picture_is_shown_at_its_own_size_and_the_small_ones_enlarged():
    values = np.zeros((64, 64, 3), np.uint8)
    values[40:48, 16:24] = 255  # all edges there are
    small = Image.fromarray(values)
    large = small.resize((512, 512), Image.Resampling.NEAREST)
    whole, parts = demo.lines_of([small, large])
    assert [one.size for one in whole] == [(64, 64), (256, 256)] and [one.size for one in parts] == [(256, 256)] * 2
    left, top, right, bottom = detail.busiest(small, 0.5)
    assert left <= 16 / 64 and right >= 24 / 64 and top <= 40 / 64 and bottom >= 48 / 64
    assert np.array_equal(np.array(parts[1]), np.array(large.crop((left * 512, top * 512, right * 512, bottom * 512))))


@pytest.mark.parametrize("arguments, scale", [([], 4), (["--checkpoint", "x"], 2), (["--scale", "3"], 3)])
def test_the_small_model_is_shown_at_four_times_its_size(arguments, scale):
    assert demo.scale_of(demo.parser().parse_args(arguments)) == scale


@pytest.mark.parametrize("seconds, more, rows", [
    (20.0, [], 2), (44.0, [], 2), (46.0, [], 1), (300.0, [], 1), (300.0, ["--full"], 4),
    (300.0, ["--subjects", "a", "b", "c"], 3),
], ids=str)  # fmt: skip
def test_a_busy_machine_makes_the_first_row_alone_unless_more_is_asked_for(
    seconds, more, rows, folders, tmp_path, monkeypatch, capsys
):
    """Each row takes so long; a second one that would not be done within a minute and a half is not begun."""
    now, saved = [0.0], []

    def pictures_of(*_):
        now[0] += seconds
        return []

    monkeypatch.setattr(demo.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(demo, "pictures_of", pictures_of)
    monkeypatch.setattr(demo, "save", lambda path, requests, made, full, scale: saved.append(len(requests)))
    code, out, err = run(capsys, folders, tmp_path / "s.png", "--no-browser", *more)
    assert code == 0 and saved == list(range(1, rows + 1)) and "the sheet is " in out
    assert ("this machine is busy or slow" in err) == (rows == 1)


@pytest.fixture
def page(monkeypatch):
    """What the page was opened with."""
    opened = []
    module = types.ModuleType("itermix.commands.studio")
    module.main = lambda arguments: opened.append(arguments) or 0
    monkeypatch.setitem(sys.modules, "itermix.commands.studio", module)
    monkeypatch.setattr("itermix.commands.studio", module, raising=False)
    return opened


@pytest.mark.parametrize(
    "display, browser, opens", [(True, [], True), (True, ["--no-browser"], False), (False, [], False)]
)
def test_the_page_is_opened_where_it_can_be_seen(display, browser, opens, page, folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "has_display", lambda: display)
    monkeypatch.setattr(demo, "pictures_of", lambda *_: [Image.new("RGB", (64, 64))] * 4)
    code, out, _ = run(capsys, folders, tmp_path / "s.png", *browser)
    assert code == 0 and out.startswith(f"the sheet is {tmp_path / 's.png'}\n")
    assert page == ([["--checkpoint", str(folders / "sd15"), "--device", "cpu"]] if opens else [])
    assert ("there is no display" in out) == (not display)


@pytest.mark.parametrize("system, variables, display", [
    ("linux", {}, False), ("linux", {"DISPLAY": ":0"}, True), ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
    ("darwin", {}, True), ("win32", {}, True), ("darwin", {"SSH_CONNECTION": "1"}, False),
])  # fmt: skip
def test_a_display(system, variables, display, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(demo.sys, "platform", system)
    assert demo.has_display() == display


def test_the_subjects_are_the_models_best(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "MODEL", tmp_path)
    (tmp_path / "studio.json").write_text(json.dumps({"guidance": 4, "prompts": ["a", "b", "c", "d", "e"]}))
    assert demo.default_subjects() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("arguments, match", [
    (["--steps", "0"], "steps: '0' is not allowed"),
    (["--seed", "-1"], "seed: '-1' is not allowed"),
    (["--scale", "1"], "scale: '1' is not allowed"),
    (["--scale", "9"], "scale: '9' is not allowed"),
    (["--checkpoint", "nowhere"], "checkpoint: nowhere is not there"),
    (["--subjects"], "--subjects"),
    (["--device", "abacus"], 'device: "abacus" cannot be used here'),
])  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(arguments, match, tmp_path, capsys):
    code = main(["demo", "--out", str(tmp_path / "s.png"), *arguments])
    out, err = capsys.readouterr()
    assert code == 2 and not out and err.count("\n") == 1 and match in err, err
