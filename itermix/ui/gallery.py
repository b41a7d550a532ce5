"""Example sequences: a button for each, which fills the fields in the browser."""

from __future__ import annotations

import html
import json
from typing import Any

import gradio as gr

from itermix.sequence.gallery import examples
from itermix.ui.events import in_browser
from itermix.ui.fields import build_help

ABOUT = "A click fills in all fields of this script; the page keeps its own seed and size."


class Gallery:
    """The buttons of one page. prefix: of the element ids."""

    def __init__(self, prefix: str):
        self.prefix, self.buttons = prefix, []

    def build(self) -> None:
        """A folded group."""
        with gr.Accordion("Examples", open=False, elem_id=f"{self.prefix}_examples_group"):
            build_help(ABOUT)
            for example in examples():
                button = gr.Button(example.label, size="sm", elem_id=f"{self.prefix}_example_{example.name}")
                build_help(html.escape(example.about))
                self.buttons.append((button, example))

    def connect(self, components: dict[str, Any]) -> None:
        """components: of the fields, by name."""
        for button, example in self.buttons:
            values = example.settings.to_dict()
            script = f"() => {json.dumps([values[name] for name in components])}"
            in_browser(button.click, script, [], list(components.values()))
