"""What a format cannot hold is known and said before a run, and costs no picture after it."""

import subprocess
import sys

import pytest
from PIL import Image

from itermix.pictures import limits, mp4
from itermix.pictures.saving import fitting, left_out, save_picture
from itermix.sequence.settings import SequenceSettings


@pytest.mark.parametrize("format, fps, said", [
    ("gif", 60.0, ["a gif shows at most 50 frames a second: at 60"]), ("gif", 50.0, []), ("webp", 90.0, []),
    ("webp", 120.0, ["a webp shows at most 90 frames a second: at 120"]), ("mp4", 120.0, []), ("none", 120.0, []),
])  # fmt: skip
def test_a_films_speed(format, fps, said, monkeypatch):
    monkeypatch.setattr(mp4, "has_encoder", lambda: True)
    found = limits.of_film(format, fps)
    assert len(found) == len(said) and all(line.startswith(start) for line, start in zip(found, said))


def test_without_an_encoder_an_mp4_is_a_webp_and_has_its_limits(monkeypatch):
    monkeypatch.setattr(mp4, "has_pyav", lambda: False)
    monkeypatch.setattr(mp4, "ffmpeg", lambda: None)
    assert limits.of_film("mp4", 24.0) == [limits.NO_ENCODER]
    assert limits.of_film("mp4", 120.0) == [limits.NO_ENCODER, *limits.of_film("webp", 120.0)]


def test_limits_are_known_without_a_package():
    code = "import sys; sys.modules.update(dict.fromkeys(('PIL', 'numpy', 'torch'))); import itermix.commands.plan"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def planned_by_the_api(settings):
    from tests.webui import fake_modules

    fake_modules.install()
    from itermix.webui import api

    return api.frames(f'{{"video_format": "{settings.video_format}", "fps": {settings.fps}}}', 0, "", "")["messages"]


def planned_on_the_webuis_page(settings):
    from tests.webui import fake_modules

    fake_modules.install()
    from itermix.webui.sequence.script import shown_plan

    return shown_plan(tuple(settings.to_dict().values()), 0, "", "")[1]


def planned_on_the_studios_page(settings):
    pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")
    from itermix.studio.page.words import shown_plan

    return shown_plan(tuple(settings.to_dict().values()), 0, "", "")[1]


@pytest.mark.parametrize("planned", [planned_by_the_api, planned_on_the_webuis_page, planned_on_the_studios_page])
def test_every_plan_says_it(planned):
    assert planned(SequenceSettings(video_format="gif", fps=60.0)) == limits.of_film("gif", 60.0)
    assert planned(SequenceSettings(video_format="gif", fps=12.0)) == []


@pytest.mark.parametrize("format, most", [("JPEG", 65500), ("WEBP", 16383)])
def test_the_largest_side_is_what_the_library_writes(format, most, tmp_path):
    path = tmp_path / f"p.{format.lower()}"
    assert limits.of_picture(format, (most, 1)) is None and limits.of_picture(format, (1, most)) is None
    save_picture(path, Image.new("RGB", (most, 1)))
    Image.new("RGB", (1, most)).save(tmp_path / "q", format)
    with pytest.raises((OSError, ValueError)):
        Image.new("RGB", (most + 1, 1)).save(tmp_path / "q", format)
    with pytest.raises(OSError, match=f"a {format} has at most {most} pixels a side, and this picture is {most + 1} x"):
        save_picture(path, Image.new("RGB", (most + 1, 1)))
    assert limits.of_picture("PNG", (10**6, 1)) is None


@pytest.mark.parametrize("name, size", [("g.webp", (16383, 4)), ("g.jpg", (20000, 5)), ("g.png", (20000, 5))])
def test_a_sheet_is_made_as_large_as_its_format_can_hold(name, size, tmp_path):
    assert fitting(tmp_path / name, Image.new("RGB", (20000, 5))).size == size


def test_a_sheet_that_is_too_wide_is_written_smaller_and_that_is_said(tmp_path):
    pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")
    from itermix.studio.pictures import write_sheet

    (line,) = write_sheet(tmp_path / "g.webp", Image.new("RGB", (20000, 5)), "")
    assert f"{tmp_path / 'g.webp'} is made smaller, 16383 x 4 pixels: a WEBP has at most 16383 pixels" in line
    with Image.open(tmp_path / "g.webp") as sheet:
        assert sheet.size == (16383, 4)
    assert write_sheet(tmp_path / "g.png", Image.new("RGB", (20000, 5)), "") == []


@pytest.mark.parametrize("name, length, is_lost", [
    ("a.jpg", 32_000, False), ("a.jpg", 40_000, True), ("a.jpeg", 40_000, True), ("a.png", 40_000, False),
    ("a.webp", 40_000, False), ("a.jpg", 0, False),
])  # fmt: skip
def test_an_infotext_that_is_left_out_is_said(name, length, is_lost, tmp_path):
    from tests.pictures.test_saving import infotext_of

    text = "a" * length
    save_picture(tmp_path / name, Image.new("RGB", (8, 8)), text)
    assert infotext_of(tmp_path / name) == ("" if is_lost else text)
    said = left_out(tmp_path / name, text)
    assert bool(said) == is_lost
    assert all(line.startswith(f"{tmp_path / name} has no parameters in it: a JPEG has room for") for line in said)
