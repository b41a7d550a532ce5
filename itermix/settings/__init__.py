"""What all settings models share: the one list of fields from which widgets, validation, API and infotext come.

A settings model is a frozen dataclass (`model.Settings`) whose fields (`fields`) carry their label, range, choices
and help. A value that is not allowed is refused here, by name, so that nothing behind this room checks again.
`reading` reads settings from JSON text and from files. The models are `itermix.mixing.settings` and
`itermix.sequence.settings`.
"""

from itermix.settings.fields import Field, as_switch, choice, image, integer, number, switch, text
from itermix.settings.model import PRESET_HELP, VERSION_KEY, Infotext, Settings
from itermix.settings.reading import BOM, SettingsError, json_object, labelled, read_json, shown, unknown

__all__ = [
    "BOM", "PRESET_HELP", "VERSION_KEY", "Field", "Infotext", "Settings", "SettingsError", "as_switch", "choice",
    "image", "integer", "json_object", "labelled", "number", "read_json", "shown", "switch", "text", "unknown",
]  # fmt: skip
