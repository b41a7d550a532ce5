"""Events that run in the browser, without a request to the server, in gradio 3 and later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

SCRIPT = "_js" if getattr(gr, "__version__", "3").startswith("3.") else "js"


def in_browser(event: Callable, script: str, inputs: list[Any], outputs: list[Any]) -> None:
    """event: such as `component.change`; script: a JavaScript function from the values of the inputs to the outputs."""
    event(None, inputs, outputs, show_progress="hidden", **{SCRIPT: script})


def on_server(
    event: Callable, function: Callable, inputs: list[Any], outputs: list[Any], script: str | None = None
) -> None:
    """At once: not behind the pictures that are being made. script: JavaScript that the inputs go through first."""
    more = {SCRIPT: script} if script else {}
    event(function, inputs, outputs, show_progress="hidden", queue=False, **more)
