"""X/Y/Z plot axes for every field of the settings, "[Iterative Mixing] alpha_1" first.

The cells of a plot share their script arguments, so a cell's values travel on an attribute of its own `p`.
"""

from __future__ import annotations

from typing import Any

from modules import scripts

from itermix.settings import INFOTEXT_KEY, Field, MixingSettings
from itermix.webui import callbacks

MODULES = ("xyz_grid.py", "scripts.xyz_grid")  # the plot's module, as A1111 and as Forge name it
ATTRIBUTE = "itermix_mixing_axes"
FIRST = "alpha_1"
ON_OFF = {"on": True, "off": False}


def register() -> None:
    """Adds the axes now, or before the page is built if the plot is not loaded yet. Adds none twice."""
    _add()
    callbacks.on_before_ui(_add)


def values_of(p: Any) -> dict[str, Any]:
    """What the axes say for this cell, by field name."""
    return getattr(p, ATTRIBUTE, {})


def _add() -> None:
    plot = next((data.module for data in scripts.scripts_data if data.script_class.__module__ in MODULES), None)
    if plot is None:
        return
    present = {option.label for option in plot.axis_options}
    fields = [field for field in MixingSettings.fields() if field.kind != "image"]
    for field in sorted(fields, key=lambda field: field.name != FIRST):
        label = f"[{INFOTEXT_KEY}] {field.label}"
        if label not in present:
            plot.axis_options.append(_axis(plot, label, field))


def _axis(plot: Any, label: str, field: Field) -> Any:
    names = {"choice": field.choices, "switch": tuple(ON_OFF)}.get(field.kind)
    return plot.AxisOption(
        label,
        float if field.kind == "number" else str,
        _apply(field),
        confirm=lambda p, values: [field.check(_value(field, value)) for value in values],
        choices=(lambda: list(names)) if names else None,
    )


def _apply(field: Field):
    def apply(p: Any, value: Any, values: list[Any]) -> None:
        # a new dict: copies of p share the old one
        setattr(p, ATTRIBUTE, {**values_of(p), field.name: field.check(_value(field, value))})

    return apply


def _value(field: Field, value: Any) -> Any:
    return ON_OFF.get(value, value) if field.kind == "switch" else value
