"""What the page or the API hands to Latent Sequence, made into settings."""

from __future__ import annotations

from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError, as_switch, shown
from itermix.webui import presets, selected

RETURN_VIDEO = "return_video"


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
    return selected.settings_of(args, SequenceSettings, presets.SEQUENCE)
