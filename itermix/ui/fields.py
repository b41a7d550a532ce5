"""One field of a settings model as a component, with its help in sight."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from itermix.settings import Field

# Fields whose useful values fill a logarithmic slider: its ends, and what they are like. The number takes all values.
LOGARITHMIC = {"alpha_1": ((0.02, "more faithful"), (3.0, "freer"))}
LONGEST_SLIDER = 10_000  # whole numbers, of which each can still be hit
PROMPTS_SHOWN = "0: a rose\n6: a rose in snow"
VALUES_SHOWN = "0:(0.5), 24:(0.8)"
MOVES_SHOWN = {
    "zoom_schedule": "0:(1), 24:(1.05)", "pan_x_schedule": "0:(0), 24:(0.02)", "pan_y_schedule": "0:(0), 24:(0.02)",
    "rotation_schedule": "0:(0), 24:(2)",
}  # fmt: skip
LINES = {"prompts": 3}
PICTURE_HEIGHT = 240  # pixels, what gradio 3 gives by itself
SLIDER = "width: 100%; accent-color: var(--slider-color, auto);"  # the colour of the page's own sliders
AS_INFO = "font-size: var(--text-sm); color: var(--block-info-text-color);"  # as the help of other components


def build_field(field: Field, prefix: str, visible: bool = True) -> Any:
    """prefix: of the element id. The component begins at the field's default.

    A number has no ends of its own: gradio would refuse the whole form for it, without the field's name.
    """
    common = {"label": field.label, "elem_id": f"{prefix}_{field.name}", "visible": visible}
    if field.kind == "image":  # the one component that has no help of its own
        # All that the file has: alpha, 16 bits. gradio 4 would show it as wide as the page is.
        picture = gr.Image(type="pil", image_mode=None, height=PICTURE_HEIGHT, **common)
        build_help(html.escape(field.help))
        return picture
    common["info"] = field.help
    if field.name in LOGARITHMIC:
        return _build_logarithmic(field, common)
    if field.kind == "switch":
        return gr.Checkbox(value=field.default, **common)
    if field.kind == "integer" and field.maximum > LONGEST_SLIDER:  # a seed
        return gr.Number(field.default, precision=0, **common)
    if field.kind in ("number", "integer"):
        return gr.Slider(field.minimum, field.maximum, field.default, step=field.step, **common)
    if field.choices:  # a text may have some, too: names that only this WebUI knows
        return gr.Dropdown(list(field.choices), value=field.default, **common)
    is_schedule = field.name.endswith("_schedule")
    placeholder, lines = (MOVES_SHOWN.get(field.name, VALUES_SHOWN), 1) if is_schedule else (PROMPTS_SHOWN, 2)
    return gr.Textbox(field.default, lines=LINES.get(field.name, lines), placeholder=placeholder, **common)


def _build_logarithmic(field: Field, common: dict[str, Any]) -> Any:
    """A number, which is the field, and a slider that javascript/itermix_slider.js ties to it.

    A WebUI's own slider has even steps alone, and what it shows is what a script is given. The slider stands below
    the number: beside it, label and help would have a third of a narrow accordion's width.
    """
    number = gr.Number(field.default, step=field.step, **common)
    gr.HTML(_slider(field, common["elem_id"]), elem_id=f"{common['elem_id']}_slider")
    return number


def _slider(field: Field, elem_id: str) -> str:
    (low, first), (high, last) = LOGARITHMIC[field.name]
    ends = f"<span>{first}</span><span>{last}</span>"
    return (
        f'<div class="itermix-slider" data-number="{elem_id}" data-low="{low:g}" data-high="{high:g}">'
        f'<input type="range" min="0" max="1" step="any" aria-label="{html.escape(field.label)}" style="{SLIDER}">'
        f'<div style="display: flex; justify-content: space-between; gap: 1em; {AS_INFO}">{ends}</div></div>'
    )


def build_help(text: str) -> None:
    """A line for what has no help of its own: pictures and buttons. text: HTML."""
    gr.HTML(f'<p style="{AS_INFO}">{text}</p>')
