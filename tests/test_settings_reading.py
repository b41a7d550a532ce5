"""Settings from JSON text and files: what is taken, and one message for each way in which they can be wrong."""

import json

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError, json_object, labelled, read_json
from itermix.settings.reading import LARGEST_FILE

VALUES = {"alpha_1": 0.25, "curve": "linear"}
WRONG = {
    "empty": (b"", "cannot be used: it is not JSON: Expecting value in line 1, column 1"),
    "cut off": (b'{"alpha_1": 1,\n "curve"', "it is not JSON: Expecting ':' delimiter in line 2, column 9"),
    "a key twice": (b'{"alpha_1": 1, "alpha_1": 2}', "cannot be used: 'alpha_1' is there twice; leave one of them out"),
    "a key twice within": (b'{"mixing": {"curve": "linear", "curve": "cosine"}}', "'curve' is there twice"),
    "a list": (b"[1, 2]", "cannot be used: it holds no JSON object but [1, 2]"),
    "not UTF-8": (b'{"curve": "\xff"}', "cannot be used: it is not UTF-8 text; save it as UTF-8"),
    "UTF-16": ('{"alpha_1": 1}'.encode("utf-16"), "it is not UTF-8 text; save it as UTF-8"),
    "deep": (b"[" * 100_000, "cannot be used: it is nested too deeply"),
    "thousands of digits": (b'{"alpha_1": ' + b"9" * 5000 + b"}", "cannot be used: it is not JSON"),
    "large": (b" " * (LARGEST_FILE + 1), "cannot be used: it is larger than 4 MB"),
}  # fmt: skip


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_a_file_gives_its_object(tmp_path, mark):
    file = tmp_path / "settings.json"
    file.write_bytes(mark + json.dumps(VALUES).encode())
    assert read_json(file) == VALUES


@pytest.mark.parametrize("data, message", WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_file_is_said_with_its_name_and_the_option_s(tmp_path, data, message):
    file = tmp_path / "morph.json"
    file.write_bytes(data)
    with pytest.raises(SettingsError) as refused:
        read_json(file, "sequence")
    assert str(refused.value).startswith(f"sequence: {file} ") and message in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "name, message",
    [
        ("gone.json", "cannot be read: there is no such file"),
        (".", "cannot be read: Is a directory"),
        ("a\0b", "no such file"),
    ],
)
def test_a_file_that_cannot_be_opened_is_named(tmp_path, name, message):
    with pytest.raises(SettingsError, match=message):
        read_json(f"{tmp_path}/{name}", "settings")


def test_text_may_begin_with_a_byte_order_mark_and_has_no_key_twice():
    assert json_object('\ufeff{"a": 1}') == {"a": 1}
    with pytest.raises(SettingsError, match="mixing: 'a' is there twice; leave one of them out"):
        json_object('{"a": 1, "a": 1}', "mixing")
    with pytest.raises(SettingsError, match="mixing: .1, 2. is not allowed; they are one object"):
        json_object("[1, 2]", "mixing")


@pytest.mark.parametrize("model, title", [(MixingSettings, "Iterative Mixing"), (SequenceSettings, "Latent Sequence")])
def test_a_model_carries_its_title_and_infotext_key(model, title):
    """Names of the API and of old pictures: they never change."""
    assert model.title == title and model.infotext_key == title
    assert not {"title", "infotext_key"} & {field.name for field in model.fields()}


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("start: 0.9 is not allowed", "Curve start: 0.9 is not allowed"),
        ("mixing: start: 0.9 is not allowed", "Curve start: 0.9 is not allowed"),
        ("start, line 3: what", "Curve start, line 3: what"),
        ("stop: 3 is not allowed", "stop: 3 is not allowed"),
        ("there is no start: take one", "there is no start: take one"),
    ],
)
def test_a_page_shows_a_field_by_its_label(message, shown):
    assert labelled(message, {"start": "Curve start"}) == shown
