"""What the page or the API hands to one of our selectable scripts, made into settings."""

from __future__ import annotations

from typing import Any

from itermix.presets import Presets
from itermix.settings import Settings, SettingsError, shown


def given(p: Any, script: Any, args: tuple) -> tuple:
    """The arguments that a request gave: those that the host hands over, without what it hands over by mistake.

    It puts a request's list in the place of the page's, so a shorter one draws the next script's values behind it, and
    what is too much in a longer one is cut off. Raises SettingsError where values were cut off.
    """
    inputs = getattr(p.scripts, "inputs", None)
    if inputs is None or getattr(script, "args_to", None) is None:
        return args
    places = script.args_to - script.args_from
    count = places + len(p.script_args) - len(inputs)
    if count > places:
        last = shown(p.script_args[script.args_from + count - 1])
        raise SettingsError(f"script_args: {count} values are not allowed, up to {last}; it takes {places}")
    if args and isinstance(args[0], dict) and count > 1:
        raise SettingsError(f"script_args: {shown(args[1])} is not allowed behind the object of settings; leave it out")
    return args[:count]


def settings_of(args: tuple, model: type[Settings], presets: Presets) -> Any:
    """Settings from a script's arguments: positional in the order of the fields, or one object as the first.

    Raises SettingsError.
    """
    if args and isinstance(args[0], dict):
        return model.from_dict(presets.resolved(args[0]))
    return model.from_dict({field.name: value for field, value in zip(model.fields(), args)})
