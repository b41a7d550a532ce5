"""The page begins with the command line's defaults."""

from __future__ import annotations

import pytest

gr = pytest.importorskip("gradio")

from itermix.studio.page import fields  # noqa: E402
from itermix.studio.request import Request  # noqa: E402

# Left open for the model or drawn; the page's first picture is an enlarged one.
OWN = {"prompt": "", "width": 128, "height": 128, "seed": -1, "hires": 2}


def test_each_field_begins_with_the_requests_default():
    with gr.Blocks():
        made = {**fields.prompt(""), **fields.sampling((128, 128), 8)}
        fields.hires(made)
        fields.source(made)
    default = Request()
    wanted = {name: OWN.get(name, getattr(default, name)) for name in made}
    assert {name: component.value or wanted[name] for name, component in made.items()} == wanted
    assert made["hires_upscaler"].value == "pixel"
