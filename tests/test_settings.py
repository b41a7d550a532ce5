import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itermix.mixing.settings import CURVES, MixingSettings
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError
from itermix.settings.reading import LONGEST_VALUE_SHOWN
from tests.strategies import mixing_values, sequence_values

FIELDS = MixingSettings.fields()
NUMBERS = [field for field in FIELDS if field.kind == "number"]
NOT_JSON_NUMBERS = [math.nan, math.inf, -math.inf, True, False, "0.5", "", None, [0.5], {}, 1j, 10**400, -(10**400)]


def refused(**values):
    with pytest.raises(SettingsError) as caught:
        MixingSettings.from_dict(values)
    return str(caught.value)


@pytest.mark.parametrize(
    "model, values",
    [(MixingSettings, mixing_values()), (SequenceSettings, sequence_values())],
    ids=["mixing", "sequence"],
)
@settings(max_examples=1000)
@given(data=st.data())
def test_a_dict_becomes_settings_and_the_same_dict_again(model, values, data):
    """So does a JSON object; the way through a picture is in tests/hosts/test_infotext.py."""
    values = data.draw(values)
    made = model.from_dict(values)
    assert made.to_dict() == values
    assert model.from_dict(made.to_dict()) == made
    assert model.from_json(json.dumps(values)) == made


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_each_field_alone_survives_the_infotext(field):
    number = None if field.minimum is None else field.minimum + 0.25
    whole = None if field.kind != "integer" else field.minimum + 1
    other = {"switch": True, "number": number, "integer": whole, "choice": field.choices[-1:], "image": None}[
        field.kind
    ]
    value = other[0] if field.kind == "choice" else other
    made = MixingSettings.from_dict({"enabled": True, field.name: value})
    assert getattr(MixingSettings.from_infotext(made.to_infotext()), field.name) == value


def test_infotext_leaves_out_what_is_default_but_alpha_1():
    """And the number of its version, which is tested by itself."""
    always = {"alpha_1": MixingSettings().alpha_1}
    for made, changed in ((MixingSettings(enabled=True), {}), (MixingSettings(start=0.25), {"start": 0.25})):
        values = json.loads(made.to_infotext())
        values.pop("version", None)
        assert values == {**always, **changed}


def test_infotext_is_one_line_without_the_picture():
    text = MixingSettings(reference_image="x" * 10000).to_infotext()
    assert len(text) < 100 and "\n" not in text


@pytest.mark.parametrize("text", ["", "alpha_1: 1", "{", "[" * 100000], ids=["empty", "words", "cut off", "deep"])
def test_infotext_that_is_no_json_is_refused(text):
    with pytest.raises(SettingsError, match="settings: .* it takes a JSON object"):
        MixingSettings.from_infotext(text)


@pytest.mark.parametrize("text", ["3", "[]", "null", '"low-pass"'])
def test_infotext_that_is_no_object_is_refused(text):
    with pytest.raises(SettingsError, match="one object of named fields"):
        MixingSettings.from_infotext(text)


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_a_number_below_or_above_its_range_is_refused(field):
    for value in (field.minimum - 0.01, field.maximum + 0.01):
        message = refused(**{field.name: value})
        assert message.startswith(f"{field.name}: {value!r} is not allowed")
        assert message.endswith(f"it takes a number from {field.minimum:g} to {field.maximum:g}")


