"""The fields of Latent Sequence, built from the field list: what everybody sets first, the rest in folded groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from itermix.sequence.settings import SequenceSettings
from itermix.settings import Field, SettingsError

FIRST = ("frames", "prompts", "travel", "denoise_seq")
GROUPS = {
    "Prompts": ("negative_prompts", "keyframes", "conditioning_slerp", "conditioning_slerp_strength"),
    "Denoising": ("denoise_start", "denoise_sine", "denoise_max", "unsample", "unsample_steps"),
    "Latents": (
        "latent_interpolation", "latent_interpolation_strength", "inject_noise", "noise_strength", "mixing_reference",
        "colour_anchor",
    ),
    "Seeds": ("seed_mode", "alternate", "seed_keying", "seed_divisor", "node_seeds"),
    "Video": ("video_format", "fps", "hold_first", "hold_last", "ping_pong", "finish_interrupted", "resume"),
}  # fmt: skip
PROMPTS_SHOWN = "0: a rose\n6: a rose in snow"
COLUMNS = ("frame", "seed", "denoise", "prompt", "negative", "interpolation")

PlanRows = Callable[..., list[dict[str, Any]]]


def build_sequence_fields(tab: str, plan_rows: PlanRows) -> dict[str, Any]:
    """The components by field name, in the order of the field list. tab: prefix of the element ids.

    plan_rows(*values of the fields): the table of the plan, for the button that shows it; may raise SettingsError.
    """
    fields = {field.name: field for field in SequenceSettings.fields()}
    built = {name: _component(fields[name], tab) for name in FIRST}
    for title, names in GROUPS.items():
        with gr.Accordion(title, open=False, elem_id=f"itermix_sequence_{tab}_{title.lower()}_group"):
            for name in names:
                built[name] = _component(fields[name], tab)
    components = {name: built[name] for name in fields}
    _add_plan(tab, components, plan_rows)
    return components


def _component(field: Field, tab: str) -> Any:
    common = {"label": field.label, "info": field.help, "elem_id": f"itermix_sequence_{tab}_{field.name}"}
    if field.kind == "switch":
        return gr.Checkbox(value=field.default, **common)
    if field.kind in ("number", "integer"):
        return gr.Slider(field.minimum, field.maximum, field.default, step=field.step, **common)
    if field.kind == "choice":
        return gr.Dropdown(list(field.choices), value=field.default, **common)
    return gr.Textbox(field.default, lines=3 if field.name == "prompts" else 2, placeholder=PROMPTS_SHOWN, **common)


def _add_plan(tab: str, components: dict[str, Any], plan_rows: PlanRows) -> None:
    """A button that shows the frames before they are made."""
    show = gr.Button("Show the plan", elem_id=f"itermix_sequence_{tab}_plan")
    problem = gr.HTML(elem_id=f"itermix_sequence_{tab}_problem")
    table = gr.Dataframe(headers=list(COLUMNS), interactive=False, elem_id=f"itermix_sequence_{tab}_table")

    def fill(*values: Any) -> tuple[Any, str]:
        try:
            rows = plan_rows(*values)
        except SettingsError as error:
            return [], f"<p>{_escaped(str(error))}</p>"
        return [[str(row[name]) for name in COLUMNS] for row in rows], ""

    show.click(fill, inputs=list(components.values()), outputs=[table, problem], show_progress=False)


def _escaped(text: str) -> str:
    import html

    return html.escape(text)
