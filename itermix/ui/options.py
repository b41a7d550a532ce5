"""The components of itermix's part of a WebUI's settings page."""

import gradio as gr

DROPDOWN = gr.Dropdown
SLIDER = gr.Slider
