"""itermix's part of the settings page: what the page begins with, and how much is written to the terminal.

What concerns the picture sets the first values of the page alone. A request to the API and a pasted infotext have the
defaults of the settings, whatever the options say, so that the same request gives the same picture everywhere.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from modules import shared

from itermix.mixing.settings import MOST_TRACED, MixingSettings
from itermix.presets import PresetsError
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError
from itermix.webui import presets
from itermix.webui.compat import callbacks
from itermix.webui.compat import options as host_options
from itermix.webui.log import log

SECTION = ("itermix", "itermix")
DEFAULTS = "no preset: the defaults"  # a choice beside the presets' names
LEVELS = {"a line about each pass": "INFO", "warnings and errors": "WARNING", "errors": "ERROR"}
VIDEO_FORMATS = next(field.choices for field in SequenceSettings.fields() if field.name == "video_format")
TRACE = "Trace: steps of each mixed image to save a strip of, beside the image; 0 saves none"
TRACE_RANGE = {"minimum": 0, "maximum": MOST_TRACED, "step": 1}

is_page = False  # whether the host is building its page; it builds the same components again for the API's defaults


def register() -> None:
    callbacks.on_ui_settings(add)
    callbacks.on_before_ui(_page_begins)
    callbacks.on_ui_tabs(_page_ends)
    set_log_level()


def add() -> None:
    """Adds the options to the settings page."""
    from itermix.ui.options import DROPDOWN, SLIDER

    def option(name: str, default: Any, label: str, choices: Any = None, **more: Any) -> Any:
        component = (DROPDOWN, lambda: {"choices": choices()}) if choices else ()
        return added(name, shared.OptionInfo(default, label, *component, **more))

    def added(name: str, made: Any) -> Any:
        shared.opts.add_option(f"itermix_{name}", made)
        made.section = SECTION
        return made

    option("preset", DEFAULTS, "Preset that Iterative Mixing begins with", preset_names).needs_reload_ui()
    option("enabled", False, "Iterative Mixing is enabled when the page is opened").needs_reload_ui()
    option(
        "video_format", VIDEO_FORMATS[0], "Video format that Latent Sequence begins with", lambda: list(VIDEO_FORMATS)
    ).needs_reload_ui()
    added("trace", shared.OptionInfo(0, TRACE, SLIDER, lambda: TRACE_RANGE))
    option(
        "log_level", next(iter(LEVELS)), "What itermix writes to the terminal", lambda: list(LEVELS),
        onchange=set_log_level,
    )  # fmt: skip


def preset_names() -> list[str]:
    return [DEFAULTS, *presets.MIXING.offer().values]


def value_of(name: str, default: Any) -> Any:
    return host_options.value(f"itermix_{name}", default)


def first_mixing_settings() -> MixingSettings:
    """What the accordion begins with; the defaults where its components are made for the API."""
    if not is_page:
        return MixingSettings()
    name, settings = value_of("preset", DEFAULTS), MixingSettings()
    try:
        if name != DEFAULTS:
            settings = MixingSettings.from_dict(presets.MIXING.values(name))
    except (PresetsError, SettingsError) as error:
        log.warning(f"the page begins with the defaults: {error}; see Settings, itermix")
    return dataclasses.replace(settings, enabled=bool(value_of("enabled", False)))


def first_sequence_settings() -> SequenceSettings:
    """What Latent Sequence begins with; the defaults where its components are made for the API."""
    chosen = value_of("video_format", VIDEO_FORMATS[0]) if is_page else VIDEO_FORMATS[0]
    return SequenceSettings(video_format=chosen if chosen in VIDEO_FORMATS else VIDEO_FORMATS[0])


def set_log_level() -> None:
    log.setLevel(LEVELS.get(value_of("log_level", ""), "INFO"))


def _page_begins() -> None:
    global is_page
    is_page = True


def _page_ends() -> list[Any]:
    global is_page
    is_page = False
    return []
