"""The languages on a real WebUI: offered in its settings, sent with its page, and none of its own texts touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.real_host

FOLDER = Path(__file__).parents[2] / "localizations"
LANGUAGES = ("en_US", "de_DE", "ja_JP", "zh_CN")
TITLES = {"Iterative Mixing", "Latent Sequence"}  # in the host's list of scripts, and ours


def file_of(language):
    return json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))


def texts(value):
    if isinstance(value, str):
        yield value.strip()
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from texts(part)


def components(host):
    return [component["props"] for component in host.get("/config")["components"]]


def test_all_languages_are_offered(host):
    setting = next(props for props in components(host) if props.get("elem_id") == "setting_localization")
    assert set(LANGUAGES) <= set(texts(setting["choices"]))


def test_no_text_of_the_hosts_own_page_is_among_ours(host):
    """A key would be replaced wherever it stands on the page, under another extension's button too."""
    shown = set()
    for props in components(host):
        if "itermix" not in str(props.get("elem_id")):
            shown |= {text for name in ("label", "info", "placeholder") for text in texts(props.get(name))}
            shown |= {text for text in texts(props.get("choices")) if not text.startswith("[")}
            shown |= set(texts(props.get("value"))) if props.get("variant") else set()  # a button
    assert len(shown) > 500
    assert not shown & set(file_of("en_US")) - TITLES
