"""The fields of Latent Sequence, built from the field list: what everybody sets first, the rest in folded groups."""

from __future__ import annotations

import dataclasses
import html
import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from itermix.presets import Presets
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError, labelled
from itermix.ui.events import on_server
from itermix.ui.fields import build_field, build_help
from itermix.ui.gallery import Gallery
from itermix.ui.plan import plan_curves, plan_table
from itermix.ui.presets import PresetControls

FIRST = ("frames", "prompts", "travel", "denoise_seq")
GROUPS = {
    "Keyframes": (
        "negative_prompts", "prompt_format", "pre_text", "append_text", "keyframes", "conditioning_slerp",
        "conditioning_slerp_strength",
    ),
    "Denoising": ("denoise_start", "denoise_sine", "denoise_max", "unsample", "unsample_steps"),
    "Latents": (
        "latent_interpolation", "latent_interpolation_strength", "inject_noise", "noise_strength", "mixing_reference",
        "colour_anchor",
    ),
    "Values over time": (
        "denoise_schedule", "cfg_schedule", "alpha_1_schedule", "noise_schedule", "interpolation_schedule",
        "conditioning_slerp_schedule", "seed_schedule", "values_between",
    ),
    "Camera": ("zoom_schedule", "pan_x_schedule", "pan_y_schedule", "rotation_schedule", "border_noise"),
    "Seeds": ("seed_mode", "alternate", "seed_keying", "seed_divisor", "node_seeds"),
    "Video": (
        "video_format", "fps", "hold_first", "hold_last", "ping_pong", "close_loop", "finish_interrupted", "resume",
    ),
}  # fmt: skip
LABELS = {field.name: field.label for field in SequenceSettings.fields()}
PLAN_HELP = "Lists the frames that the fields above give with the page's own prompt and seed, before they are made."
DRAWN = "The seed is drawn when the sequence starts; here it is 0."

ShownPlan = Callable[[tuple[Any, ...], int, str, str], tuple[dict[str, Any], list[str]]]


def build_sequence_fields(
    tab: str, shown_plan: ShownPlan, presets: Presets, start: SequenceSettings | None = None
) -> dict[str, Any]:
    """The components by field name, in the order of the field list. tab: prefix of the element ids.

    shown_plan(values of the fields, seed, prompt, negative prompt): `itermix.sequence.plan.overview` and what else
    is to be said about it, for the button that shows it; may raise SettingsError.
    start: the settings that the page begins with.
    """
    values = (start or SequenceSettings()).to_dict()
    prefix = f"itermix_sequence_{tab}"
    fields = {field.name: dataclasses.replace(field, default=values[field.name]) for field in SequenceSettings.fields()}
    controls = PresetControls(prefix, "Sequence preset", presets, values)
    controls.build_choice()
    controls.build_trouble()
    gallery = Gallery(prefix)
    gallery.build()
    built = {name: build_field(fields[name], prefix) for name in FIRST}
    for title, names in GROUPS.items():
        with gr.Accordion(title, open=False, elem_id=f"{prefix}_{title.split()[0].lower()}_group"):
            for name in names:
                built[name] = build_field(fields[name], prefix)
    controls.build_own()
    components = {name: built[name] for name in fields}
    controls.connect(components)
    gallery.connect(components)
    _add_plan(tab, components, shown_plan)
    return components


def _add_plan(tab: str, components: dict[str, Any], shown_plan: ShownPlan) -> None:
    """A button that shows the frames before they are made."""
    show = gr.Button("Show the plan", elem_id=f"itermix_sequence_{tab}_plan")
    build_help(PLAN_HELP)
    page = gr.Textbox(visible=False, elem_id=f"itermix_sequence_{tab}_page")  # filled by the script below
    problem = gr.HTML(visible=False, elem_id=f"itermix_sequence_{tab}_problem")
    table = gr.HTML(visible=False, elem_id=f"itermix_sequence_{tab}_table")

    def fill(*values: Any) -> tuple[Any, Any]:
        *fields, own = values
        seed, prompt, negative = json.loads(own or '[0, "", ""]')
        try:
            plan, lines = shown_plan(tuple(fields), max(seed, 0), prompt, negative)
        except SettingsError as error:
            said = html.escape(labelled(str(error), LABELS))
            return gr.update(visible=False), gr.update(value=f"<p>{said}</p>", visible=True)
        lines = [*([DRAWN] if seed < 0 else []), *map(html.escape, [*plan["messages"], *lines])]
        curves = {LABELS[name]: values for name, values in plan["curves"].items()}
        shown = plan_curves(curves) + plan_table(plan["frames"])
        said = "".join(f"<p>{line}</p>" for line in lines)
        return gr.update(value=shown, visible=True), gr.update(value=said, visible=bool(lines))

    script = f"(...values) => itermix.withPage({tab!r}, {len(components)}, ...values)"
    on_server(show.click, fill, [*components.values(), page], [table, problem], script)
