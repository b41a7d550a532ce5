"""What is on the standalone's page, and where.

One form at the left, in tabs, and one place for results beside it, which stays in sight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.studio.axes import swept
from itermix.studio.page import fields
from itermix.studio.page.example import Example
from itermix.studio.page.fields import TAB
from itermix.ui.accordion import build_mixing_accordion
from itermix.ui.fields import build_help
from itermix.ui.sequence import ShownPlan, build_sequence_fields

MOST_TRACED = 20
TITLE = """# itermix
Makes pictures larger without losing their composition, and films from prompts. All of it runs on this machine.
Type a prompt and press Generate; *Upscale* has the mixing, *Sequence* makes films, *Compare* grids over settings."""
FIRST_WORDS = "Pictures come here: press Generate."
FIRST_WORDS_OF_AN_EXAMPLE = "An example is shown below, at the left without mixing. Press Generate for your own."
CSS = """
.gradio-container { max-width: 1400px !important; margin: 0 auto; }
#itermix_results { position: sticky; top: 8px; align-self: flex-start; }
#itermix_tabs .tab-container button { padding-left: 9px; padding-right: 9px; }
@media (max-width: 1000px) { #itermix_tabs .tab-container button { padding: 0 4px; font-size: 13px; } }
#itermix_status { min-height: 3.2em; }
#itermix_status progress { width: 100%; height: 6px; accent-color: var(--primary-600); }
#itermix_status p { margin: 0 0 4px; color: var(--body-text-color); }
#itermix_status img, #itermix_film video, #itermix_film img { max-width: 100%; max-height: 420px; border-radius: 6px; }
#itermix_film:not(:has(video)):not(:has(img)) { display: none; } /* no comma: gradio would put its prefix after it */
#itermix_title h1 { font-size: 1.3rem; margin: 0.2em 0; }
#itermix_slider label { max-width: calc(100% - 90px); white-space: normal; } /* beside it are the slider's buttons */
footer { display: none !important; }
"""

OF_THE_RUN = ("hires_reference", "hires_phases")  # fields of mixing that the run itself has here


@dataclass(frozen=True)
class Form:
    """What is asked for: components of the request, of mixing and of a sequence by field name, then the rest.

    axes: name and values of the columns, name and values of the rows.
    """

    request: dict[str, Any]
    mixing: dict[str, Any]
    sequence: dict[str, Any]
    uses_hires: Any
    compares: Any
    traced: Any
    image: Any
    mask: Any
    axes: list[Any]

    @property
    def labels(self) -> dict[str, str]:
        """What the page calls each field. The request's own come first, as where mixing has one of the same name."""
        fields = {**self.sequence, **self.mixing, **self.request, "image": self.image}
        return {**{name: component.label for name, component in fields.items()}, "mask": "Mask"}


@dataclass(frozen=True)
class Buttons:
    """What can be pressed."""

    generate: Any
    interrupt: Any
    sequence: Any
    grid: Any
    settings: Any
    upload: Any


@dataclass(frozen=True)
class Results:
    """Where a run shows what it does and has made."""

    status: Any
    slider: Any
    gallery: Any
    film: Any
    infotext: Any
    saved: Any

    @property
    def shown(self) -> list[Any]:
        """What a run updates."""
        return [self.status, self.gallery, self.slider, self.film, self.infotext]


@dataclass(frozen=True)
class Page:
    """All that the server ties together."""

    form: Form
    buttons: Buttons
    results: Results


def build(
    native: tuple[int, int], multiple: int, prompt: str, mixing: Presets, sequence: Presets, shown_plan: ShownPlan,
    example: Example | None,
) -> Page:  # fmt: skip
    """Called within a gr.Blocks. native: the model's own (height, width); multiple: what sides must be divisible by.

    mixing, sequence: the presets of each. example: what is shown before the first picture.
    """
    gr.Markdown(TITLE, elem_id="itermix_title")
    with gr.Row():
        with gr.Column(scale=1, min_width=320):
            request = fields.prompt(prompt)
            with gr.Row():
                generate = gr.Button("Generate", variant="primary", elem_id="itermix_generate", min_width=120)
                interrupt = gr.Button("Interrupt", elem_id="itermix_interrupt", min_width=120)
            with gr.Tabs(elem_id="itermix_tabs"):
                with gr.Tab("Picture", render_children=True):
                    request |= fields.sampling(native, multiple)
                    image, mask = fields.source(request)
                with gr.Tab("Upscale", render_children=True):
                    uses_hires = fields.hires(request)
                    mixed = build_mixing_accordion(TAB, mixing, MixingSettings(enabled=True), without=OF_THE_RUN)
                    compares, traced = _more()
                with gr.Tab("Sequence", render_children=True):
                    frames = build_sequence_fields(TAB, shown_plan, sequence)
                    make = gr.Button("Make the sequence", variant="primary", elem_id="itermix_make_sequence")
                with gr.Tab("Compare", render_children=True):
                    axes = _axes()
                    grid = gr.Button("Make the grid", variant="primary", elem_id="itermix_make_grid")
        with gr.Column(scale=1, min_width=320, elem_id="itermix_results"):
            results, settings, upload = _results(example)
    form = Form(request, mixed, frames, uses_hires, compares, traced, image, mask, axes)
    return Page(form, Buttons(generate, interrupt, make, grid, settings, upload), results)


def _results(example: Example | None) -> tuple[Results, Any, Any]:
    status = gr.HTML(f"<p>{FIRST_WORDS_OF_AN_EXAMPLE if example else FIRST_WORDS}</p>", elem_id="itermix_status")
    slider = gr.ImageSlider(
        value=example and (example.before, example.after), label=example.label if example else "Before and after",
        interactive=False, elem_id="itermix_slider", type="filepath", max_height=620,
    )  # fmt: skip
    film = gr.HTML(elem_id="itermix_film")
    gallery = gr.Gallery(
        label="Pictures", interactive=False, elem_id="itermix_gallery", columns=4, height="auto",
        object_fit="contain", preview=False,
    )  # fmt: skip
    infotext = gr.Textbox(
        example.infotext if example else "", label="Parameters", interactive=False, lines=2, elem_id="itermix_infotext"
    )
    with gr.Row():
        settings = gr.Button("Save the settings", size="sm", elem_id="itermix_save")
        upload = gr.UploadButton("Load settings", size="sm", file_types=[".json"], elem_id="itermix_load")
    return Results(status, slider, gallery, film, infotext, gr.Textbox(visible=False)), settings, upload


def _more() -> tuple[Any, Any]:
    compares = gr.Checkbox(
        True, label="Also without mixing", elem_id="itermix_compare",
        info="Makes each picture a second time, for the slider beside it.",
    )  # fmt: skip
    traced = gr.Slider(
        0, MOST_TRACED, 0, step=1, label="Trace", elem_id="itermix_trace",
        info="Steps of each mixed pass to show state, reference and mix of; 0 shows none.",
    )  # fmt: skip
    return compares, traced


def _axes() -> list[Any]:
    build_help(
        "A grid of pictures over one or two settings. Values are separated by commas (0.1, 0.5, 2); numbers can be a "
        "range (1-3), with how many of them in brackets (0.5-3 [6])."
    )
    names = swept()
    with gr.Row():
        across = fields.choice("Columns", tuple(names), "alpha_1", "itermix_x", "From left to right.")
        across_values = gr.Textbox(
            "0.05, 0.5, 3", label="Column values", elem_id="itermix_x_values", info="One column each."
        )
    with gr.Row():
        down = fields.choice("Rows", ("none", *names), "none", "itermix_y", "From top to bottom.")
        down_values = gr.Textbox(label="Row values", elem_id="itermix_y_values", info="One row each.")
    return [across, across_values, down, down_values]
