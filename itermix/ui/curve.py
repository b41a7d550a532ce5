"""The place of the live curve, which `javascript/` fills in the browser.

It carries the fields that the curve is made of, so that the script has names, defaults, ranges and choices from
the one field list.
"""

from __future__ import annotations

import html
import json

import gradio as gr

from itermix.mixing.settings import MixingSettings

DRAWN_FROM = (
    "enabled", "alpha_1", "curve", "blend", "hires_denoise", "passes", "start", "stop", "clamp", "minimum", "maximum",
    "progress", "reference", "reference_scale", "high_exponent", "window", "unit", "start_at", "stop_at",
)  # fmt: skip


def build_curve(tab: str) -> gr.HTML:
    """An empty block for the curve of a tab, "txt2img" or "img2img"."""
    return gr.HTML(placeholder(tab), elem_id=f"itermix_{tab}_live_curve")


def placeholder(tab: str) -> str:
    """HTML that `javascript/itermix_curve_view.js` fills, with what it must know of the fields as JSON."""
    fields = {
        field.name: {
            "kind": field.kind,
            "default": field.default,
            "minimum": field.minimum,
            "maximum": field.maximum,
            "choices": field.choices,
        }
        for field in MixingSettings.fields()
        if field.name in DRAWN_FROM
    }
    return f'<div class="itermix-curve" data-tab="{tab}" data-fields="{html.escape(json.dumps(fields))}"></div>'
