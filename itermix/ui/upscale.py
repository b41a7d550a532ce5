"""The fields of Iterative Upscale, built from the field list: what everybody sets first, the rest in folded groups."""

from __future__ import annotations

import dataclasses
from typing import Any

import gradio as gr

from itermix.presets import Presets
from itermix.ui.fields import build_field, build_help
from itermix.ui.presets import PresetControls
from itermix.upscale.settings import PLAIN_UPSCALER, UpscaleSettings

FIRST = ("factor", "upscaler", "phases", "denoise")
GROUPS = {
    "Start, steps and seed": ("reference", "steps", "seed"),
    "Memory": ("windows", "window_size", "window_overlap", "tiled_vae"),
    "Pictures": ("own_parameters", "keep_sizes"),
}
WITHOUT = {"txt2img": ("own_parameters",)}  # which has no picture
ABOUT = {
    "txt2img": "Makes the picture at the page's size, then enlarges it in phases that are mixed with it, by the "
    "settings of Iterative Mixing, or by its defaults where that is off. Hires. fix is left out.",
    "img2img": "Enlarges the picture, of whatever size it is, in phases that are mixed with it, by the settings of "
    "Iterative Mixing, or by its defaults where that is off. The page's own size and strength are left out.",
}


def build_upscale_fields(
    tab: str, presets: Presets, upscalers: list[str], start: UpscaleSettings | None = None
) -> dict[str, Any]:
    """The components by field name, in the order of the field list.

    tab: prefix of the element ids. upscalers: names of the WebUI's. start: the settings that the page begins with.
    """
    values = (start or UpscaleSettings()).to_dict()
    prefix, without = f"itermix_upscale_{tab}", WITHOUT.get(tab, ())
    names = [PLAIN_UPSCALER, *(name for name in upscalers if name != PLAIN_UPSCALER)]
    fields = {
        field.name: dataclasses.replace(
            field, default=values[field.name], choices=tuple(names) if field.name == "upscaler" else field.choices
        )
        for field in UpscaleSettings.fields()
    }
    built: dict[str, Any] = {}

    def build(names: tuple[str, ...]) -> None:
        built.update({name: build_field(fields[name], prefix, name not in without) for name in names})

    build_help(ABOUT[tab])
    controls = PresetControls(prefix, "Upscale preset", presets, values)
    controls.build_choice()
    controls.build_trouble()
    build(FIRST)
    for title, names in GROUPS.items():
        with gr.Accordion(title, open=False, elem_id=f"{prefix}_{title.split()[0].lower().strip(',')}_group"):
            build(names)
    controls.build_own()
    components = {name: built[name] for name in fields}
    controls.connect(components)
    return components
