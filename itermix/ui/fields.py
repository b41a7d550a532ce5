"""One field of a settings model as a component, with its help in sight."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from itermix.settings import Field

PROMPTS_SHOWN = "0: a rose\n6: a rose in snow"
LINES = {"prompts": 3}
AS_INFO = "font-size: var(--text-sm); color: var(--block-info-text-color);"  # as the help of other components


def build_field(field: Field, prefix: str) -> Any:
    """prefix: of the element id. The component begins at the field's default."""
    common = {"label": field.label, "elem_id": f"{prefix}_{field.name}"}
    if field.kind == "image":  # the one component that has no help of its own
        picture = gr.Image(type="pil", image_mode=None, **common)  # all that the file has: alpha, 16 bits
        build_help(html.escape(field.help))
        return picture
    common["info"] = field.help
    if field.kind == "switch":
        return gr.Checkbox(value=field.default, **common)
    if field.kind in ("number", "integer"):
        return gr.Slider(field.minimum, field.maximum, field.default, step=field.step, **common)
    if field.kind == "choice":
        return gr.Dropdown(list(field.choices), value=field.default, **common)
    return gr.Textbox(field.default, lines=LINES.get(field.name, 2), placeholder=PROMPTS_SHOWN, **common)


def build_help(text: str) -> None:
    """A line for what has no help of its own: pictures and buttons. text: HTML."""
    gr.HTML(f'<p style="{AS_INFO}">{text}</p>')
