"""The selectable script "Latent Sequence", as the host calls it. What it does is in `sequence_run.py`."""

from __future__ import annotations

from typing import Any

from modules import scripts

from itermix.sequence.settings import INFOTEXT_KEY, SequenceSettings
from itermix.settings import SettingsError
from itermix.ui.sequence import build_sequence_fields
from itermix.webui import options, presets
from itermix.webui.log import log

RETURN_VIDEO = "return_video"


class LatentSequence(scripts.Script):
    def title(self):
        return INFOTEXT_KEY

    def ui(self, is_img2img):
        tab = "img2img" if is_img2img else "txt2img"
        components = build_sequence_fields(tab, plan_rows, presets.SEQUENCE, options.first_sequence_settings())
        options.keep_out_of_defaults([components["video_format"]])
        self.infotext_fields = [(component, reader(name)) for name, component in components.items()]
        self.paste_field_names = [INFOTEXT_KEY]
        return list(components.values())

    def run(self, p, *args):
        from itermix.webui.sequence import run as sequence_run  # late: a host's start waits for every import

        p.extra_generation_params["Script"] = self.title()  # by which the host chooses it again in a paste
        try:
            args, return_video = asked_for_video(args)
            return sequence_run.run(p, settings_of(args), return_video)
        except SettingsError as error:
            log.error(f"{INFOTEXT_KEY}: {error}")
            raise refused(f"{INFOTEXT_KEY}: {error}") from None


def refused(message: str) -> Exception:
    """What the page shows in place of pictures, and the API answers with status 422."""
    from fastapi import HTTPException

    class Refused(HTTPException):
        def __str__(self) -> str:
            return self.detail

    return Refused(422, message)


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


def plan_rows(values: tuple[Any, ...], seed: int, prompt: str, negative: str) -> list[dict[str, Any]]:
    """The table of the plan for the page's fields and the host's own seed and prompts. Raises SettingsError."""
    from itermix.sequence.plan import plan, table

    return table(plan(settings_of(values), seed, prompt, negative))


def reader(name: str):
    return lambda params: getattr(read(params), name)


def read(params: dict[str, Any]) -> SequenceSettings:
    """The settings in parsed infotext; at their defaults where there are none."""
    text = params.get(INFOTEXT_KEY)
    if text is None:
        return SequenceSettings()
    try:
        return SequenceSettings.from_infotext(text)
    except SettingsError as error:
        log.warning(f"the sequence's settings in this image are not used: {error}")
        return SequenceSettings()
