"""A cell of an X/Y/Z plot that is enlarged by Iterative Upscale, with the other settings of its fields."""

from __future__ import annotations

from typing import Any

from itermix.upscale.settings import UpscaleSettings
from itermix.webui import presets
from itermix.webui.selected import settings_of
from itermix.webui.upscale import request

TAKEN_OVER = ("all_prompts", "all_negative_prompts", "all_seeds", "all_subseeds", "extra_generation_params")


def make(p: Any, axes: dict[str, Any]) -> Any:
    """The host's Processed. p: the cell's own; axes: the cell's values by field name. Raises SettingsError."""
    settings = UpscaleSettings.from_dict({**_fields_of(p), **axes})
    processed = request.run(p, settings)
    for name in TAKEN_OVER:  # the plot writes its grids' infotexts from the cell's p
        setattr(p, name, getattr(processed, name))
    return processed


def _fields_of(p: Any) -> dict[str, Any]:
    """What the fields of Iterative Upscale say, which are there though another script is chosen."""
    script = next(script for script in p.scripts.selectable_scripts if script.title() == UpscaleSettings.title)
    args = tuple(p.script_args[script.args_from : script.args_to])
    return settings_of(args, UpscaleSettings, presets.UPSCALE).to_dict()
