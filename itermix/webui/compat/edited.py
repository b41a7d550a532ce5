"""The pictures that an engine of Forge Neo keeps when it encodes them, to be edited by the prompt that is encoded next:
Flux Kontext, Flux.2 Klein, Qwen-Image-Edit, Anima, Wan image-to-video."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WAITING = "ini_latent"  # of an engine: the picture of img2img, until a prompt is encoded, which uses it up
KEPT_BY_ENGINE = (WAITING, "start_image", "end_image")
KEPT_FOR_ALL = "ref_latents"  # and in one list for all engines what is edited, which Anima fills at once


@contextmanager
def engine_as_it_was(model: Any) -> Iterator[None]:
    """At the end an engine has the pictures to be edited that it had before."""
    kept = {name: getattr(model, name) for name in KEPT_BY_ENGINE if hasattr(model, name)}
    shared_by_engines = getattr(sys.modules.get("backend.args"), "dynamic_args", None)
    listed = list(getattr(shared_by_engines, KEPT_FOR_ALL, ()))
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(model, name, value)
        if hasattr(shared_by_engines, KEPT_FOR_ALL):
            setattr(shared_by_engines, KEPT_FOR_ALL, listed)


def waiting(p: Any) -> Any | None:
    """The picture of the request that waits to be edited, when `p` is initialised; None where there is none.

    Its prompts are encoded anew: one that the host remembers from a request before would not take the picture up.
    """
    if hasattr(p.sd_model, WAITING) and hasattr(p, "clear_prompt_cache"):
        p.clear_prompt_cache()
    return getattr(p.sd_model, WAITING, None)


@contextmanager
def together_with(model: Any, picture: Any | None) -> Iterator[None]:
    """Prompts that are encoded meanwhile edit this picture, which the first prompt of a request has used up."""
    if not hasattr(model, WAITING):
        yield
        return
    before = getattr(model, WAITING)
    setattr(model, WAITING, picture)
    try:
        yield
    finally:
        setattr(model, WAITING, before)
