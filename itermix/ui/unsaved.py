"""Keeps our components out of the first values that a WebUI saves.

At its first start a WebUI writes the values, ranges and visibility of every labelled component into `ui-config.json`,
and has them win over the code from then on: over later defaults of ours and over the options of the settings page. It
leaves out, in reading too, what says `do_not_save_to_config`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import gradio as gr


@contextlib.contextmanager
def unsaved() -> Iterator[None]:
    """Marks all that is built in the block, at whatever depth."""
    around = gr.context.Context.block
    before = len(around.children) if around is not None else 0
    yield
    if around is not None:  # not so where nothing is shown
        for block in around.children[before:]:
            _mark(block)


def _mark(block: Any) -> None:
    block.do_not_save_to_config = True
    for child in getattr(block, "children", ()):
        _mark(child)