@pytest.mark.parametrize("value", NOT_JSON_NUMBERS, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_what_is_no_finite_number_is_refused(field, value):
    message = refused(**{field.name: value})
    assert message.startswith(f"{field.name}: {repr(value)[:LONGEST_VALUE_SHOWN]}")
    assert f"a number from {field.minimum:g} to {field.maximum:g}" in message


def test_whole_numbers_are_numbers():
    assert MixingSettings(alpha_1=1) == MixingSettings(alpha_1=1.0)


@pytest.mark.parametrize("value", ["sine", "Cosine", "", 0, None, ["cosine"], True])
def test_a_choice_outside_of_the_list_is_refused_with_the_list(value):
    message = refused(curve=value)
    assert message.startswith(f"curve: {value!r} is not allowed")
    assert all(f'"{curve}"' in message for curve in CURVES)


@pytest.mark.parametrize(
    "value, is_on",
    [(True, True), (False, False), ("true", True), ("True ", True), (" ON", True), ("yes", True), ("1", True),
     (1, True), ("false", False), ("False", False), ("off", False), ("No", False), ("0", False), (0, False)],
)  # fmt: skip
def test_a_switch_takes_the_spellings_that_people_type(value, is_on):
    assert MixingSettings.from_dict({"enabled": value}).enabled is is_on


@pytest.mark.parametrize("value", [2, -1, 1.0, "maybe", "2", None, "", []])
def test_a_switch_takes_nothing_else(value):
    assert refused(enabled=value) == f"enabled: {value!r} is not allowed; it takes true or false"


@pytest.mark.parametrize("value", [3, True, ["a"], {"image": "a"}])
def test_a_picture_takes_text_or_nothing(value):
    assert refused(reference_image=value) == (
        f"reference_image: {value!r} is not allowed; it takes a picture as base64 text, or nothing"
    )


def test_an_empty_picture_is_none():
    assert MixingSettings(reference_image="").reference_image is None


def test_an_unknown_key_is_refused_with_the_nearest_and_where_all_of_them_are():
    """All names were 430 characters by now, more than a console line holds."""
    known = len(FIELDS) + 1  # preset is one of the keys
    where = f"docs/settings.md has all {known} of them"
    assert refused(alpha=1.0) == f"'alpha' is not a setting; the nearest are alpha_1; {where}"
    assert refused(zzz=1.0) == f"'zzz' is not a setting; {where}"


@pytest.mark.parametrize(
    "name, near", [("cfg_schedul", "cfg_schedule"), ("Frames", "frames"), ("denoise-seq", "denoise_seq")]
)
def test_of_many_fields_an_unknown_key_is_told_the_nearest(name, near):
    with pytest.raises(SettingsError) as error:
        SequenceSettings.from_dict({name: 1})
    assert f"'{name}' is not a setting; the nearest are {near}" in str(error.value)
    assert len(str(error.value)) < 300


def test_an_unknown_key_like_no_field_is_told_where_they_are():
    with pytest.raises(SettingsError, match=r"'zzzz' is not a setting; docs/settings.md has all \d+ of them"):
        SequenceSettings.from_dict({"zzzz": 1})


@pytest.mark.parametrize("values", [None, [], "low-pass", 3])
def test_settings_that_are_no_object_are_refused(values):
    with pytest.raises(SettingsError, match="one object of named fields"):
        MixingSettings.from_dict(values)


@pytest.mark.parametrize("name", ["alpha_1", "blend", "reference_image", "preset"])
def test_a_long_value_is_cut_in_the_message(name):
    long = ["x" * 100000] if name == "reference_image" else "x" * 100000
    message = refused(**{name: long})
    assert "x" * (LONGEST_VALUE_SHOWN + 1) not in message
    assert "..." in message and len(message) < 1000


def test_a_long_key_is_cut_in_the_message():
    assert "x" * (LONGEST_VALUE_SHOWN + 1) not in refused(**{"x" * 100000: 1})


@pytest.mark.parametrize("start, stop", [(0.5, 0.5), (0.7, 0.2), (1.0, 1.0), (0.0, 0.0)])
def test_start_must_be_below_stop(start, stop):
    message = refused(start=start, stop=stop)
    assert message == f"start: {start:g} is not allowed; it must be below stop, which is {stop:g}"


def test_a_maximum_below_the_minimum_and_a_stop_beyond_the_run_are_allowed():
    made = MixingSettings(minimum=0.6, maximum=0.5, stop=2.0)
    assert (made.minimum, made.maximum, made.stop) == (0.6, 0.5, 2.0)


@pytest.mark.parametrize("name", MixingSettings.presets())
def test_every_preset_is_allowed_and_has_the_values_that_it_lists(name):
    made = MixingSettings.from_dict({"preset": name}).to_dict()
    listed = MixingSettings.presets()[name]
    defaults = {field.name: field.default for field in FIELDS}
    assert made == {**defaults, **listed}


def test_a_field_beside_a_preset_wins():
    made = MixingSettings.from_dict({"preset": "Node pack", "alpha_1": 1.5})
    assert (made.curve, made.alpha_1) == ("cosine (node pack)", 1.5)


@pytest.mark.parametrize("preset", ["node pack", "", 3, ["Faithful"]])
def test_an_unknown_preset_is_refused_with_the_known_ones(preset):
    message = refused(preset=preset)
    assert message.startswith(f"preset: {preset!r} is not allowed")
    assert all(f'"{name}"' in message for name in MixingSettings.presets())


@pytest.mark.parametrize("preset", MixingSettings.presets())
def test_reading_settings_changes_neither_the_values_nor_the_presets(preset):
    values, presets = {"preset": preset, "alpha_1": 2.0}, json.dumps(MixingSettings.presets())
    MixingSettings.from_dict(values)
    assert values == {"preset": preset, "alpha_1": 2.0}
    assert json.dumps(MixingSettings.presets()) == presets


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_has_a_label_and_a_help_and_a_default_that_it_allows(field):
    assert field.label and field.help.endswith(".")
    assert field.check(field.default) == field.default


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MixingSettings().alpha_1 = 1.0


def test_replacing_a_field_checks_it():
    with pytest.raises(SettingsError, match="alpha_1"):
        dataclasses.replace(MixingSettings(), alpha_1=11.0)
