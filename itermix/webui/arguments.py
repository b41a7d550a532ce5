"""What the page or the API hands to a script, made into settings."""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from itermix.settings import MixingSettings, SettingsError

LONGEST_PICTURE = 64 * 2**20  # characters of base64 text


@dataclass(frozen=True)
class Request:
    """One run's settings, and the uploaded picture if there is one."""

    settings: MixingSettings
    picture: Image.Image | None


def read(args: tuple) -> Request:
    """Settings from a script's arguments: positional in the order of the fields, or one object as the first.

    An object stands for switched-on mixing unless it says otherwise. Missing arguments take their default.
    Raises SettingsError.
    """
    fields = MixingSettings.fields()
    if args and isinstance(args[0], dict):
        values = {"enabled": True, **args[0]}
    else:
        values = {field.name: value for field, value in zip(fields, args)}
    picture = values.get("reference_image")
    if isinstance(picture, Image.Image):
        values["reference_image"] = None
        return Request(MixingSettings.from_dict(values), picture)
    settings = MixingSettings.from_dict(values)
    if not settings.enabled or settings.reference_image is None:
        return Request(settings, None)
    return Request(settings, decode_picture(settings.reference_image))


def decode_picture(text: str) -> Image.Image:
    """A picture from base64 text, with or without a data URL's head. Raises SettingsError."""
    if len(text) > LONGEST_PICTURE:
        raise SettingsError(f"reference_image: {len(text)} characters are too many; at most {LONGEST_PICTURE} are read")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
        picture.load()
    except (binascii.Error, ValueError, OSError, Image.DecompressionBombError, SyntaxError):
        raise SettingsError(
            f"reference_image: {len(text)} characters are no picture; it takes a PNG, JPEG or WebP as base64 text"
        ) from None
    return picture


def is_enabled(args: tuple[Any, ...]) -> bool:
    """Whether the arguments ask for mixing at all, whatever else is wrong with them."""
    first = args[0] if args else False
    return first.get("enabled", True) is not False if isinstance(first, dict) else first not in (False, None)
