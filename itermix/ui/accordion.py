"""The accordion of Iterative Mixing, built from the field list: few controls first, the rest in folded groups."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.ui.curve import build_curve
from itermix.ui.fields import build_field, build_help
from itermix.ui.mask import MaskDrawing
from itermix.ui.presets import PresetControls

GROUPS = {
    "Reference": ("reference", "reference_image", "reference_fit", "reference_scale"),
    "Passes": ("passes", "hires_denoise", "hires_reference", "hires_phases", "hires_seed"),
    "Curve": (
        "curve", "progress", "start", "stop", "unit", "start_at", "stop_at", "clamp", "minimum", "maximum", "window",
    ),
    "Mask": ("mask", "mask_image", "mask_softness", "mask_invert", "mask_bands"),
    "Rewind": ("rewind", "rewind_min", "rewind_max"),
    "Perlin noise": ("perlin", "perlin_strength", "perlin_scale", "perlin_octaves", "perlin_seed"),
    "Blend and noise": ("blend", "high_exponent", "noise", "timing", "normalize"),
}  # fmt: skip
# img2img has one pass, at the host's own denoising strength. Nothing on its page sets these: they keep their defaults.
WITHOUT = {"img2img": GROUPS["Passes"]}
STRENGTH = "Mixing holds the composition by itself: use a denoising strength of 0.7 to 1 with it."

# Called as (value, label=, elem_id=): what is opened, to build the fields in; its value is whether mixing is on.
Switch = Callable[..., Any]


@contextlib.contextmanager
def plain_switch(value: bool, label: str, elem_id: str) -> Iterator[Any]:
    """An open accordion with a checkbox in it, where the host has no accordion that is a switch itself."""
    field = next(field for field in MixingSettings.fields() if field.name == "enabled")
    with gr.Accordion(label, open=True, elem_id=elem_id):
        yield gr.Checkbox(value, label=field.label, info=field.help, elem_id=f"{elem_id}_enabled")


def build_mixing_accordion(
    tab: str,
    presets: Presets,
    start: MixingSettings | None = None,
    switch: Switch = plain_switch,
    without: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The accordion's components by field name, in the order of the field list.

    tab: prefix of the element ids; start: the settings that the page begins with; switch: the host's own accordion
    that shows, closed, whether it is on; without: fields that the page has a place of its own for.
    """
    values = (start or MixingSettings()).to_dict()
    prefix = f"itermix_{tab}"
    fields = {field.name: dataclasses.replace(field, default=values[field.name]) for field in MixingSettings.fields()}
    left_out = WITHOUT.get(tab, ())
    without = (*left_out, *without)
    controls, drawing = PresetControls(prefix, "Mixing preset", presets, values, without), MaskDrawing(tab)
    built: dict[str, Any] = {}

    def build(names: tuple[str, ...]) -> None:
        for name in names:
            built[name] = build_field(fields[name], prefix, name not in without)
            if name == "mask_image":
                drawing.build()

    with switch(values["enabled"], label=MixingSettings.title, elem_id=prefix) as built["enabled"]:
        if switch is not plain_switch:  # which says it beside its checkbox
            build_help(fields["enabled"].help)
        if left_out:
            build_help(STRENGTH)
        controls.build_choice()
        controls.build_trouble()
        build(("alpha_1",))
        build_curve(tab)
        for title, names in GROUPS.items():
            is_shown = not set(names) <= set(without)
            with gr.Accordion(
                title, open=False, visible=is_shown, elem_id=f"{prefix}_{title.split()[0].lower()}_group"
            ):
                build(names)
        controls.build_own()
    components = {name: built[name] for name in fields}
    controls.connect(components)
    drawing.connect(components)
    return components


def pasted(tab: str, components: dict[str, Any]) -> dict[str, Any]:
    """The components that a pasted infotext sets."""
    return {name: component for name, component in components.items() if name not in WITHOUT.get(tab, ())}
