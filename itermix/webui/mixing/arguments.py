"""What the page or the API hands to a script, made into settings."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from itermix.mixing.settings import MixingSettings
from itermix.settings import SettingsError
from itermix.webui import presets

LONGEST_PICTURE = 64 * 2**20  # characters of base64 text
PICTURE_FORMATS = ("PNG", "JPEG", "WEBP")  # for others Pillow may start programs: Ghostscript for EPS


@dataclass(frozen=True)
class Request:
    """One run's settings, and the uploaded picture if there is one."""

    settings: MixingSettings
    picture: Image.Image | None


def read(args: tuple, axes: dict[str, Any]) -> Request | None:
    """Settings from a script's arguments: positional in the order of the fields, or one object as the first.

    An object stands for switched-on mixing unless it says otherwise. Missing arguments take their default. axes:
    values by field name that come before the arguments (an X/Y/Z plot's); any of them switches mixing on, too.
    None where mixing is not asked for, whatever else is wrong. Raises SettingsError.
    """
    if not axes and not _is_enabled(args):
        return None
    fields = MixingSettings.fields()
    if args and isinstance(args[0], dict):
        values = {"enabled": True, **args[0]}
    else:
        values = {field.name: value for field, value in zip(fields, args)}
    values = presets.MIXING.resolved(values)
    if axes:
        values = {**values, "enabled": True, **axes}
    picture = values.get("reference_image")
    if isinstance(picture, Image.Image):
        values["reference_image"] = None
    settings = MixingSettings.from_dict(values)
    if not settings.enabled:
        return None
    if settings.reference_image is not None:
        picture = decode_picture(settings.reference_image)
    return Request(settings, picture)


def written_down(args: tuple) -> list[Any]:
    """The arguments as plain data: a picture as base64 text, or none at all where mixing is not asked for."""
    is_enabled = _is_enabled(args)
    return [_as_text(value, is_enabled) if isinstance(value, Image.Image) else value for value in args]


def _as_text(picture: Image.Image, is_wanted: bool) -> str | None:
    if not is_wanted:
        return None
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode()


def decode_picture(text: str) -> Image.Image:
    """A picture from base64 text, with or without a data URL's head. Raises SettingsError."""
    if len(text) > LONGEST_PICTURE:
        raise SettingsError(f"reference_image: {len(text)} characters are too many; at most {LONGEST_PICTURE} are read")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=PICTURE_FORMATS)
        picture.load()
    except Exception:  # whatever a decoder makes of damaged data, struct.error among it
        raise SettingsError(
            f"reference_image: {len(text)} characters are no picture; it takes a PNG, JPEG or WebP as base64 text"
        ) from None
    return picture


def _is_enabled(args: tuple) -> bool:
    first = args[0] if args else False
    return first.get("enabled", True) is not False if isinstance(first, dict) else first not in (False, None)
