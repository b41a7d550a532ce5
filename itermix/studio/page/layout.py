"""What is on the standalone's page, and where. The elements that the live curve reads have the WebUIs' own ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.studio.request import SAMPLERS, SCHEDULES, UPSCALERS, Request
from itermix.ui.accordion import build_mixing_accordion
from itermix.ui.fields import build_help

TAB = "txt2img"
LARGEST_SIDE, LARGEST_SEED = 2048, 2**53 - 1  # a browser's whole numbers end there
CSS = """
.gradio-container { max-width: 1400px !important; margin: 0 auto; }
#itermix_status { min-height: 3.2em; }
#itermix_status progress { width: 100%; height: 6px; accent-color: var(--primary-600); }
#itermix_status p { margin: 0 0 4px; color: var(--body-text-color); }
#itermix_title h1 { font-size: 1.3rem; margin: 0.2em 0; }
footer { display: none !important; }
"""


@dataclass(frozen=True)
class Page:
    """The components: of the request and of mixing by field name, then the rest."""

    request: dict[str, Any]
    mixing: dict[str, Any]
    uses_hires: Any
    compares: Any
    image: Any
    mask: Any
    generate: Any
    interrupt: Any
    status: Any
    gallery: Any
    slider: Any
    infotext: Any
    settings: Any
    saved: Any
    upload: Any


def build(native: tuple[int, int], multiple: int, prompt: str, presets: Presets) -> Page:
    """Inside of a gr.Blocks. native: the model's own (height, width); multiple: what sides must be divisible by."""
    with gr.Row():
        with gr.Column(scale=5, min_width=420):
            request = _prompt(prompt)
            with gr.Row():
                generate = gr.Button("Generate", variant="primary", elem_id="itermix_generate")
                interrupt = gr.Button("Interrupt", elem_id="itermix_interrupt")
            request |= _sampling(native, multiple)
            uses_hires = _hires(request)
            mixing = build_mixing_accordion(TAB, presets, MixingSettings(enabled=True))
            compares = gr.Checkbox(
                True, label="Compare", elem_id="itermix_compare",
                info="Makes each picture a second time without mixing, for the slider beside it.",
            )  # fmt: skip
            image, mask = _source(request)
        with gr.Column(scale=6, min_width=420):
            status = gr.HTML(elem_id="itermix_status")
            slider = gr.ImageSlider(
                label="Before and after", interactive=False, elem_id="itermix_slider", type="filepath", max_height=620
            )
            gallery = gr.Gallery(
                label="Pictures",
                interactive=False,
                elem_id="itermix_gallery",
                columns=4,
                height="auto",
                object_fit="contain",
                preview=False,
            )
            infotext = gr.Textbox(label="Parameters", interactive=False, lines=2, elem_id="itermix_infotext")
            with gr.Row():
                settings = gr.Button("Save the settings", size="sm", elem_id="itermix_save")
                upload = gr.UploadButton("Load settings", size="sm", file_types=[".json"], elem_id="itermix_load")
            saved = gr.Textbox(visible=False)
    return Page(
        request, mixing, uses_hires, compares, image, mask, generate, interrupt, status, gallery, slider, infotext,
        settings, saved, upload,
    )  # fmt: skip


def _prompt(prompt: str) -> dict[str, Any]:
    return {
        "prompt": gr.Textbox(
            prompt, label="Prompt", lines=2, elem_id=f"{TAB}_prompt", info="What the picture shall show."
        ),
        "negative": gr.Textbox(
            label="Negative prompt", lines=1, elem_id=f"{TAB}_neg_prompt", info="What it shall not show."
        ),
    }


def _sampling(native: tuple[int, int], multiple: int) -> dict[str, Any]:
    default = Request()
    sides = dict(minimum=multiple, maximum=LARGEST_SIDE, step=multiple, info="Of the first pass.")
    found: dict[str, Any] = {}
    with gr.Row():
        found["width"] = gr.Slider(value=native[1], label="Width (pixels)", elem_id=f"{TAB}_width", **sides)
        found["height"] = gr.Slider(value=native[0], label="Height (pixels)", elem_id=f"{TAB}_height", **sides)
    with gr.Row():
        found["steps"] = gr.Slider(
            1, 100, default.steps, step=1, label="Sampling steps", elem_id=f"{TAB}_steps", info="More are slower."
        )
        found["guidance"] = gr.Slider(
            0, 20, default.guidance, step=0.5, label="CFG scale", elem_id=f"{TAB}_cfg_scale",
            info="0 takes the model's own.",
        )  # fmt: skip
    with gr.Row():
        found["sampler"] = _choice(
            "Sampling method", SAMPLERS, default.sampler, f"{TAB}_sampling", "How a step is made."
        )
        found["schedule"] = _choice(
            "Schedule", SCHEDULES, default.schedule, f"{TAB}_schedule", "How the noise falls from step to step."
        )
    with gr.Row():
        found["seed"] = gr.Number(-1, label="Seed", precision=0, elem_id=f"{TAB}_seed", info="-1 draws one.")
        found["count"] = gr.Slider(
            1, 16, 1, step=1, label="Pictures", elem_id=f"{TAB}_count", info="Each has the next seed."
        )
    return found


def _hires(request: dict[str, Any]) -> Any:
    """Adds the fields of the hires pass to the request's; the switch."""
    default = Request()
    with gr.Group():
        switch = gr.Checkbox(
            True, label="Hires. fix", elem_id=f"{TAB}_hr", info="Enlarges the picture and samples it once more."
        )
        with gr.Row():
            request["hires"] = gr.Slider(
                1,
                4,
                2,
                step=0.25,
                label="Upscale by",
                elem_id=f"{TAB}_hr_scale",
                info="Times the width and the height.",
            )
            request["hires_strength"] = gr.Slider(
                0.0, 1.0, default.hires_strength, step=0.05, label="Denoising strength (fraction)",
                info="Of a pass without mixing.", elem_id=f"{TAB}_denoising_strength",
            )  # fmt: skip
        with gr.Row():
            request["hires_steps"] = gr.Slider(
                0, 100, 0, step=1, label="Hires steps", info="0 takes as many as the first pass.",
                elem_id=f"{TAB}_hires_steps",
            )  # fmt: skip
            request["hires_upscaler"] = _choice(
                "Upscaler", UPSCALERS, UPSCALERS[0], f"{TAB}_hr_upscaler", "What enlarges the first pass."
            )
    return switch


def _source(request: dict[str, Any]) -> tuple[Any, Any]:
    with gr.Accordion("Start from a picture (img2img, inpainting)", open=False, elem_id="itermix_source"):
        with gr.Row():
            image = gr.Image(type="pil", image_mode=None, label="Picture", elem_id="itermix_image", height=220)
            mask = gr.Image(
                type="pil", image_mode=None, label="Mask: white is made anew", elem_id="itermix_mask", height=220
            )
        build_help("The picture takes the first pass's place. The mask says which part of it is made anew.")
        request["strength"] = gr.Slider(
            0.05, 1.0, Request().strength, step=0.05, label="Denoising strength (fraction)",
            elem_id="itermix_strength", info="How much of the picture is made anew.",
        )  # fmt: skip
    return image, mask


def _choice(label: str, choices: tuple[str, ...], value: str, elem_id: str, help: str) -> Any:
    return gr.Dropdown(list(choices), value=value, label=label, elem_id=elem_id, info=help)
