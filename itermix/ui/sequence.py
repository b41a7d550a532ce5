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
from itermix.settings import SettingsError
from itermix.ui.events import on_server
from itermix.ui.fields import build_field, build_help
from itermix.ui.plan import plan_table
from itermix.ui.presets import PresetControls

FIRST = ("frames", "prompts", "travel", "denoise_seq")
GROUPS = {
    "Keyframes": ("negative_prompts", "keyframes", "conditioning_slerp", "conditioning_slerp_strength"),
    "Denoising": ("denoise_start", "denoise_sine", "denoise_max", "unsample", "unsample_steps"),
    "Latents": (
        "latent_interpolation", "latent_interpolation_strength", "inject_noise", "noise_strength", "mixing_reference",
        "colour_anchor",
    ),
    "Seeds": ("seed_mode", "alternate", "seed_keying", "seed_divisor", "node_seeds"),
    "Video": ("video_format", "fps", "hold_first", "hold_last", "ping_pong", "finish_interrupted", "resume"),
}  # fmt: skip
PLAN_HELP = "Lists the frames that the fields above give with the page's own prompt and seed, before they are made."
DRAWN = "The seed is drawn when the sequence starts; here it is 0."

PlanRows = Callable[[tuple[Any, ...], int, str, str], tuple[list[dict[str, Any]], list[str]]]


def build_sequence_fields(
    tab: str, plan_rows: PlanRows, presets: Presets, start: SequenceSettings | None = None
) -> dict[str, Any]:
    """The components by field name, in the order of the field list. tab: prefix of the element ids.

    plan_rows(values of the fields, seed, prompt, negative prompt): the table of the plan and what is to be said about
    it, for the button that shows it; may raise SettingsError.
    start: the settings that the page begins with.
    """
    values = (start or SequenceSettings()).to_dict()
    prefix = f"itermix_sequence_{tab}"
    fields = {field.name: dataclasses.replace(field, default=values[field.name]) for field in SequenceSettings.fields()}
    controls = PresetControls(prefix, "Sequence preset", presets, values)
    controls.build_choice()
    controls.build_trouble()
    built = {name: build_field(fields[name], prefix) for name in FIRST}
    for title, names in GROUPS.items():
        with gr.Accordion(title, open=False, elem_id=f"{prefix}_{title.split()[0].lower()}_group"):
            for name in names:
                built[name] = build_field(fields[name], prefix)
    controls.build_own()
    components = {name: built[name] for name in fields}
    controls.connect(components)
    _add_plan(tab, components, plan_rows)
    return components


def _add_plan(tab: str, components: dict[str, Any], plan_rows: PlanRows) -> None:
    """A button that shows the frames before they are made."""
    show = gr.Button("Show the plan", elem_id=f"itermix_sequence_{tab}_plan")
    build_help(PLAN_HELP)
    page = gr.Textbox(visible=False, elem_id=f"itermix_sequence_{tab}_page")  # filled by the script below
    problem = gr.HTML(elem_id=f"itermix_sequence_{tab}_problem")
    table = gr.HTML(visible=False, elem_id=f"itermix_sequence_{tab}_table")

    def fill(*values: Any) -> tuple[Any, str]:
        *fields, own = values
        seed, prompt, negative = json.loads(own or '[0, "", ""]')
        try:
            rows, lines = plan_rows(tuple(fields), max(seed, 0), prompt, negative)
        except SettingsError as error:
            return gr.update(visible=False), f"<p>{html.escape(str(error))}</p>"
        lines = [*([DRAWN] if seed < 0 else []), *map(html.escape, lines)]
        return gr.update(value=plan_table(rows), visible=True), "".join(f"<p>{line}</p>" for line in lines)

    script = f"(...values) => itermix.withPage({tab!r}, {len(components)}, ...values)"
    on_server(show.click, fill, [*components.values(), page], [table, problem], script)
