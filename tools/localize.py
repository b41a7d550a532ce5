"""The languages of the page: `python -m tools.localize` brings the files in localizations/ up to date; `--check` only
says what they lack.

A WebUI replaces each text of its page that equals a key of the chosen language's file, wherever it stands, and merges
the files of that name from all extensions. So the keys are our texts, taken from the field lists and from what our
builders hand to gradio; a text that the WebUI shows itself is left to the WebUI's own localization.

Updating never invents a translation: it puts the keys in order, makes the entries that are put together from others
(the axes of X/Y/Z plot) and drops those that the page no longer shows.
"""

from __future__ import annotations

import functools
import json
import sys
import tempfile
import types
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings
from itermix.settings import Field, Settings
from itermix.upscale.settings import PLAIN_UPSCALER, UpscaleSettings

FOLDER = Path(__file__).resolve().parents[1] / "localizations"
REFERENCE = "en_US"
LANGUAGES = ("de_DE", "ja_JP", "zh_CN")
MODELS: tuple[type[Settings], ...] = (MixingSettings, UpscaleSettings, SequenceSettings)

# The same in every language: names of things and of file formats.
NAMES = {
    "itermix", "Deforum", "FizzNodes", "AnimateDiff", "mp4", "webp", "gif", "slerp", "KSampler Sequence",
    "KSampler Sequence (v2)",
    PLAIN_UPSCALER, "0: a rose\n6: a rose in snow", "0:(0.5), 24:(0.8)", "CFG", "alpha_1",
    "0:(1), 24:(1.05)", "0:(0), 24:(0.02)", "0:(0), 24:(2)",
}  # fmt: skip
# What A1111's and Forge's own pages show: theirs to translate (checked by tests/hosts/test_localization.py).
OF_THE_HOST = {
    "Balanced", "Defaults", "Delete", "Denoising", "Enable", "Name", "Reference", "Save", "all", "first pass", "linear",
    "negative", "none", "prompt", "random", "seed",
}  # fmt: skip


def keys() -> list[str]:
    """All texts that are to be translated, in the order of the page."""
    found = [text for model in MODELS for text in (model.title, *_texts_of(model))]
    found += [*page_texts()]
    return [text for text in dict.fromkeys(found) if text and text not in NAMES | OF_THE_HOST]


def _texts_of(model: type[Settings]) -> Iterator[str]:
    for field in model.fields():
        yield from (field.label, field.help, *field.choices)
    yield from model.presets()


def axes(translated: dict[str, str]) -> dict[str, str]:
    """The labels of X/Y/Z plot's axes, put together from translations of the script and of the field."""
    page_texts()  # puts up what the axes' module imports
    from itermix.webui.xyz import axis_label, fields_with_axis

    def shown(field: Field) -> str:
        label = translated.get(field.label, field.label)
        return field.axis or label if label == field.label else label

    return {
        axis_label(model, field): f"[{translated.get(model.title, model.title)}] {shown(field)}"
        for model in MODELS
        for field in fields_with_axis(model)
    }


@functools.cache
def page_texts() -> list[str]:
    """What our builders hand to gradio and to the host's settings page. Only for a process that uses neither."""
    shown: list[str] = []
    sys.modules["gradio"] = _StandIn("gradio", shown)
    root = types.SimpleNamespace(root_block=_Component(), block=None)
    sys.modules["gradio"].context = types.SimpleNamespace(Context=root)
    modules = sys.modules["modules"] = _StandIn("modules", shown)
    modules.__path__ = []
    for name in ("shared", "script_callbacks", "paths", "scripts"):
        sys.modules[f"modules.{name}"] = _StandIn(name, shown)
        setattr(modules, name, sys.modules[f"modules.{name}"])
    with tempfile.TemporaryDirectory() as folder:
        sys.modules["modules.paths"].data_path = folder
        from itermix.presets import Presets
        from itermix.ui.accordion import build_mixing_accordion
        from itermix.ui.plan import COLUMNS
        from itermix.ui.sequence import DRAWN, build_sequence_fields
        from itermix.ui.upscale import build_upscale_fields
        from itermix.webui import options

        file = Path(folder) / "presets.json"
        for tab in ("txt2img", "img2img"):
            build_mixing_accordion(tab, Presets(file, MixingSettings, "mixing"))
            build_upscale_fields(tab, Presets(file, UpscaleSettings, "upscale"), [])
        build_sequence_fields("txt2img", lambda *values: [], Presets(file, SequenceSettings, "sequence"))
        shown += [DRAWN, *(title for title, _, _ in COLUMNS)]
        options.add()
    return shown


