"""What comes beside the finished pictures of Iterative Upscale: intermediate sizes, and what is to be said."""

from __future__ import annotations

from typing import Any

from PIL import Image

from itermix.upscale.settings import UpscaleSettings
from itermix.webui.compat import pictures
from itermix.webui.log import log
from itermix.webui.upscale.enlarging import Small

MESSAGES_KEY = f"{UpscaleSettings.infotext_key} messages"  # what is not as it was asked for, for a client of the API


class Results:
    """Of one request. messages: what is to be said at its end."""

    def __init__(self, p: Any, settings: UpscaleSettings, messages: list[str]):
        self.p, self.settings, self.messages = p, settings, messages
        self._kept: list[tuple[Image.Image, str]] = []  # with their infotexts

    def keep(self, small: Small, size: tuple[int, int]) -> None:
        """A phase is done that is not the last; on request its pictures, of (height, width), are kept."""
        if not self.settings.keep_sizes:
            return
        try:
            for index, picture in enumerate(small.pictures()):
                text = pictures.infotext_of(self.p, index)
                if pictures.saves_pictures(self.p):
                    pictures.save_beside(self.p, picture, index, f"-{size[1]}x{size[0]}", text)
                self._kept.append((picture, text))
        except Exception as error:  # no fault of what is made beside the pictures costs the pictures
            self.messages.append(f"an intermediate size was not kept: {type(error).__name__}: {error}")

    def finish(self, processed: Any) -> None:
        """processed: the host's."""
        processed.images += [picture for picture, _ in self._kept]
        processed.infotexts += [text for _, text in self._kept]
        for message in dict.fromkeys(self.messages):
            say(processed, message)


def say(processed: Any, message: str) -> None:
    """In the log, under the pictures, and in the API's answer."""
    log.warning(f"{UpscaleSettings.title}: {message}")
    processed.comments += f"{UpscaleSettings.title}: {message}\n"
    params = processed.extra_generation_params
    params[MESSAGES_KEY] = [*params.get(MESSAGES_KEY, []), message]
