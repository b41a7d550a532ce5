"""The selectable script "Iterative Upscale", as the host calls it. What it does is in `run.py`."""

from __future__ import annotations

from modules import scripts

from itermix.settings import SettingsError
from itermix.ui.unsaved import unsaved
from itermix.ui.upscale import build_upscale_fields
from itermix.upscale.settings import UpscaleSettings
from itermix.webui import infotext, presets, refusals
from itermix.webui.selected import given, settings_of


class IterativeUpscale(scripts.Script):
    def title(self):
        return UpscaleSettings.title

    def ui(self, is_img2img):
        from itermix.webui.compat import pictures  # late: a host's start waits for every import

        tab = "img2img" if is_img2img else "txt2img"
        with unsaved():
            components = build_upscale_fields(tab, presets.UPSCALE, pictures.upscalers())
        self.infotext_fields = infotext.fields(components, UpscaleSettings)
        self.paste_field_names = [UpscaleSettings.infotext_key]
        return list(components.values())

    def run(self, p, *args):
        from itermix.webui.upscale import request

        p.extra_generation_params["Script"] = self.title()  # by which the host chooses it again in a paste
        try:
            return request.run(p, settings_of(given(p, self, args), UpscaleSettings, presets.UPSCALE))
        except SettingsError as error:
            refusals.say(p, UpscaleSettings, error)
            return request.plain(p)
