"""X/Y/Z plot axes for the fields of all scripts, "[Iterative Mixing] alpha_1" first.

The cells of a plot share their script arguments, so a cell's values travel in the state of its own `p`.

The plot is itself a selectable script, and a host runs one of those at a time: a cell is a plain picture, whatever the
hidden fields of Latent Sequence say. So a cell with a sequence's axis is given to Latent Sequence in the one place
where the plot makes a cell, and is the sheet of that sequence's frames; one with an axis of Iterative Upscale is made
by that. Their other settings are those of the fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings
from itermix.settings import Field, Settings, SettingsError
from itermix.upscale.settings import UpscaleSettings
from itermix.webui import refusals, run_state
from itermix.webui.compat import callbacks, page

# Of each script, the attribute of the run's state that has what the axes say.
AXES: dict[type[Settings], str] = {
    MixingSettings: "mixing_axes", SequenceSettings: "sequence_axes", UpscaleSettings: "upscale_axes",
}  # fmt: skip
OURS = "itermix_cell_maker"  # on the plot's `process_images`: that it is ours
FIRST = "alpha_1"
# A picture has no text; a plot does not go on with an old sequence.
WITHOUT_AXIS = ("reference_image", "mask_image", "resume")
ON_OFF = ("on", "off")
NEW_LINE = "\\n"  # as one writes it in the plot's one line of values
TYPES = {"number": float, "integer": int}


def register() -> None:
    """Adds the axes now, or before the page is built if the plot is not loaded yet. Adds none twice."""
    _add()
    callbacks.on_before_ui(_add)


def values_of(p: Any) -> dict[str, Any]:
    """What the axes of Iterative Mixing say for this cell, by field name."""
    return run_state.of(p).mixing_axes


def axis_label(model: type[Settings], field: Field) -> str:
    return f"[{model.title}] {field.axis or field.label}"


def fields_with_axis(model: type[Settings]) -> list[Field]:
    """In the order in which the axes are listed."""
    fields = [field for field in model.fields() if field.name not in WITHOUT_AXIS]
    return sorted(fields, key=lambda field: field.name != FIRST)


def _add() -> None:
    plot = page.xyz_plot()
    if plot is None:
        return
    present = {option.label for option in plot.axis_options}
    for model, axes in AXES.items():
        for field in fields_with_axis(model):
            label = axis_label(model, field)
            if label not in present:
                plot.axis_options.append(_axis(plot, label, field, axes))
    if not hasattr(plot.process_images, OURS):
        plot.process_images = _cell_maker(plot.process_images)


def _axis(plot: Any, label: str, field: Field, axes: str) -> Any:
    names = {"choice": field.choices, "switch": ON_OFF}.get(field.kind)
    return plot.AxisOption(
        label,
        TYPES.get(field.kind, str),
        _apply(field, axes),
        confirm=_confirm(label, field),
        choices=(lambda: list(names)) if names else None,
    )


def _confirm(label: str, field: Field) -> Callable:
    def confirm(p: Any, values: list[Any]) -> None:
        try:
            for value in values:
                field.check(_value(field, value))
        except SettingsError as error:
            raise refused(f"{label}: {error}") from None

    return confirm


def refused(message: str) -> Exception:
    """What the page shows in place of a plot, and the API answers with status 422."""
    from fastapi import HTTPException

    class Refused(HTTPException):
        def __str__(self) -> str:
            return self.detail

    return Refused(422, message)


def _apply(field: Field, axes: str) -> Callable:
    """axes: the attribute of the run's state that holds the values, by field name."""

    def apply(p: Any, value: Any, values: list[Any]) -> None:
        before = getattr(run_state.of(p), axes) or {}
        run_state.change(p, **{axes: {**before, field.name: field.check(_value(field, value))}})
        if field.name == "frames":
            run_state.change(p, longest=max(values))

    return apply


def _value(field: Field, value: Any) -> Any:
    if field.kind == "text":
        return value.replace(NEW_LINE, "\n")
    return value


def _cell_maker(process_images: Callable) -> Callable:
    """The plot's `process_images`, with a way round it for cells that are sequences."""

    def make_cell(p: Any) -> Any:
        state = run_state.of(p)
        if state.sequence_axes is None and state.upscale_axes is None:
            return process_images(p)
        try:
            return _made_by_a_script(p, state)
        except SettingsError as error:  # of values that contradict each other; the other cells are made
            model = UpscaleSettings if state.sequence_axes is None else SequenceSettings
            refusals.say(p, model, error)
            return process_images(p)

    setattr(make_cell, OURS, True)
    return make_cell


def _made_by_a_script(p: Any, state: run_state.RunState) -> Any:
    if state.sequence_axes is not None:
        from itermix.webui.sequence import plot as sequence_cell  # late: a host's start waits for every import

        return sequence_cell.make(p, state.sequence_axes, state.longest)
    from itermix.webui.upscale import plot as upscale_cell

    return upscale_cell.make(p, state.upscale_axes)
