"""The languages of the page: nothing forgotten, nothing left over."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "localizations"
LANGUAGES = ("de_DE", "ja_JP", "zh_CN")
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", re.ASCII)
BEYOND_ASCII = {"ja_JP": r"[\u3040-\u30ff]|[\u4e00-\u9fff]", "zh_CN": r"[\u4e00-\u9fff]"}
SAME_WORD = {"ja_JP": 0.0, "zh_CN": 0.0, "de_DE": 0.1}  # share of keys that may read as in English


def checked(folder):
    """The tool's own check of a folder: its exit code and its lines. It stands in for gradio, so it has its process."""
    code = "import sys; from pathlib import Path; from tools import localize; localize.FOLDER = Path(sys.argv[1]); "
    code += "sys.exit(localize.main(['--check']))"
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


def file_of(language, folder=FOLDER):
    return json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))


def test_every_text_of_the_page_is_in_every_language():
    code, lines = checked(FOLDER)
    assert code == 0, "\n".join(["run python -m tools.localize, then translate what is missing", *lines])


def test_a_missing_a_stale_and_a_half_changed_key_are_named(tmp_path):
    folder = Path(shutil.copytree(FOLDER, tmp_path / "localizations"))
    values = file_of("ja_JP", folder)
    axis = next(key for key in values if key.startswith("[Iterative Mixing] ") and values[key] != key)
    del values["Iterative Mixing"]
    values |= {"Curve": "  ", "No such control": "x", axis: "y"}
    (folder / "ja_JP.json").write_text(json.dumps(values), encoding="utf-8")
    code, lines = checked(folder)
    assert code == 1
    assert "ja_JP: missing: 'Iterative Mixing'" in lines and "ja_JP: missing: 'Curve'" in lines
    assert "ja_JP: no longer shown: 'No such control'" in lines
    assert f"ja_JP: not put together again: {axis!r}" in lines
    assert all(line.startswith("ja_JP: ") for line in lines)


def test_the_reference_says_each_text_as_it_is():
    assert all(key == value for key, value in file_of("en_US").items())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_the_keys_of_the_reference_in_their_order(language):
    assert list(file_of(language)) == list(file_of("en_US"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_and_examples_stay_what_they_are(language):
    for english, text in file_of(language).items():
        assert set(NUMBER.findall(english)) <= set(NUMBER.findall(text)), (english, text)
        assert english.count("`") == text.count("`"), (english, text)
        assert english.count("\n") == text.count("\n"), (english, text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_is_in_its_language(language):
    values = file_of(language)
    plain = [key for key, text in values.items() if not re.search(BEYOND_ASCII.get(language, "(?!)"), text)]
    if language in BEYOND_ASCII:
        assert not [key for key in plain if len(key.split()) > 1]
    assert sum(key == text for key, text in values.items()) <= SAME_WORD[language] * len(values)
    assert not [key for key, text in values.items() if key == text and len(key.split()) > 3]
