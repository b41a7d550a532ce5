"""The selectable script "Latent Sequence", as the host calls it. What it does is in `run.py`."""

from __future__ import annotations

from typing import Any

from modules import scripts

from itermix.pictures import limits
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError
from itermix.ui.sequence import build_sequence_fields
from itermix.ui.unsaved import unsaved
from itermix.webui import infotext, options, presets, refusals
from itermix.webui.selected import given
from itermix.webui.sequence.arguments import asked_for_video, settings_of


class LatentSequence(scripts.Script):
    def title(self):
        return SequenceSettings.title

    def ui(self, is_img2img):
        tab = "img2img" if is_img2img else "txt2img"
        with unsaved():
            components = build_sequence_fields(tab, shown_plan, presets.SEQUENCE, options.first_sequence_settings())
        self.infotext_fields = infotext.fields(components, SequenceSettings)
        self.paste_field_names = [SequenceSettings.infotext_key]
        return list(components.values())

    def run(self, p, *args):
        from itermix.webui.sequence import request  # late: a host's start waits for every import

        p.extra_generation_params["Script"] = self.title()  # by which the host chooses it again in a paste
        try:
            args, return_video = asked_for_video(given(p, self, args))
            return request.run(p, settings_of(args), return_video).processed
        except SettingsError as error:
            refusals.say(p, SequenceSettings, error)
            return request.plain(p)


def shown_plan(values: tuple[Any, ...], seed: int, prompt: str, negative: str) -> tuple[dict[str, Any], list[str]]:
    """The plan for the page's fields and the host's own seed and prompts, and what the film cannot be.

    Raises SettingsError.
    """
    from itermix.sequence.plan import overview

    settings = settings_of(values)
    return overview(settings, seed, prompt, negative), limits.of_film(settings.video_format, settings.fps)
