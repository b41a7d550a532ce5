"""The options of the settings page set the page's first values, and nothing else."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.sequence.settings import SequenceSettings
from tests.webui import fake_modules

CHOSEN = dict(itermix_preset="Creative", itermix_enabled=True, itermix_video_format="gif")


@pytest.fixture
def options(monkeypatch, tmp_path):
    """The module, with no option set and no own presets."""
    fake_modules.install()
    from itermix.webui import options, presets

    monkeypatch.setattr(presets, "MIXING", Presets(tmp_path / "presets.json", MixingSettings, "mixing"))
    monkeypatch.setattr(options, "is_page", False)
    yield options
    logging.getLogger("itermix").setLevel("INFO")


def choose(options, monkeypatch, **chosen):
    for name, value in chosen.items():
        monkeypatch.setattr(options.shared.opts, name, value, raising=False)


def test_what_is_built_for_the_api_has_the_defaults_whatever_is_chosen(options, monkeypatch):
    choose(options, monkeypatch, **CHOSEN)
    assert options.first_mixing_settings() == MixingSettings()
    assert options.first_sequence_settings() == SequenceSettings()


def test_the_page_has_what_is_chosen(options, monkeypatch):
    choose(options, monkeypatch, **CHOSEN)
    options._page_begins()
    assert options.first_mixing_settings() == MixingSettings.from_dict({"preset": "Creative", "enabled": True})
    assert options.first_sequence_settings() == SequenceSettings(video_format="gif")
    assert options._page_ends() == []
    assert options.first_mixing_settings() == MixingSettings()


def test_the_page_has_the_defaults_where_nothing_is_chosen(options):
    options._page_begins()
    assert options.first_mixing_settings() == MixingSettings()
    assert options.first_sequence_settings() == SequenceSettings()


def test_the_page_begins_with_an_own_preset(options, monkeypatch):
    options.presets.MIXING.save("mine", {"alpha_1": 2.5})
    choose(options, monkeypatch, itermix_preset="mine")
    options._page_begins()
    assert options.first_mixing_settings() == MixingSettings(alpha_1=2.5)
    assert options.preset_names() == [options.DEFAULTS, *MixingSettings.presets(), "mine"]


def test_a_preset_that_is_gone_is_said_and_the_page_begins_with_the_defaults(options, monkeypatch):
    told = []
    monkeypatch.setattr(options, "log", SimpleNamespace(warning=told.append))
    choose(options, monkeypatch, itermix_preset="gone", itermix_video_format="avi")
    options._page_begins()
    assert options.first_mixing_settings() == MixingSettings()
    assert options.first_sequence_settings() == SequenceSettings()
    assert told == ['the page begins with the defaults: there is no preset "gone"; see Settings, itermix']


@pytest.mark.parametrize("chosen, level", [
    ("a line about each pass", logging.INFO), ("warnings and errors", logging.WARNING), ("errors", logging.ERROR),
    ("what is no choice", logging.INFO),
])  # fmt: skip
def test_the_log_level_is_the_options(options, monkeypatch, chosen, level):
    choose(options, monkeypatch, itermix_log_level=chosen)
    options.set_log_level()
    assert logging.getLogger("itermix").level == level


def test_five_options_are_added_each_in_our_section_with_a_default_that_it_allows(options, monkeypatch):
    added = {}

    class OptionInfo:
        def __init__(self, default, label, component=None, component_args=None, onchange=None):
            self.default, self.label, self.arguments, self.onchange = default, label, component_args, onchange

        def needs_reload_ui(self):
            return self

    monkeypatch.setattr(options.shared, "OptionInfo", OptionInfo, raising=False)
    monkeypatch.setattr(options.shared.opts, "add_option", added.__setitem__, raising=False)
    options.add()
    names = ("preset", "enabled", "video_format", "trace", "log_level")
    assert list(added) == [f"itermix_{name}" for name in names]
    for option in added.values():
        assert option.section == ("itermix", "itermix")
        allowed = option.arguments() if option.arguments else {"choices": [False]}
        assert option.default in allowed.get("choices", [allowed.get("minimum")])
    assert added["itermix_log_level"].onchange is options.set_log_level
