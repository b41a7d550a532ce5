"""The logarithmic slider, run in node: its ends, its even steps, and that it rests where a hand has put it."""

import json
import math
import subprocess
from pathlib import Path

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.ui.fields import LOGARITHMIC
from tests.browser import NODE, needs_node

SCRIPT = Path(__file__).parents[2] / "javascript" / "itermix_slider.js"
LOW, HIGH = (end for end, _ in LOGARITHMIC["alpha_1"])

pytestmark = needs_node


def calls(function, arguments):
    program = f"""
        require({json.dumps(str(SCRIPT))});
        const calls = JSON.parse(require("fs").readFileSync(0, "utf8"));
        console.log(JSON.stringify(calls.map((some) => itermix[{json.dumps(function)}](...some))));
    """
    answer = subprocess.run([NODE, "-e", program], input=json.dumps(arguments), capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_the_ends_of_the_slider_are_the_useful_range():
    assert calls("numberAt", [[0, LOW, HIGH], [1, LOW, HIGH]]) == [LOW, HIGH] == [0.02, 3.0]


def test_half_way_is_the_geometric_mean():
    (middle,) = calls("numberAt", [[0.5, LOW, HIGH]])
    assert middle == pytest.approx(math.sqrt(LOW * HIGH), rel=0.03)  # two digits


def test_each_number_of_a_preset_has_its_place_and_comes_back_from_it():
    numbers = [preset.get("alpha_1", MixingSettings().alpha_1) for preset in MixingSettings.presets().values()]
    places = calls("placeOf", [[number, LOW, HIGH] for number in numbers])
    expected = [math.log(number / LOW) / math.log(HIGH / LOW) for number in numbers]
    assert places == pytest.approx(expected, abs=1e-12) and 0.0 <= min(places) and max(places) <= 1.0
    assert calls("numberAt", [[place, LOW, HIGH] for place in places]) == numbers


@pytest.mark.parametrize("number, place", [(0, 0.0), (0.001, 0.0), (3.5, 1.0), (10, 1.0)])
def test_a_number_beyond_an_end_leaves_the_slider_at_that_end(number, place):
    assert calls("placeOf", [[number, LOW, HIGH]]) == [place]


def test_the_slider_rests_where_it_stands_for_the_number():
    place = 0.6437  # not the place of the rounded number that it gives
    (number,) = calls("numberAt", [[place, LOW, HIGH]])
    assert calls("followed", [[place, number, LOW, HIGH], [place, 3, LOW, HIGH]]) == [place, 1]
