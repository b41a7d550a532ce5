"""The accordion of Iterative Mixing, built from the field list: three controls first, the rest in folded groups."""

from __future__ import annotations

from typing import Any

import gradio as gr

from itermix.settings import Field, MixingSettings
from itermix.ui.curve import build_curve

FIRST = ("enabled", "alpha_1")
GROUPS = {
    "Reference": ("reference", "reference_image", "reference_fit", "reference_scale"),
    "Passes": ("passes", "hires_denoise"),
    "Curve": ("curve", "progress", "start", "stop", "clamp", "minimum", "maximum"),
    "Blend and noise": ("blend", "noise", "timing"),
}
CUSTOM = "custom"


def build_mixing_accordion(tab: str, is_open: bool = False) -> dict[str, Any]:
    """The accordion's components by field name, in the order of the field list. tab: prefix of the element ids."""
    fields = {field.name: field for field in MixingSettings.fields()}
    built: dict[str, Any] = {}
    with gr.Accordion("Iterative Mixing", open=is_open, elem_id=f"itermix_{tab}"):
        with gr.Row():
            built["enabled"] = _component(fields["enabled"], tab)
            preset = gr.Dropdown(
                label="Preset",
                choices=[CUSTOM, *MixingSettings.presets()],
                value=CUSTOM,
                elem_id=f"itermix_{tab}_preset",
                info="Sets the fields below to values that are known to work.",
            )
        built["alpha_1"] = _component(fields["alpha_1"], tab)
        build_curve(tab)
        for title, names in GROUPS.items():
            with gr.Accordion(title, open=False, elem_id=f"itermix_{tab}_{title.split()[0].lower()}_group"):
                for name in names:
                    built[name] = _component(fields[name], tab)
    components = {name: built[name] for name in fields}
    _connect_preset(preset, components)
    return components


def _component(field: Field, tab: str) -> Any:
    common = {"label": field.label, "elem_id": f"itermix_{tab}_{field.name}"}
    if field.kind == "switch":
        return gr.Checkbox(value=field.default, info=field.help, **common)
    if field.kind == "number":
        return gr.Slider(field.minimum, field.maximum, field.default, step=field.step, info=field.help, **common)
    if field.kind == "choice":
        return gr.Dropdown(list(field.choices), value=field.default, info=field.help, **common)
    return gr.Image(type="pil", **common)


def _connect_preset(preset: Any, components: dict[str, Any]) -> None:
    """Choosing a preset sets every field but the switch and the picture."""
    set_fields = [field for field in MixingSettings.fields() if field.kind != "image" and field.name != "enabled"]

    def apply(name: str) -> list[Any]:
        if name not in MixingSettings.presets():
            return [gr.update() for _ in set_fields]
        settings = MixingSettings.from_dict({"preset": name})
        return [gr.update(value=getattr(settings, field.name)) for field in set_fields]

    preset.input(apply, inputs=[preset], outputs=[components[field.name] for field in set_fields], show_progress=False)
