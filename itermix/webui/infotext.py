"""Paste-back: from an image's parameters to the fields of a script, with every field reset that they do not name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from itermix.mixing.settings import MixingSettings
from itermix.settings import Settings, SettingsError
from itermix.webui.log import log


def fields(
    components: dict[str, Any], model: type[Settings] = MixingSettings
) -> list[tuple[Any, Callable[[dict[str, Any]], Any]]]:
    """The host's `infotext_fields` for components by field name. Pictures stay as they are. model: the script's."""
    names = [field.name for field in model.fields() if field.kind != "image" and field.name in components]
    # The host asks for each field; what is wrong with an image's settings is said once.
    return [(components[name], _reader(name, model, says=name == names[0])) for name in names]


def _reader(name: str, model: type[Settings], says: bool) -> Callable[[dict[str, Any]], Any]:
    def value(params: dict[str, Any]) -> Any:
        settings, messages = parse(params, model)
        if says:
            for message in messages:
                log.warning(f"{model.title}, settings of this image: {message}")
        return getattr(settings, name)

    return value


def read(params: dict[str, Any], model: type[Settings] = MixingSettings) -> Any:
    """The settings in parsed infotext; at their defaults, switched off, where there are none."""
    return parse(params, model)[0]


def parse(params: dict[str, Any], model: type[Settings]) -> tuple[Any, list[str]]:
    """The settings of `read`, and a message for each thing in the text that could not be used."""
    text = params.get(model.infotext_key)
    return (model(), []) if text is None else _parsed(model, text)


@functools.lru_cache(maxsize=4)  # the host asks for field after field of one picture
def _parsed(model: type[Settings], text: str) -> tuple[Any, list[str]]:
    try:
        return model.read_infotext(text)
    except SettingsError as error:
        return model(), [f"none of them are used: {error}"]
