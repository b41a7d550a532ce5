"""A picture written to a file in the format that its name says, with the infotext where WebUIs look for it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itermix.files import replacing
from itermix.settings import SettingsError

if TYPE_CHECKING:  # names are checked before anything heavy is loaded
    from PIL import Image

INFOTEXT = "parameters"  # the PNG text that WebUIs read
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
QUALITY = 90  # of JPEG and WebP
EXIF, USER_COMMENT = 0x8769, 0x9286
LONG, UNDEFINED = 4, 7  # types of values
IFD = ">HHHIII"  # number of entries; tag, type, count and place of the one; place of the next directory
IFD_LENGTH = struct.calcsize(IFD)
LONGEST_JPEG_EXIF = 65533  # bytes: a segment's length has 16 bits


def format_of(path: str | Path, field: str = "out") -> str:
    """Pillow's name of the format that a file's name says; PNG where it says none. Raises SettingsError."""
    suffix = Path(path).suffix.lower()
    if suffix and suffix not in FORMATS:
        raise SettingsError(f"{field}: {str(path)!r} names no format that is written here; take .png, .jpg or .webp")
    return FORMATS.get(suffix, "PNG")


def save_picture(path: str | Path, picture: Image.Image, infotext: str = "") -> None:
    """Writes the picture whole or not at all. Raises OSError, and SettingsError by `format_of`.

    The infotext is a PNG's text "parameters" and the EXIF user comment of the others; more of it than a JPEG has room
    for, 32,000 characters, is left out.
    """
    format = format_of(path)
    options = {"PNG": _png, "JPEG": _jpeg, "WEBP": _webp}[format](as_text(infotext))
    if format != "PNG" and picture.mode not in ("RGB", "L"):
        picture = picture.convert("RGB")
    with replacing(path) as part:
        picture.save(part, format=format, **options)


def exif_of(infotext: str) -> bytes:
    """EXIF data with the infotext as the user comment; none for an empty one.

    Pillow would write the comment as bytes, which the hosts do not read: EXIF 2.3, 4.6.5, wants it undefined, its first
    eight bytes naming the encoding.
    """
    if not infotext:
        return b""
    comment = b"UNICODE\0" + as_text(infotext).encode("utf-16-be")
    first, second = 8, 8 + IFD_LENGTH  # where the two directories lie, of one entry each
    return b"".join((
        b"Exif\0\0MM\0*", struct.pack(">I", first),
        struct.pack(IFD, 1, EXIF, LONG, 1, second, 0),
        struct.pack(IFD, 1, USER_COMMENT, UNDEFINED, len(comment), second + IFD_LENGTH, 0), comment,
    ))  # fmt: skip


def as_text(infotext: str) -> str:
    """What a file can hold of a text: a question mark for half a character."""
    return infotext.encode(errors="replace").decode()


def _png(infotext: str) -> dict[str, Any]:
    from PIL import PngImagePlugin

    information = PngImagePlugin.PngInfo()
    if infotext:
        information.add_text(INFOTEXT, infotext)  # as international text where it is not Latin-1
    return {"pnginfo": information}


def _jpeg(infotext: str) -> dict[str, Any]:
    exif = exif_of(infotext)
    return {"quality": QUALITY, "subsampling": 0, "exif": exif if len(exif) <= LONGEST_JPEG_EXIF else b""}


def _webp(infotext: str) -> dict[str, Any]:
    return {"quality": QUALITY, "exif": exif_of(infotext)}
