"""Frames on the disk: read again when somebody asks for them, and named so that the user's own files are none."""

import builtins

import pytest
from PIL import Image

from itermix.pictures import frames
from itermix.pictures.frames import new_folder
from tests.pictures.conftest import TEXT


def test_a_picture_on_demand_is_that_of_its_file(pictures):
    with Image.open(pictures[3]) as whole:
        whole.load()
        read = frames.on_demand(pictures[3])
        assert (read.size, read.mode) == (whole.size, whole.mode)
        assert read.tobytes() == whole.tobytes() and read.info["parameters"] == whole.info["parameters"] == TEXT


def test_pictures_on_demand_keep_no_file_open_and_no_pixels(pictures, monkeypatch):
    opened = []

    def noted(*arguments, **more):
        opened.append(real(*arguments, **more))
        return opened[-1]

    real = builtins.open
    monkeypatch.setattr(builtins, "open", noted)
    read = [frames.on_demand(path) for path in pictures * 20]
    assert len(opened) >= len(read) and all(file.closed for file in opened)
    before = len(opened)
    assert [picture.getpixel((0, 0))[0] for picture in read[:5]] == [0, 40, 80, 120, 160]
    assert len(opened) > before and all(file.closed for file in opened)  # the pixels were not there yet


def test_a_picture_on_demand_whose_file_is_gone_says_so_when_it_is_asked_for(pictures):
    read = frames.on_demand(pictures[0])
    pictures[0].unlink()
    assert read.size == (64, 48)
    with pytest.raises(FileNotFoundError, match="00000.png"):
        read.load()
    with pytest.raises(FileNotFoundError):
        frames.on_demand(pictures[0])


@pytest.mark.parametrize("most, size", [(5 * 64 * 48, (64, 48)), (5 * 32 * 24, (32, 24)), (1, (1, 1))])
def test_pictures_within_a_number_of_pixels(pictures, most, size):
    read = [frames.on_demand(path) for path in pictures]
    found = list(frames.within(read, most))
    assert [picture.size for picture in found] == [size] * 5
    assert [picture.getpixel((0, 0))[0] for picture in found] == [0, 40, 80, 120, 160]
    for path in pictures:
        path.unlink()
    with pytest.raises(FileNotFoundError):  # its pixels were read for the copy, and not kept
        read[0].load()
    assert list(frames.within([found[0]], 64 * 48)) == [found[0]]


def test_a_frame_holds_its_pixels_and_its_infotext(pictures):
    assert [path.name for path in pictures] == [f"{index:05}.png" for index in range(5)]
    with Image.open(pictures[3]) as picture:
        assert picture.text["parameters"] == TEXT
        assert picture.getpixel((5, 5)) == (120, 90, 80)


def test_folders_are_numbered_on(tmp_path):
    assert [new_folder(tmp_path / "a" / "b").name for _ in range(3)] == ["00000", "00001", "00002"]
    (tmp_path / "a" / "b" / "00041").mkdir()
    (tmp_path / "a" / "b" / "notes").mkdir()
    assert new_folder(tmp_path / "a" / "b").name == "00042"


@pytest.mark.parametrize("name, is_frame", [
    ("00000.png", True), ("100000.png", True), ("00001 (1).png", False), ("00001-edited.png", False), (".png", False),
    ("00001.jpg", False), ("\u0663.png", False),
])  # fmt: skip
def test_files_of_the_user_in_the_folder_are_no_frames(name, is_frame):
    assert frames.is_frame_name(name) == is_frame


def test_sheets_of_short_and_long_sequences_have_cells_of_one_size(pictures):
    """As the cells of a plot must: each is made smaller as if it were as long as the longest."""
    read = [frames.on_demand(path) for path in pictures]
    most = 5 * 32 * 24
    for count in (1, 2, 5):
        assert {picture.size for picture in frames.within(read[:count], most, 5)} == {(32, 24)}
    assert list(frames.within([], most, 5)) == []
