"""The axes of a sweep, a setting's name and values from text such as "alpha_1=0.5,1,2" or "seed=1-4", and its cells."""

from __future__ import annotations

import csv
import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from itermix.mixing.settings import MixingSettings
from itermix.settings import SettingsError, as_switch
from itermix.studio.errors import StudioError
from itermix.studio.request import Request

NUMBER = r"\d+(?:\.\d+)?"
RANGE = re.compile(rf"({NUMBER})\s*-\s*({NUMBER})\s*(?:\[\s*(\d+)\s*\])?")
MOST_VALUES = 100
# Several pictures in a cell; two things at once; no text.
NOT_SWEPT = ("count", "mixing", "reference_image", "mask_image")
PRESET = "preset"


@dataclass(frozen=True)
class Axis:
    """One setting of a request or of its mixing, and the values that it takes along the axis."""

    name: str
    values: tuple[Any, ...]

    @property
    def labels(self) -> list[str]:
        """Of each value, as a grid shows it: "alpha_1 = 0.5"."""
        return [f"{self.name} = {shown(value)}" for value in self.values]

    @property
    def is_mixing(self) -> bool:
        """Whether it is a setting of Iterative Mixing, and not of the request itself."""
        return self.name not in _plain()

    def put(self, values: dict[str, Any], value: Any) -> dict[str, Any]:
        """The values of a request with this one changed; a value of mixing switches mixing on."""
        if self.is_mixing:
            return {**values, "mixing": {**values.get("mixing", {}), self.name: value}}
        return {**values, self.name: value}


def axis_of(option: str, text: str) -> Axis:
    """The axis of an option's text. Raises StudioError; the values themselves are checked by the request."""
    name, equals, listed = (part.strip() for part in text.partition("="))
    kinds = {**_plain(), **{field.name: field.kind for field in MixingSettings.fields()}, PRESET: "choice"}
    if name in NOT_SWEPT or name not in kinds:
        known = ", ".join(known for known in kinds if known not in NOT_SWEPT)
        raise StudioError(f"{option}: {name[:60]!r} is not a setting that can be swept; they are {known}")
    pieces = next(csv.reader([listed], skipinitialspace=True), [])
    values = tuple(value for piece in pieces for value in _values(option, name, kinds[name], piece.strip()))
    if not equals or not values or len(values) > MOST_VALUES:
        example = f"{name}=A,B,C, or for numbers {name}=LOW-HIGH [HOW MANY]"
        raise StudioError(f"{option}: {text[:60]!r} is not allowed; it takes 1 to {MOST_VALUES} values as {example}")
    return Axis(name, values)


def cells_of(values: dict[str, Any], x: Axis, y: Axis | None, has_image: bool) -> list[Request]:
    """The request of each cell, row by row. Raises StudioError and SettingsError."""
    if y and x.name == y.name:
        raise StudioError(f"y: {y.name} is on the other axis already; take another setting, or leave out --y")
    base = Request.from_dict(values)
    if base.count != 1:
        raise StudioError(f"count: {base.count} is not allowed; a cell is one picture")
    axes = {"x": x, "y": y} if y else {"x": x}
    for option, axis in axes.items():
        _require_values(option, axis, values)
    lines = [y.put(values, value) for value in y.values] if y else [values]
    cells = [Request.from_dict(x.put(line, value)) for line in lines for value in x.values]
    for option, axis in axes.items():
        if axis.is_mixing and not has_image and not any(_mixes(cell) for cell in cells):
            raise StudioError(
                f"{option}: {axis.name}: nothing is mixed without a second pass; add --hires 2, or --image"
            )
        unused = [cell.unused(axis.name, has_image) for cell in cells]
        if all(unused):
            raise StudioError(f"{option}: {axis.name} is not used: {unused[0]}")
    return cells


def _require_values(option: str, axis: Axis, values: dict[str, Any]) -> None:
    """Refuses a value of an axis under the axis's name. Raises StudioError."""
    for value in axis.values:
        try:
            Request.from_dict(axis.put(values, value))
        except (StudioError, SettingsError) as error:
            raise StudioError(f"{option}: {str(error).removeprefix('mixing: ')}") from None


def _mixes(request: Request) -> bool:
    return request.hires > 1.0 or request.mixing.reference_image is not None


def swept() -> list[str]:
    """The settings that an axis may have, those of mixing first."""
    plain = _plain()  # where both have a setting, an axis is of the request
    names = [field.name for field in MixingSettings.fields() if field.name not in plain] + [PRESET] + list(plain)
    return [name for name in names if name not in NOT_SWEPT]


def sentence(x: Axis, y: Axis | None) -> str:
    """Which axis goes where, under a grid's title."""
    over = f"{x.name} from left to right"
    return f"{over}, {y.name} from top to bottom." if y else f"{over}."


def shown(value: Any) -> str:
    """A value as a label says it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain() -> dict[str, str]:
    """The settings of a request itself and their kinds, by name."""
    return {item.name: item.type for item in dataclasses.fields(Request)}


def _values(option: str, name: str, kind: str, text: str) -> list[Any]:
    """One piece of the list: a value, or a range of numbers."""
    if kind in ("str", "choice"):
        return [text]
    if kind == "switch":
        value = as_switch(text)
        return [text if value is None else value]
    is_whole = kind in ("int", "integer")
    number = int if is_whole else float
    found = RANGE.fullmatch(text)
    if not found:
        try:
            return [number(text)]
        except ValueError:
            wanted = "a whole number" if is_whole else "a number"
            raise StudioError(f"{option}: {name}: {text[:60]!r} is not allowed; it takes {wanted}") from None
    low, high = float(found[1]), float(found[2])
    many = int(found[3]) if found[3] else int(high - low) + 1
    if high <= low or not 2 <= many <= MOST_VALUES or (not is_whole and not found[3]):
        raise StudioError(
            f"{option}: {name}: {text!r} is not allowed; a range is LOW-HIGH [HOW MANY], such as 0.5-3 [6]"
        )
    made = [low + (high - low) * step / (many - 1) for step in range(many)]
    return [round(value) if is_whole else round(value, 6) for value in made]
