"""What the page or the API hands to Latent Sequence, made into settings."""

from __future__ import annotations

from typing import Any

from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError, as_switch, shown
from itermix.webui import presets

RETURN_VIDEO = "return_video"


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


def asked_for_video(args: tuple) -> tuple[tuple, bool]:
    """The arguments without "return_video", which is of the request and not of the sequence, and what it says.

    Only an object of named fields can have it. Raises SettingsError.
    """
    if not args or not isinstance(args[0], dict) or RETURN_VIDEO not in args[0]:
        return args, False
    values = dict(args[0])
    asked = values.pop(RETURN_VIDEO)
    is_wanted = as_switch(asked)
    if is_wanted is None:
        raise SettingsError(f"{RETURN_VIDEO}: {shown(asked)} is not allowed; it takes true or false")
    return (values, *args[1:]), is_wanted


def settings_of(args: tuple) -> SequenceSettings:
    """Settings from a script's arguments: positional in the order of the fields, or one object as the first.

    Raises SettingsError.
    """
    fields = SequenceSettings.fields()
    if args and isinstance(args[0], dict):
        return SequenceSettings.from_dict(presets.SEQUENCE.resolved(args[0]))
    return SequenceSettings.from_dict({f.name: value for f, value in zip(fields, args)})
