"""A picture written to a file in the format that its name says, with the infotext where WebUIs look for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from itermix.files import replacing
from itermix.pictures import limits
from itermix.pictures.exif import as_text, exif_of
from itermix.settings import SettingsError

if TYPE_CHECKING:  # names are checked before anything heavy is loaded
    from PIL import Image

INFOTEXT = "parameters"  # the PNG text that WebUIs read
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
QUALITY = 90  # of JPEG and WebP
LONGEST_JPEG_EXIF = 65533  # bytes: a segment's length has 16 bits


def format_of(path: str | Path, field: str = "out") -> str:
    """Pillow's name of the format that a file's name says; PNG where it says none. Raises SettingsError."""
    suffix = Path(path).suffix.lower()
    if suffix and suffix not in FORMATS:
        raise SettingsError(f"{field}: {str(path)!r} names no format that is written here; take .png, .jpg or .webp")
    return FORMATS.get(suffix, "PNG")


def save_picture(path: str | Path, picture: Image.Image, infotext: str = "") -> None:
    """Writes the picture whole or not at all. Raises OSError, and SettingsError by `format_of`.

    The infotext is a PNG's text "parameters" and the EXIF user comment of the others; `left_out` says where it is not
    written.
    """
    format = format_of(path)
    problem = limits.of_picture(format, picture.size)
    if problem:
        raise OSError(problem)
    options = {"PNG": _png, "JPEG": _jpeg, "WEBP": _webp}[format](as_text(infotext))
    if format != "PNG" and picture.mode not in ("RGB", "L"):
        picture = picture.convert("RGB")
    with replacing(path) as part:
        picture.save(part, format=format, **options)


def left_out(path: str | Path, infotext: str) -> list[str]:
    """That a file will not hold the infotext, in a line; nothing where it will."""
    if format_of(path) != "JPEG" or len(exif_of(infotext)) <= LONGEST_JPEG_EXIF:
        return []
    return [f"{path} has no parameters in it: a JPEG has room for 32,000 characters of them; take a .png or .webp"]


def trace_file(picture: Path, of: str) -> Path:
    """Where the trace of a pass is written: beside its picture."""
    return picture.with_name(f"{picture.stem}-trace-{of.replace(' ', '-')}.png")


def fitting(path: str | Path, picture: Image.Image) -> Image.Image:
    """The picture, made smaller where the file's format cannot hold one of its size."""
    most = limits.LARGEST_SIDE.get(format_of(path), max(picture.size))
    if max(picture.size) <= most:
        return picture
    factor = most / max(picture.size)
    return picture.resize([max(int(side * factor), 1) for side in picture.size])


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
