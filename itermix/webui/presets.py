"""The user's own presets in a WebUI: where their file is, and their names in API requests.

The file lies beside the host's own settings, so that it outlives an update of the extension.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modules import paths

from itermix.presets import Presets, PresetsError
from itermix.sequence.settings import SequenceSettings
from itermix.settings import MixingSettings, SettingsError
from itermix.webui import callbacks
from itermix.webui.log import log

FILE = Path(paths.data_path) / "itermix" / "presets.json"
MIXING = Presets(FILE, MixingSettings, "mixing")
SEQUENCE = Presets(FILE, SequenceSettings, "sequence")


def register() -> None:
    callbacks.on_before_ui(_report)


def resolved(values: dict[str, Any]) -> dict[str, Any]:
    """An API request's settings with the user's own preset put in for its name. Raises SettingsError."""
    name = values.get("preset")
    if not isinstance(name, str) or name in MixingSettings.presets():
        return values
    try:
        if name not in MIXING.own_names():
            return values  # refused with the names of the built-in ones
        return {**MIXING.values(name), **{key: value for key, value in values.items() if key != "preset"}}
    except PresetsError as error:
        raise SettingsError(f"preset: {error}") from None


def _report() -> None:
    """One line for each preset, or file of presets, that cannot be used."""
    for trouble in dict.fromkeys((MIXING.offer().trouble, SEQUENCE.offer().trouble)):
        if trouble:
            log.warning(f"your own presets: {trouble}")