class _StandIn(types.ModuleType):
    """A module all of whose names are components that write down the texts that they are given."""

    def __init__(self, name: str, shown: list[str]):
        super().__init__(name)
        self.__dict__["shown"] = shown

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (_Component,), {"shown": self.shown})


class _Component:
    shown: list[str] = []

    def __init__(self, *args: Any, **given: Any):
        kind = type(self).__name__
        if kind == "HTML":
            texts = _text_nodes(str(given.get("value", args[0] if args else "")))
        elif kind in ("Button", "Accordion", "Markdown", "OptionInfo"):
            texts = [text for text in args if isinstance(text, str)]
        else:
            texts = []
        if kind == "OptionInfo":  # the default, which is no text, comes first
            texts = texts[-1:]
            choices = args[3] if len(args) > 3 and args[3] else None
            given = {**given, "choices": choices().get("choices", ()) if choices else ()}
        texts += [given[name] for name in ("label", "info", "placeholder") if given.get(name)]
        for name in ("choices", "headers"):
            texts += [text for text in given.get(name) or () if isinstance(text, str)]
        self.shown += texts

    def __enter__(self) -> _Component:
        return self

    def __exit__(self, *error: Any) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing

    @classmethod
    def add_option(cls, *args: Any) -> None:
        """The host's way to take an option: its texts are known already."""


def _nothing(*args: Any, **kwargs: Any) -> None:
    return None


class _TextNodes(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        if data.strip() and not self.cdata_elem:  # a style is no text
            self.found.append(data.strip())


def _text_nodes(html: str) -> list[str]:
    """A page is translated text node by text node."""
    parser = _TextNodes()
    parser.feed(html)
    return parser.found


def file_of(language: str) -> Path:
    return FOLDER / f"{language}.json"


def read(language: str) -> dict[str, str]:
    file = file_of(language)
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def updated(wanted: Iterable[str], old: dict[str, str]) -> dict[str, str]:
    """A language's file as it should be, as far as its translations go."""
    kept = {key: old[key] for key in wanted if old.get(key, "").strip()}
    return {**kept, **axes(kept)}


def faults(wanted: list[str], language: str) -> list[str]:
    """What is wrong with a language's file, one line each."""
    there = read(language)
    derived = axes(there)
    lines = [f"{language}: missing: {key!r}" for key in wanted if not there.get(key, "").strip()]
    lines += [f"{language}: no longer shown: {key!r}" for key in there if key not in wanted and key not in derived]
    lines += [f"{language}: not put together again: {key!r}" for key, text in derived.items() if there.get(key) != text]
    return lines


def main(arguments: list[str]) -> int:
    wanted = keys()
    if "--check" not in arguments:
        FOLDER.mkdir(exist_ok=True)
        for language in (REFERENCE, *LANGUAGES):
            old = dict(zip(wanted, wanted)) if language == REFERENCE else read(language)
            text = json.dumps(updated(wanted, old), ensure_ascii=False, indent=2)
            file_of(language).write_text(text + "\n", encoding="utf-8")
    found = [line for language in (REFERENCE, *LANGUAGES) for line in faults(wanted, language)]
    print("\n".join(found) or f"{len(wanted)} texts in {len(LANGUAGES) + 1} languages")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
