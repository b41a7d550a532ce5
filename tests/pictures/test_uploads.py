"""What is handed in comes out as the WebUIs would have it: one table of kinds, by file, by text and as a picture."""

import base64
import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from itermix.pictures import uploads
from itermix.pictures.uploads import Upload, Uploads, read_mask, read_picture
from itermix.settings import SettingsError

RED, GREEN = (200, 10, 10), (10, 200, 10)
ORIENTATION = 0x0112
TURNED_LEFT = 8  # EXIF: the camera was turned; a reader turns by 90 degrees against the clock


def encoded(picture, format="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def halves(left, right, mode="RGB"):
    """16 pixels wide, 8 high."""
    picture = Image.new(mode, (16, 8), left)
    picture.paste(right, (8, 0, 16, 8))
    return picture


def palette(transparency):
    picture = halves(0, 1, "P")
    picture.putpalette([*RED, *GREEN])
    return encoded(picture, transparency=transparency)


def exif(orientation):
    made = Image.Exif()
    made[ORIENTATION] = orientation
    return made.tobytes()


GREY_16 = Image.fromarray(np.array([[0, 128, 257 * 100, 257 * 101 - 100, 65535]], dtype=np.uint16))
# Each kind of file with its pixels, row by row: (x, y) and colour.
KINDS = {
    "rgb": (encoded(halves(RED, GREEN)), {(2, 2): RED, (12, 2): GREEN}),
    "grey": (encoded(Image.new("L", (4, 4), 77)), {(1, 1): (77, 77, 77)}),
    "one bit": (encoded(Image.new("1", (4, 4), 1)), {(1, 1): (255, 255, 255)}),
    "grey of 16 bits": (
        encoded(GREY_16), {(x, 0): (value,) * 3 for x, value in enumerate((0, 0, 100, 101, 255))}
    ),
    "alpha 0 over a colour": (encoded(halves((*RED, 255), (*GREEN, 0), "RGBA")), {(2, 2): RED, (12, 2): (255,) * 3}),
    "half transparent black": (encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 128))), {(1, 1): (127,) * 3}),
    "grey with alpha": (encoded(halves((9, 255), (9, 0), "LA")), {(2, 2): (9,) * 3, (12, 2): (255,) * 3}),
    "palette": (palette(None), {(2, 2): RED, (12, 2): GREEN}),
    "palette, one colour transparent": (palette(1), {(2, 2): RED, (12, 2): (255,) * 3}),
    "palette with alpha": (palette(bytes([255, 0])), {(2, 2): RED, (12, 2): (255,) * 3}),
    "one colour transparent": (encoded(halves(RED, GREEN), transparency=GREEN), {(2, 2): RED, (12, 2): (255,) * 3}),
    "webp with alpha": (
        encoded(halves((*RED, 255), (*GREEN, 0), "RGBA"), "WEBP", lossless=True), {(2, 2): RED, (12, 2): (255,) * 3}
    ),
    "cmyk": (encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95), {(8, 8): (254, 0, 0)}),
    "a phone's": (
        encoded(halves(RED, GREEN), "JPEG", quality=95, subsampling=0, exif=exif(TURNED_LEFT)),
        {(2, 2): GREEN, (2, 12): RED},
    ),
    "damaged exif": (encoded(halves(RED, GREEN), exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff"), {(2, 2): RED}),
}  # fmt: skip


def text(data):
    return base64.b64encode(data).decode()


def by_text(data, tmp_path):
    return Upload(text(data), "reference_image").picture()


def by_file(data, tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(data)
    return read_picture(path, "image")


def by_pillow(data, tmp_path):
    return Upload(Image.open(io.BytesIO(data)), "reference_image").picture()


@pytest.mark.parametrize("way", [by_text, by_file, by_pillow])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_has_its_own_colours(kind, way, tmp_path):
    data, expected = KINDS[kind]
    picture = way(data, tmp_path)
    assert picture.mode == "RGB"
    for place, colour in expected.items():
        assert picture.getpixel(place) == pytest.approx(colour, abs=3 if data[:2] == b"\xff\xd8" else 0)


@pytest.mark.parametrize("kind", ["a phone's", "alpha 0 over a colour"])
def test_reading_what_was_read_changes_nothing(kind, tmp_path):
    once = by_pillow(KINDS[kind][0], tmp_path)
    assert uploads.rgb(once, "image").tobytes() == once.tobytes()


def test_transparent_parts_lie_on_the_hosts_own_background(tmp_path):
    data, _ = KINDS["alpha 0 over a colour"]
    assert Upload(text(data), "reference_image", "#102030").picture().getpixel((12, 2)) == (0x10, 0x20, 0x30)


@pytest.mark.parametrize(
    "data, expected",
    [
        (encoded(halves((0, 0, 0, 255), (255, 255, 255, 0), "RGBA")), (255, 0)),  # drawn by its alpha channel
        (encoded(halves((0, 0, 0, 255), (255, 255, 255, 255), "RGBA")), (0, 255)),  # opaque: by its brightness
        (encoded(halves((0, 255), (255, 100), "LA")), (255, 100)),
        (encoded(halves(0, 255, "L")), (0, 255)),
        (encoded(halves(0, 1, "1")), (0, 255)),
    ],
)
def test_a_mask_is_its_alpha_channel_where_that_says_anything(data, expected, tmp_path):
    (tmp_path / "mask.png").write_bytes(data)
    mask = read_mask(tmp_path / "mask.png", "mask")
    assert mask.mode == "L" and (mask.getpixel((2, 2)), mask.getpixel((12, 2))) == expected


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_16_bits_take_little_more_memory_than_the_picture(kind):
    """A file of some kilobytes may have a hundred million pixels."""
    values = np.arange(2**22).reshape(2**11, 2**11) % 2**16
    tracemalloc.start()
    grey = uploads.mask(Image.fromarray(values.astype(kind)), "mask")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(np.asarray(grey), (values + 128) // 257)
    assert peak < 12 * values.size, f"{peak / values.size:.1f} bytes for each pixel; in numbers of 64 bits it takes 17"


def test_a_mask_of_16_bits():
    assert list(uploads.mask(GREY_16, "mask").tobytes()) == [0, 0, 100, 101, 255]


@pytest.mark.parametrize("form", ["{}", "data:image/png;base64,{}", "data:;base64,{}"])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n\t"])
def test_base64_text_may_have_a_head_and_line_breaks(form, end):
    whole = text(KINDS["rgb"][0])
    lines = end.join(whole[start : start + 76] for start in range(0, len(whole), 76)) + end
    assert Upload(form.format(lines), "reference_image").picture().getpixel((2, 2)) == RED


def test_floating_point_values_are_refused_by_name(tmp_path):
    picture = Image.new("F", (4, 4), 0.5)
    with pytest.raises(SettingsError, match="^reference_image: a picture of floating-point values"):
        Upload(picture, "reference_image").picture()
    picture.save(tmp_path / "a.tif")
    with pytest.raises(SettingsError, match=r"^image: .*a\.tif is no picture that can be read; it takes a PNG"):
        read_picture(tmp_path / "a.tif", "image")


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_formats_are_refused(format, tmp_path):
    data = encoded(halves(RED, GREEN), format)
    for way in (by_text, by_file):
        with pytest.raises(SettingsError, match="it takes a PNG, JPEG or WebP"):
            way(data, tmp_path)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("way", [by_text, by_file])
def test_data_that_end_early_are_refused(format, way, tmp_path):
    data = encoded(Image.effect_noise((64, 64), 50.0).convert("RGB"), format)
    for share in (0.0, 0.1, 0.5, 0.8):
        with pytest.raises(SettingsError, match="it takes a PNG, JPEG or WebP"):
            way(data[: int(len(data) * share)], tmp_path)


@pytest.mark.parametrize("way", [by_text, by_file])
def test_more_pixels_than_memory_should_hold_are_refused_before_they_are_decoded(way, tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_PIXELS", 16 * 8 - 1)
    monkeypatch.setattr(Image.Image, "load", lambda *arguments: pytest.fail("decoded"))
    with pytest.raises(SettingsError, match="16x8 pixels are too many; at most 127 in all"):
        way(KINDS["rgb"][0], tmp_path)


@pytest.mark.parametrize(
    "name, message",
    [("nothing.png", "is not there"), ("folder", "cannot be read: Is a directory"), ("a\0b", "is not there")],
)
def test_a_file_that_cannot_be_read_is_named_with_its_option(name, message, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match=f"^mask: .*{message}"):
        read_mask(f"{tmp_path}/{name}", "mask")


def test_a_picture_is_decoded_once_and_only_when_it_is_asked_for(monkeypatch):
    decoded = []
    rgb = uploads.rgb
    monkeypatch.setattr(uploads, "rgb", lambda *arguments: decoded.append(1) or rgb(*arguments))
    run, given = Uploads("reference_image"), text(KINDS["rgb"][0])
    uploaded = run.of(given)
    assert not decoded
    assert run.of(given).picture() is run.of("".join(given)).picture() is uploaded.picture()
    assert len(decoded) == 1
    other = run.of(text(KINDS["grey"][0])).picture()
    assert other.getpixel((0, 0)) == (77, 77, 77) and len(decoded) == 2
