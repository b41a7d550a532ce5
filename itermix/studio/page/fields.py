"""The fields of a request on the standalone's page, by name. What the live curve reads has the WebUIs' own ids."""

from __future__ import annotations

from typing import Any

import gradio as gr

from itermix.mixing.hires import MOST_PHASES
from itermix.studio.request import SAMPLERS, SCHEDULES, UPSCALERS, Request
from itermix.ui.fields import build_help

TAB = "txt2img"
LARGEST_SIDE = 2048
LARGEST_FACTOR = 8
LEAST_WIDTH = 210  # of a slider, pixels


def prompt(prompt: str) -> dict[str, Any]:
    """The prompts' components, by field name of the request."""
    return {
        "prompt": gr.Textbox(
            prompt, label="Prompt", lines=2, elem_id=f"{TAB}_prompt", info="What the picture shall show."
        ),
        "negative": gr.Textbox(
            label="Negative prompt", lines=1, elem_id=f"{TAB}_neg_prompt", info="What it shall not show."
        ),
    }


def sampling(native: tuple[int, int], multiple: int) -> dict[str, Any]:
    """Those of the first pass. native: the model's own (height, width); multiple: what sides must be divisible by."""
    default = Request()
    sides = dict(minimum=multiple, maximum=LARGEST_SIDE, step=multiple, info="Of the first pass.")
    found: dict[str, Any] = {}
    with gr.Row():
        found["width"] = slider(value=native[1], label="Width (pixels)", elem_id=f"{TAB}_width", **sides)
        found["height"] = slider(value=native[0], label="Height (pixels)", elem_id=f"{TAB}_height", **sides)
    with gr.Row():
        found["steps"] = slider(
            1, 100, default.steps, step=1, label="Sampling steps", elem_id=f"{TAB}_steps", info="More are slower."
        )
        found["guidance"] = slider(
            0, 20, default.guidance, step=0.5, label="CFG scale", elem_id=f"{TAB}_cfg_scale",
            info="0 takes the model's own.",
        )  # fmt: skip
    with gr.Row():
        found["sampler"] = choice(
            "Sampling method", SAMPLERS, default.sampler, f"{TAB}_sampling", "How a step is made."
        )
        found["schedule"] = choice("Schedule", SCHEDULES, default.schedule, f"{TAB}_scheduler", "How the noise falls.")
    with gr.Row():
        found["seed"] = gr.Number(-1, label="Seed", precision=0, elem_id=f"{TAB}_seed", info="-1 draws one.")
        found["count"] = slider(
            1, 16, 1, step=1, label="Number of pictures", elem_id=f"{TAB}_count", info="Each has the next seed."
        )
    return found


def hires(request: dict[str, Any]) -> Any:
    """Adds the fields of the hires pass to the request's; the switch."""
    default = Request()
    with gr.Group():
        switch = gr.Checkbox(
            True,
            label="Hires. fix",
            elem_id=f"{TAB}_hr",
            info="Upscales: enlarges the picture and samples it once more.",
        )
        with gr.Row():
            request["hires"] = slider(
                1,
                LARGEST_FACTOR,
                2,
                step=0.25,
                label="Upscale by",
                elem_id=f"{TAB}_hr_scale",
                info="Times the width and the height.",
            )
            request["hires_strength"] = slider(
                0.0, 1.0, default.hires_strength, step=0.05, label="Denoising strength without mixing",
                info="Mixing has its own.", elem_id=f"{TAB}_denoising_strength",
            )  # fmt: skip
        with gr.Row():
            request["hires_steps"] = slider(
                0, 100, 0, step=1, label="Hires steps",
                info="0 takes as many as the first pass. The denoising strength's share of them is made.",
                elem_id=f"{TAB}_hires_steps",
            )  # fmt: skip
            request["hires_upscaler"] = choice(
                "Upscaler", UPSCALERS, default.hires_upscaler, f"{TAB}_hr_upscaler", "What enlarges the first pass."
            )
        request["hires_phases"] = slider(
            0, MOST_PHASES, default.hires_phases, step=1, label="Phases", elem_id=f"{TAB}_hr_phases",
            info="Each makes the picture at most twice as large as the one before; 0 takes as many as that needs.",
        )  # fmt: skip
    return switch


def source(request: dict[str, Any]) -> tuple[Any, Any]:
    """Picture and mask to start from; the denoising strength joins the request's components."""
    with gr.Accordion("Start from a picture (img2img, inpainting)", open=False, elem_id="itermix_source"):
        with gr.Row():
            image = gr.Image(type="pil", image_mode=None, label="Picture", elem_id="itermix_image", height=220)
            mask = gr.Image(
                type="pil", image_mode=None, label="Mask: white is repainted", elem_id="itermix_mask", height=220
            )
        build_help("The sizes above take the picture's shape. The mask says which part of it is replaced.")
        request["strength"] = gr.Slider(
            0.05, 1.0, Request().strength, step=0.05, label="Denoising strength",
            elem_id="itermix_strength", info="How much of the picture is replaced.",
        )  # fmt: skip
    return image, mask


def leave_damaged(picture: Any) -> None:
    """Lets a picture's component give the path of a file that cannot be read, for the reader to refuse by name.

    gradio would refuse all buttons that take the component, with a traceback and without the field's name.
    """
    read = picture.preprocess

    def preprocess(payload: Any) -> Any:
        try:
            return read(payload)
        except Exception:  # whatever a decoder makes of damaged data
            return payload.path

    picture.preprocess = preprocess


def choice(label: str, choices: tuple[str, ...], value: str, elem_id: str, help: str) -> Any:
    """A drop-down with its help."""
    return gr.Dropdown(list(choices), value=value, label=label, elem_id=elem_id, info=help)


def slider(*values: Any, **more: Any) -> Any:
    """In a row of two, which breaks where a narrow page leaves no room for a slider's ends and its help."""
    return gr.Slider(*values, min_width=LEAST_WIDTH, **more)
