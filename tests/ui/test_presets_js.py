"""The presets of the page, run in node: what a choice sets, and which preset the fields are at."""

import json
import subprocess
from pathlib import Path

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.presets import CUSTOM, Presets
from itermix.sequence.settings import SequenceSettings
from tests.browser import NODE, needs_node

SCRIPT = Path(__file__).parents[2] / "javascript" / "itermix_presets.js"
MODELS = {"mixing": MixingSettings, "sequence": SequenceSettings}
NAMES = [(part, name) for part, model in MODELS.items() for name in model.presets() or {"Defaults": {}}]

pytestmark = needs_node


def call(function, *arguments):
    program = f"""
        require({json.dumps(str(SCRIPT))});
        const some = JSON.parse(require("fs").readFileSync(0, "utf8"));
        console.log(JSON.stringify(itermix[{json.dumps(function)}](...some)));
    """
    answer = subprocess.run([NODE, "-e", program], input=json.dumps(arguments), capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.fixture
def offers(tmp_path):
    """By part: what the page's script knows, and each preset's values in the order of the fields."""
    found = {}
    for part, model in MODELS.items():
        offer = Presets(tmp_path / "presets.json", model, part).offer()
        found[part] = offer.stored(), {name: list(values.values()) for name, values in offer.values.items()}
    return found


@pytest.mark.parametrize("part, name", NAMES)
def test_a_chosen_preset_has_the_settings_values_in_the_order_of_the_fields(offers, part, name):
    stored, presets = offers[part]
    settings = MODELS[part].from_dict({"preset": name} if MODELS[part].presets() else {})
    fields = [field for field in settings.fields() if field.kind not in ("image", "text")]
    expected = [getattr(settings, field.name) for field in fields if field.name not in ("enabled", "resume")]
    assert call("presetValues", stored, name, *[None] * len(expected)) == expected == presets[name]


@pytest.mark.parametrize("part, name", NAMES)
def test_the_values_of_a_preset_are_known_as_it_whatever_is_chosen(offers, part, name):
    stored, presets = offers[part]
    for chosen in (name, CUSTOM, "gone", None):
        assert call("presetOf", stored, chosen, *presets[name]) == name


def test_a_choice_that_is_no_preset_leaves_the_fields(offers):
    stored, presets = offers["mixing"]
    values = presets["Balanced"]
    assert call("presetValues", stored, CUSTOM, *values) == values


@pytest.mark.parametrize("index, value", [(0, 9.99), (0, "0.3"), (0, None), (1, "linear")])
def test_one_field_beside_a_preset_is_custom(offers, index, value):
    stored, presets = offers["mixing"]
    values = list(presets["Balanced"])
    values[index] = value
    assert call("presetOf", stored, "Balanced", *values) == CUSTOM


def test_a_sliders_rounding_is_no_change(offers):
    stored, presets = offers["mixing"]
    values = [value + 1e-12 if isinstance(value, float) else value for value in presets["Creative"]]
    assert call("presetOf", stored, CUSTOM, *values) == "Creative"


def test_of_two_equal_presets_the_chosen_one_stays(tmp_path):
    presets = Presets(tmp_path / "presets.json", MixingSettings, "mixing")
    presets.save("mine", MixingSettings.from_dict({"preset": "Creative"}).to_dict())
    offer = presets.offer()
    values = list(offer.values["mine"].values())
    assert call("presetOf", offer.stored(), "mine", *values) == "mine"
    assert call("presetOf", offer.stored(), CUSTOM, *values) == "Creative"
