"""What a user hands in as a picture, read as the WebUIs read it: a file, base64 text or a picture of Pillow's.

A file gives what `read` and `flatten` of the WebUIs' `modules/images.py` give: upright as its EXIF data says, and laid
on a background where it is transparent. Better than there: 16 bits of grey become 8 (there: white), transparency counts
in grey and without an alpha channel, too, and floating-point values are refused (there: black).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from itermix.settings import SettingsError

FORMATS = ("PNG", "JPEG", "WEBP")  # for others Pillow may start programs: Ghostscript for EPS
KINDS = "a PNG, JPEG or WebP"
LONGEST_TEXT = 64 * 2**20  # characters of base64
MOST_PIXELS = 2**27  # half a gigabyte as RGB with room for work; a 100-megapixel camera stays below
BACKGROUND = "#ffffff"  # the hosts' own default
ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")
GREY_LEVELS_16_PER_8 = 257  # 65535 / 255
PART = 2**18  # pixels of 16 bits that become 8 at once


class Upload:
    """A picture that a user handed in: looked at when it is made, decoded once when `picture` is first called.

    given: base64 text, with or without a data URL's head, or a picture of Pillow's. field: the setting it is for.
    background: what transparent parts are laid on. Raises SettingsError for what is no picture; so does `picture` where
    the data are damaged behind their head.
    """

    def __init__(self, given: str | Image.Image, field: str, background: str = BACKGROUND):
        self.given, self.field, self.background = given, field, background
        self._opened = _from_text(given, field) if isinstance(given, str) else given
        self._picture: Image.Image | None = None
        self._mask: Image.Image | None = None

    def mask(self) -> Image.Image:
        """Grey (mode L), white where it is 1, as `mask` reads it; the same object at each call."""
        if self._mask is None:
            self._mask = _decoded(lambda: mask(self._opened, self.field), self.field, _no_picture(self.given))
        return self._mask

    def picture(self) -> Image.Image:
        """RGB, upright, opaque; the same object at each call."""
        if self._picture is None:
            self._picture = _decoded(
                lambda: rgb(self._opened, self.field, self.background), self.field, _no_picture(self.given)
            )
        return self._picture


class Uploads:
    """What is handed in for one setting: passes and frames of a run that ask for the same upload share its pixels."""

    def __init__(self, field: str, background: str = BACKGROUND):
        self.field, self.background = field, background
        self._last: Upload | None = None

    def of(self, given: str | Image.Image) -> Upload:
        """The upload of what was given. Raises SettingsError."""
        last = self._last
        if last is None or last.background != self.background or not _is_same(last.given, given):
            self._last = last = Upload(given, self.field, self.background)
        return last

    def clear(self) -> None:
        """Lets go of the pixels."""
        self._last = None


def read_picture(path: str | Path, field: str, background: str = BACKGROUND) -> Image.Image:
    """A picture file as RGB. field: the option that named it. Raises SettingsError."""
    return _from_file(path, field, lambda picture: rgb(picture, field, background))


def read_mask(path: str | Path, field: str) -> Image.Image:
    """A mask file as grey (mode L): white is painted. Raises SettingsError."""
    return _from_file(path, field, lambda picture: mask(picture, field))


def rgb(picture: Image.Image, field: str, background: str = BACKGROUND) -> Image.Image:
    """A picture of any kind as RGB, upright, laid on the background where it is transparent. Raises SettingsError."""
    picture = _upright_8_bits(picture, field)
    if _has_alpha(picture):
        picture = picture.convert("RGBA")
        laid = Image.new("RGBA", picture.size, background)
        laid.paste(picture, mask=picture)
        picture = laid
    return picture if picture.mode == "RGB" else _converted(picture, "RGB", field)


def mask(picture: Image.Image, field: str) -> Image.Image:
    """A picture of any kind as a mask (mode L): its alpha channel where that says anything, else its brightness."""
    picture = _upright_8_bits(picture, field)
    if _has_alpha(picture):
        alpha = picture.convert("RGBA").getchannel("A")
        if alpha.getextrema() != (255, 255):
            return alpha
    return _converted(picture, "L", field)


def _is_same(one: str | Image.Image, other: str | Image.Image) -> bool:
    """Pictures are compared by identity: their pixels would take as long as decoding."""
    return one is other or (isinstance(one, str) and isinstance(other, str) and one == other)


def _from_text(text: str, field: str) -> Image.Image:
    """Opened, so that its format and size are known, and not decoded."""
    if len(text) > LONGEST_TEXT:
        raise SettingsError(f"{field}: {len(text)} characters are too many; at most {LONGEST_TEXT} are read")
    body = text.partition(",")[2] if text.startswith("data:") else text

    def opened() -> Image.Image:
        data = base64.b64decode("".join(body.split()), validate=True)
        return _within_limits(Image.open(io.BytesIO(data), formats=FORMATS), field)

    return _decoded(opened, field, _no_picture(text))


def _no_picture(given: str | Image.Image) -> str:
    return f"{len(given)} characters are no picture" if isinstance(given, str) else "it cannot be read"


def _from_file(path: str | Path, field: str, read: Callable[[Image.Image], Image.Image]) -> Image.Image:
    def decoded() -> Image.Image:
        with Image.open(file, formats=FORMATS) as picture:
            return read(_within_limits(picture, field))

    try:
        with open(path, "rb") as file:
            return _decoded(decoded, field, f"{path} is no picture that can be read", f"it takes {KINDS}")
    except FileNotFoundError:
        raise SettingsError(f"{field}: {path} is not there") from None
    except OSError as error:  # a folder, or no permission
        raise SettingsError(f"{field}: {path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a name with a null byte, which no file has
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(f"{field}: {str(path)!a} is not there") from None


def _decoded(
    read: Callable[[], Image.Image], field: str, problem: str, allowed: str = f"it takes {KINDS} as base64 text"
) -> Image.Image:
    """What `read` gives; one message for whatever a decoder makes of damaged data, struct.error among it."""
    try:
        return read()
    except SettingsError:
        raise
    except Exception:
        raise SettingsError(f"{field}: {problem}; {allowed}") from None


def _within_limits(picture: Image.Image, field: str) -> Image.Image:
    if picture.width * picture.height > MOST_PIXELS:
        raise SettingsError(
            f"{field}: {picture.width}x{picture.height} pixels are too many; at most {MOST_PIXELS} in all are read"
        )
    return picture


def _upright_8_bits(picture: Image.Image, field: str) -> Image.Image:
    from PIL import ImageOps  # late: a host's start waits for every import

    picture.load()
    with suppress(Exception):  # damaged EXIF data, which the hosts pass over, too
        picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F":
        raise SettingsError(f"{field}: a picture of floating-point values has no known white; save it as a PNG")
    if picture.mode.startswith("I"):
        picture = _grey_of_8_bits(picture)
    return picture


def _grey_of_8_bits(picture: Image.Image) -> Image.Image:
    """A part at a time: a file of some kilobytes may have MOST_PIXELS."""
    values = np.asarray(picture)
    made, flat = np.empty(values.shape, np.uint8), values.reshape(-1)
    levels = made.reshape(-1)  # the same memory
    for start in range(0, flat.size, PART):
        part = flat[start : start + PART].astype(np.int64).clip(0, 65535)
        levels[start : start + PART] = (part + GREY_LEVELS_16_PER_8 // 2) // GREY_LEVELS_16_PER_8
    return Image.fromarray(made)


def _has_alpha(picture: Image.Image) -> bool:
    return picture.mode in ALPHA_MODES or "transparency" in picture.info


def _converted(picture: Image.Image, mode: str, field: str) -> Image.Image:
    try:
        return picture.convert(mode)
    except ValueError:
        raise SettingsError(f"{field}: a picture of mode {picture.mode} cannot be read; save it as a PNG") from None
