"""What the page or the API hands to a script, made into settings."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from itermix.mixing.settings import UPLOADED_MASK, MixingSettings
from itermix.pictures.uploads import BACKGROUND, Upload, Uploads, mask, rgb
from itermix.settings import Field, SettingsError, shown
from itermix.webui import presets

PICTURE_FIELD, MASK_FIELD = "reference_image", "mask_image"


class Handed:
    """The pictures that a run is handed, as `Uploads`: of the reference and of the mask."""

    def __init__(self) -> None:
        self.of_field = {name: Uploads(name) for name in (PICTURE_FIELD, MASK_FIELD)}

    def begin(self, background: str = BACKGROUND) -> None:
        """background: what transparent parts of a reference are laid on."""
        self.of_field[PICTURE_FIELD].background = background

    def clear(self) -> None:
        """Lets go of the pixels."""
        for uploads in self.of_field.values():
            uploads.clear()


@dataclass(frozen=True)
class MixingRequest:
    """One run's settings, and the uploaded reference and mask, where there are any."""

    settings: MixingSettings
    upload: Upload | None
    mask: Upload | None = None

    @property
    def uses_mask(self) -> bool:
        return self.mask is not None and self.settings.mask == UPLOADED_MASK

    def uses_upload(self, has_own: bool) -> bool:
        """Whether a pass of the run mixes the upload. has_own: every pass has a reference of its own, as in img2img."""
        settings = self.settings
        is_chosen = settings.reference == "uploaded image" or (not has_own and settings.passes != "hires pass")
        return self.upload is not None and is_chosen


def read(args: tuple, axes: dict[str, Any], handed: Handed) -> MixingRequest | None:
    """Settings from a script's arguments: positional in the order of the fields, or one object as the first.

    An object stands for switched-on mixing unless it says otherwise. Missing arguments take their default. axes:
    values by field name that come before the arguments (an X/Y/Z plot's); any of them switches mixing on, too.
    handed: the pictures of the run; they are looked at here, and decoded by who uses them.
    None where mixing is not asked for, whatever else is wrong. Raises SettingsError.
    """
    if not is_enabled(args, axes):
        return None
    fields = MixingSettings.fields()
    if args and isinstance(args[0], dict):
        _check_surplus(args, fields)
        values = {"enabled": True, **args[0]}
    else:
        values = {field.name: value for field, value in zip(fields, args)}
    values = presets.MIXING.resolved(values)
    if axes:
        values = {**values, "enabled": True, **axes}
    given = {name: values.get(name) for name in handed.of_field}
    for name, picture in given.items():
        if isinstance(picture, Image.Image):
            values[name] = None
    settings = MixingSettings.from_dict(values)
    if not settings.enabled:
        return None
    pictures = [None if given[name] is None else uploads.of(given[name]) for name, uploads in handed.of_field.items()]
    return MixingRequest(settings, *pictures)


def is_enabled(args: tuple, axes: dict[str, Any]) -> bool:
    """Whether the arguments, or axes of a plot, ask for mixing."""
    return bool(axes) or _is_enabled(args)


def _check_surplus(args: tuple, fields: tuple[Field, ...]) -> None:
    """Behind an object the host puts the defaults of the fields; whatever else is there nothing would read.

    Raises SettingsError.
    """
    for field, value in zip(fields[1:], args[1:]):
        if value != field.default and value not in (None, ""):
            raise SettingsError(f"args: {shown(value)} is not allowed behind the object of settings; leave it out")


def written_down(args: tuple) -> list[Any]:
    """The arguments as plain data: a picture as base64 text, or none at all where mixing is not asked for."""
    is_enabled = _is_enabled(args)
    names = [field.name for field in MixingSettings.fields()]
    known = [
        _as_text(value, name, is_enabled) if isinstance(value, Image.Image) else value
        for name, value in zip(names, args)
    ]
    return [*known, *args[len(names) :]]


def _as_text(picture: Image.Image, field: str, is_wanted: bool) -> str | None:
    if not is_wanted:
        return None
    buffer = io.BytesIO()
    (mask if field == MASK_FIELD else rgb)(picture, field).save(buffer, "PNG", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode()


def _is_enabled(args: tuple) -> bool:
    first = args[0] if args else False
    return first.get("enabled", True) is not False if isinstance(first, dict) else first not in (False, None)
