"""A button that opens a canvas to draw the mixing mask on (javascript/itermix_mask.js), and what becomes of a drawing.

It is put into the mask's field, so a drawn mask is what an uploaded one is from there on.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from itermix.mixing.settings import UPLOADED_MASK
from itermix.pictures.uploads import Upload
from itermix.ui.events import in_browser, on_server
from itermix.ui.fields import SLIDER, build_help

HELP = (
    "Opens a canvas of the picture's shape, and closes it. White, which you draw, is held to the reference; Shift "
    "draws black. Every stroke is used at once."
)
BUTTON = (
    "margin: 0; padding: 2px 10px; border: 1px solid var(--border-color-primary); border-radius: 4px; "
    "background: var(--button-secondary-background-fill); color: var(--button-secondary-text-color);"
)
LABEL = "margin: 0; display: flex; gap: 0.5em; align-items: center; color: var(--body-text-color);"
BRUSH = 'min="0.01" max="0.5" step="0.01" value="0.12"'  # its width as a share of the shorter side
# The script puts them up beside the canvas, and both where the first one is.
TOOLS = f"""
<div class="itermix-mask-place"></div>
<template><div style="display: flex; flex-wrap: wrap; gap: 0.5em 1em; align-items: center; padding: 0.5em 0;">
<label style="{LABEL}">Brush <input data-tool="brush" type="range" {BRUSH} style="{SLIDER} width: 8em;"></label>
<label style="{LABEL}">Draw black <input data-tool="black" type="checkbox"></label>
<button data-tool="undo" type="button" style="{BUTTON}">Undo</button>
<button data-tool="all_black" type="button" style="{BUTTON}">All black</button>
<button data-tool="all_white" type="button" style="{BUTTON}">All white</button>
</div></template>
"""


class MaskDrawing:
    """The controls of one page. tab: its prefix in the element ids."""

    def __init__(self, tab: str):
        self.tab, self.prefix = tab, f"itermix_{tab}_mask"

    def build(self) -> None:
        self.open = gr.Button("Draw the mask", size="sm", elem_id=f"{self.prefix}_draw")
        build_help(HELP)
        gr.HTML(f"<style>#{self.prefix}_drawn {{display: none;}}</style>{TOOLS}", elem_id=f"{self.prefix}_canvas")
        # The script presses it after a stroke: an event of ours needs a component.
        self.drawn = gr.Button("", elem_id=f"{self.prefix}_drawn")
        self.data = gr.Textbox(visible=False)

    def connect(self, components: dict[str, Any]) -> None:
        """components: of the fields, by name."""
        in_browser(self.open.click, f"() => itermix.drawMask({self.tab!r})", [], [])
        used = [components["mask_image"], components["mask"]]
        on_server(self.drawn.click, handed, [self.data], used, f"() => itermix.drawnMask({self.tab!r})")
        # A mask that is uploaded is meant to be used.
        on_server(components["mask_image"].upload, lambda: UPLOADED_MASK, [], [components["mask"]])


def handed(data: str) -> tuple[Any, str]:
    """The drawing, a PNG as a data URL, as the mask's picture, and the choice that uses it."""
    return Upload(data, "mask_image").mask(), UPLOADED_MASK
