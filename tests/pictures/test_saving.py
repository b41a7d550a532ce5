"""A picture is written in the format that its name says, and its infotext is found by the ways of the WebUIs."""

import os
import struct

import pytest
from PIL import Image

from itermix.pictures.exif import exif_of
from itermix.pictures.saving import format_of, save_picture
from itermix.settings import SettingsError

TEXTS = ["a rose\nSteps: 20, Seed: 5", "größer", "a rose 月\nSteps: 20", ""]


def infotext_of(path):
    """As the hosts' `read_info_from_image` finds it, by the EXIF standard: 8 bytes of encoding, then the text."""
    with Image.open(path) as picture:
        if "parameters" in picture.info:
            return picture.info["parameters"]
        comment = picture.getexif().get_ifd(0x8769).get(0x9286, b"UNICODE\0")
    assert comment[:8] == b"UNICODE\0"
    return comment[8:].decode("utf-16-be")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name, format", [
    ("a.png", "PNG"), ("a.jpg", "JPEG"), ("A.JPEG", "JPEG"), ("a.webp", "WEBP"), ("a", "PNG"),
])  # fmt: skip
def test_a_file_has_the_format_of_its_name_and_the_infotext(tmp_path, name, format, text):
    save_picture(tmp_path / name, Image.new("RGB", (32, 24), (200, 100, 50)), text)
    with Image.open(tmp_path / name) as picture:
        assert (picture.format, picture.size) == (format, (32, 24))
        assert picture.convert("RGB").getpixel((9, 9)) == pytest.approx((200, 100, 50), abs=3)
    assert infotext_of(tmp_path / name) == text
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.bmp", "a.gif", "a.tiff", "a.mp4", "a.png.txt"])
def test_other_formats_are_refused_by_name(tmp_path, name):
    with pytest.raises(SettingsError, match=f"out: '{name}' names no format .* take .png, .jpg or .webp"):
        format_of(name)
    with pytest.raises(SettingsError):
        save_picture(tmp_path / name, Image.new("RGB", (8, 8)))
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_half_a_character_costs_no_picture(tmp_path, name):
    save_picture(tmp_path / name, Image.new("RGB", (8, 8)), "half \ud800 of it")
    assert infotext_of(tmp_path / name) == "half ? of it"


def test_an_infotext_that_a_jpeg_has_no_room_for_costs_no_picture(tmp_path):
    long = "a" * 40_000
    assert len(exif_of(long)) > 2**16
    for name, expected in (("a.jpg", ""), ("a.webp", long), ("a.png", long)):
        save_picture(tmp_path / name, Image.new("RGB", (8, 8)), long)
        assert infotext_of(tmp_path / name) == expected


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.png"])
def test_a_disk_that_is_full_leaves_the_old_picture(tmp_path, name, monkeypatch):
    save_picture(tmp_path / name, Image.new("RGB", (8, 8), "red"))
    before = (tmp_path / name).read_bytes()

    def full(*args, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_picture(tmp_path / name, Image.new("RGB", (8, 8)))
    assert (tmp_path / name).read_bytes() == before and os.listdir(tmp_path) == [name]


def test_the_user_comment_has_the_type_that_the_hosts_read():
    """Undefined, by the EXIF standard: the hosts' reader takes a comment of bytes, as Pillow writes it, for none."""
    for order, pack in ((b"MM", ">HH"), (b"II", "<HH")):
        if exif_of("a rose")[6:8] == order:
            assert struct.pack(pack, 0x9286, 7) in exif_of("a rose")
            return
    pytest.fail("no EXIF data")
