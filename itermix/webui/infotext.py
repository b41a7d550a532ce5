"""Paste-back: from an image's parameters to the accordion, with every field reset that they do not name."""

from __future__ import annotations

from typing import Any

from itermix.settings import INFOTEXT_KEY, MixingSettings, SettingsError
from itermix.webui.log import log


def fields(components: dict[str, Any]) -> list[tuple[Any, Any]]:
    """The host's `infotext_fields` for the components of the accordion, by field name. Pictures stay as they are."""
    kinds = {field.name: field.kind for field in MixingSettings.fields()}
    return [(component, _reader(name)) for name, component in components.items() if kinds[name] != "image"]


def _reader(name: str):
    return lambda params: getattr(read(params), name)


def read(params: dict[str, Any]) -> MixingSettings:
    """The settings in parsed infotext; switched off and at their defaults where there are none."""
    text = params.get(INFOTEXT_KEY)
    if text is None:
        return MixingSettings()
    try:
        return MixingSettings.from_infotext(text)
    except SettingsError as error:
        log.warning(f"the settings in this image are not used: {error}")
        return MixingSettings()
