"""What the page or the API hands to Latent Sequence, made into settings."""

from __future__ import annotations

from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError
from itermix.webui import presets

RETURN_VIDEO = "return_video"


def asked_for_video(args: tuple) -> tuple[tuple, bool]:
    """The arguments without "return_video", which is of the request and not of the sequence, and what it says.

    Only an object of named fields can have it. Raises SettingsError.
    """
    if not args or not isinstance(args[0], dict) or RETURN_VIDEO not in args[0]:
        return args, False
    values = dict(args[0])
    wanted = values.pop(RETURN_VIDEO)
    if not isinstance(wanted, bool):
        raise SettingsError(f"{RETURN_VIDEO}: {wanted!r} is not allowed; it takes true or false")
    return (values, *args[1:]), wanted


def settings_of(args: tuple) -> SequenceSettings:
    """Settings from a script's arguments: positional in the order of the fields, or one object as the first.

    Raises SettingsError.
    """
    if args and isinstance(args[0], dict):
        return SequenceSettings.from_dict(presets.SEQUENCE.resolved(args[0]))
    return SequenceSettings.from_dict({f.name: value for f, value in zip(SequenceSettings.fields(), args)})
