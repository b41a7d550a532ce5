"""The accordion of Iterative Mixing, built from the field list: three controls first, the rest in folded groups."""

from __future__ import annotations

import dataclasses
from typing import Any

import gradio as gr

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.ui.curve import build_curve
from itermix.ui.fields import build_field
from itermix.ui.presets import PresetControls

GROUPS = {
    "Reference": ("reference", "reference_image", "reference_fit", "reference_scale"),
    "Passes": ("passes", "hires_denoise"),
    "Curve": ("curve", "progress", "start", "stop", "clamp", "minimum", "maximum"),
    "Blend and noise": ("blend", "high_exponent", "noise", "timing"),
}


def build_mixing_accordion(
    tab: str, presets: Presets, start: MixingSettings | None = None, is_open: bool = False
) -> dict[str, Any]:
    """The accordion's components by field name, in the order of the field list.

    tab: prefix of the element ids; start: the settings that the page begins with.
    """
    values = (start or MixingSettings()).to_dict()
    prefix = f"itermix_{tab}"
    fields = {field.name: dataclasses.replace(field, default=values[field.name]) for field in MixingSettings.fields()}
    built: dict[str, Any] = {}

    def build(name: str) -> None:
        built[name] = build_field(fields[name], prefix)

    controls = PresetControls(prefix, presets, values)
    with gr.Accordion("Iterative Mixing", open=is_open, elem_id=prefix):
        with gr.Row():
            build("enabled")
            controls.build_choice()
        controls.build_trouble()
        build("alpha_1")
        build_curve(tab)
        for title, names in GROUPS.items():
            with gr.Accordion(title, open=False, elem_id=f"{prefix}_{title.split()[0].lower()}_group"):
                for name in names:
                    build(name)
        controls.build_own()
    components = {name: built[name] for name in fields}
    controls.connect(components)
    return components
