"""The user's own presets in a WebUI: where their file is.

The file lies beside the host's own settings, so that it outlives an update of the extension.
"""

from __future__ import annotations

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.sequence.settings import SequenceSettings
from itermix.upscale.settings import UpscaleSettings
from itermix.webui.compat import callbacks, options
from itermix.webui.log import log

FILE = options.folder() / "itermix" / "presets.json"
MIXING = Presets(FILE, MixingSettings, "mixing")
UPSCALE = Presets(FILE, UpscaleSettings, "upscale")
SEQUENCE = Presets(FILE, SequenceSettings, "sequence")


def register() -> None:
    callbacks.on_before_ui(_report)


def _report() -> None:
    """One line for each preset, or file of presets, that cannot be used."""
    for trouble in dict.fromkeys(part.offer().trouble for part in (MIXING, UPSCALE, SEQUENCE)):
        if trouble:
            log.warning(f"your own presets: {trouble}")
