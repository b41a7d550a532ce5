"""What is said of settings that a script cannot use: it is off for the run, and the run goes on without it."""

from __future__ import annotations

from typing import Any

from itermix.settings import Settings, SettingsError
from itermix.webui.log import log


def key_of(model: type[Settings]) -> str:
    """Of the reason among a picture's parameters; nothing reads it back."""
    return f"{model.infotext_key} refused"


def say(p: Any, model: type[Settings], error: SettingsError) -> None:
    """In the log, under the pictures, in their infotext and so in the API's answer. model: the script's settings."""
    text = f"{model.title} is off for this run: {error}"
    log.error(text)
    p.comment(text)
    p.extra_generation_params[key_of(model)] = str(error)
