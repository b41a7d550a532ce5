"""From the values of the form to what the studio takes, and back to JSON."""

from __future__ import annotations

import base64
import io
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from itermix.mixing.settings import MixingSettings
from itermix.pictures import uploads
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError
from itermix.studio.axes import Axis, axis_of, cells_of
from itermix.studio.errors import StudioError
from itermix.studio.page.layout import Form
from itermix.studio.request import Request
from itermix.studio.source import Source

WHOLE = ("width", "height", "steps", "seed", "count", "hires_steps", "hires_phases")
PICTURE_FIELDS = tuple(field.name for field in MixingSettings.fields() if field.kind == "image")
MOST_SEEDS = 2**32
AS_PNG = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16")  # what a PNG holds as it is


def inputs_of(form: Form) -> list[Any]:
    """The components, in the order in which `Asked` takes their values."""
    return [
        *form.request.values(), *form.mixing.values(), *form.sequence.values(), form.uses_hires, form.compares,
        form.traced, form.image, form.mask, *form.axes,
    ]  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """The form as it was when a button was pressed."""

    form: Form
    values: tuple[Any, ...]

    def _named(self, start: int, names: dict[str, Any]) -> dict[str, Any]:
        return dict(zip(names, self.values[start:]))

    @property
    def _rest(self) -> tuple[Any, ...]:
        return self.values[sum(map(len, (self.form.request, self.form.mixing, self.form.sequence))) :]

    @property
    def compares(self) -> bool:
        """Whether each picture is made without mixing, too."""
        return bool(self._rest[1])

    @property
    def traced_steps(self) -> int:
        """How many steps of each mixed pass are traced; 0 for none."""
        return int(self._rest[2] or 0)

    @property
    def draws_seed(self) -> bool:
        """Whether the page leaves the seed to chance."""
        seed = self._named(0, self.form.request)["seed"]
        return seed is not None and seed < 0

    def source(self) -> Source:
        """The pictures to start from. Raises StudioError."""
        image, mask = self._rest[3:5]
        if mask is not None and image is None:
            raise StudioError("mask: there is nothing to keep without a picture to start from")
        return Source(
            None if image is None else uploads.rgb(picture_of(image, "image"), "image"),
            None if mask is None else uploads.mask(picture_of(mask, "mask"), "mask"),
        )

    def request(self) -> Request:
        """Raises StudioError and SettingsError."""
        request = self._named(0, self.form.request)
        for name in WHOLE:
            if request[name] is None or request[name] != int(request[name]):
                raise StudioError(f"{name}: {request[name]} is not allowed; it takes a whole number")
            request[name] = int(request[name])
        if request["seed"] < 0:
            request["seed"] = random.randrange(MOST_SEEDS)
        uses_hires, image = self._rest[0], self._rest[3]
        if not uses_hires or image is not None:
            request["hires"] = 1.0
        mixing = self._named(len(self.form.request), self.form.mixing)
        for name in PICTURE_FIELDS:
            if mixing[name] is not None:
                mixing[name] = base64_of(picture_of(mixing[name], name), name)
        return Request(**request, mixing=MixingSettings.from_dict(mixing))

    def sequence(self) -> SequenceSettings:
        """Raises SettingsError."""
        start = len(self.form.request) + len(self.form.mixing)
        return SequenceSettings.from_dict(self._named(start, self.form.sequence))

    def cells(self) -> tuple[Axis, Axis | None, list[Request]]:
        """The axes of a grid, and the request of each cell, row by row. Raises StudioError and SettingsError."""
        across, across_values, down, down_values = self._rest[5:9]
        x = axis_of("columns", f"{across}={across_values}")
        y = axis_of("rows", f"{down}={down_values}") if down != "none" else None
        values = self.request().to_dict()
        mixing = MixingSettings.from_dict(values["mixing"]).changed()  # what is at its default leaves room for a preset
        if x.is_mixing or (y and y.is_mixing):
            mixing["enabled"] = True
        values |= {"count": 1, "mixing": {"enabled": False, **mixing}}
        return x, y, cells_of(values, x, y, self._rest[3] is not None)


def picture_of(given: Image.Image | str, name: str) -> Image.Image:
    """What a component gives; the path of a file that it could not read is refused. Raises SettingsError."""
    if isinstance(given, str):
        raise SettingsError(f"{name}: {Path(given).name} is no picture that can be read; upload another file")
    try:
        given.load()  # a file that ends too early opens
    except Exception:  # whatever a decoder makes of damaged data
        raise SettingsError(f"{name}: the picture is damaged; upload another file") from None
    return given


def base64_of(picture: Image.Image, name: str) -> str:
    """A picture as the settings hold it: PNG as base64 text. name: of its field. Raises SettingsError."""
    if picture.mode not in AS_PNG:
        picture = uploads.rgb(picture, name)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def shape_of(picture: Image.Image, native: tuple[int, int], multiple: int, largest: int) -> tuple[int, int]:
    """(width, height) of the picture's shape and about as many pixels as the model's own size has.

    native: (height, width). multiple: what sides must be divisible by.
    """
    scale = (native[0] * native[1] / (picture.width * picture.height)) ** 0.5
    sides = (max(round(side * scale / multiple), 1) * multiple for side in picture.size)
    return tuple(min(side, largest // multiple * multiple) for side in sides)
