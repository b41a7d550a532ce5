"""What --out names: written in that format, or refused before anything is loaded."""

import os
import time

import pytest
from PIL import Image

from itermix.__main__ import main
from tests.pictures.test_saving import infotext_of

SWEEP = ["--x", "seed=1,2"]
COMMANDS = {"render": ["render", "apple"], "sweep": ["sweep", "apple", *SWEEP], "demo": ["demo", "--no-browser"]}


@pytest.fixture
def nothing_is_loaded(monkeypatch):
    from itermix.commands import arguments

    monkeypatch.setattr(arguments, "open_studio", lambda *args: pytest.fail("the model was loaded"))


@pytest.mark.parametrize("name, problem", [
    ("a.bmp", "names no format that is written here; take .png, .jpg or .webp"),
    ("a.mp4", "names no format"),
    ("a.json", "names no format"),
    ("x" * 253 + ".png", "bytes too long for the files that are made from it"),
    ("half\ud800.png", "is no proper text; it holds half a character"),
    ("a\0b.png", "holds a null character"),
    ("folder.png", "it is a folder"),
    ("file/a.png", "cannot be written"),
], ids=range(8))  # fmt: skip
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_cannot_be_written_is_refused_in_one_line(
    command, name, problem, tmp_path, capsys, nothing_is_loaded
):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_bytes(b"")
    before = sorted(os.listdir(tmp_path))
    start = time.monotonic()
    assert main([*COMMANDS[command], f"--out={tmp_path}/{name}"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and problem in err and err.startswith(f"itermix {command}: out: ")
    assert sorted(os.listdir(tmp_path)) == before and time.monotonic() - start < 3


@pytest.mark.parametrize("more, is_allowed", [
    ([], True), (["--count", "99", "--seed", "123456"], False), (["--trace", "3"], False),
    (["--sequence", "a.json"], False),
])  # fmt: skip
def test_the_names_that_are_made_from_it_count(more, is_allowed, tmp_path, capsys, monkeypatch):
    from itermix.commands import arguments
    from itermix.studio.errors import StudioError

    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text("{}")

    def loaded(*args):
        raise StudioError("far enough")

    monkeypatch.setattr(arguments, "open_studio", loaded)
    assert main(["render", "apple", f"--out={tmp_path}/{'x' * 248}.png", *more]) == 2
    err = capsys.readouterr().err
    assert ("far enough" in err) == is_allowed and ("too long for the files that are made from it" in err) != is_allowed


@pytest.mark.parametrize("option", ["prompt", "--negative"])
def test_half_a_character_in_a_prompt_is_refused_by_its_field(option, tmp_path, capsys, nothing_is_loaded):
    given = ["half \udcff"] if option == "prompt" else ["apple", option, "half \udcff"]
    assert main(["render", *given, f"--out={tmp_path}/a.png"]) == 2
    err = capsys.readouterr().err
    assert f"render: {option.strip('-')}: " in err and "is no proper text; it holds half a character" in err


@pytest.mark.parametrize("name, format", [("a.jpg", "JPEG"), ("-a.webp", "WEBP"), ("a:b.png", "PNG"), ("a", "PNG")])
def test_a_picture_is_written_in_the_format_of_its_name(name, format, folders, tmp_path, capsys):
    pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")
    size = ["--width", "64", "--height", "64", "--steps", "1"]
    model = ["--checkpoint", str(folders / "sd15"), "--device", "cpu"]
    assert main(["render", "red apple", f"--out={tmp_path}/{name}", *size, *model]) == 0
    with Image.open(tmp_path / name) as picture:
        assert picture.format == format
    assert infotext_of(tmp_path / name).startswith("red apple\nSteps: 1, ")
    assert os.listdir(tmp_path) == [name]
