"""The live curve's numbers, run in node: those of `curve.weights`, value by value."""

import json
import math
import random
import subprocess
from pathlib import Path

import pytest

from itermix.mixing import curve
from itermix.mixing.settings import CURVES, FREQUENCY_BLENDS, PROGRESS, MixingSettings
from tests.browser import NODE, needs_node

SCRIPT = Path(__file__).parents[2] / "javascript" / "itermix_curve.js"
TOLERANCE = 1e-12
HOST = dict(img2img=False, steps=20, denoise=0.7, fixSteps=False, sampler="Euler", uploaded=False, hires=None)
HIRES = dict(steps=0, denoise=0.7, sampler=None, scale=2)

pytestmark = needs_node


def calls(function, arguments):
    """What itermix.<function> returns for each list of arguments."""
    program = f"""
        require({json.dumps(str(SCRIPT))});
        const calls = JSON.parse(require("fs").readFileSync(0, "utf8"));
        console.log(JSON.stringify(calls.map((some) => itermix[{json.dumps(function)}](...some))));
    """
    answer = subprocess.run([NODE, "-e", program], input=json.dumps(arguments), capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def random_settings(rng, name):
    """Values as the sliders give them, in hundredths, or any; the range's ends often."""
    number = (lambda: rng.randint(0, 100) / 100) if rng.random() < 0.5 else rng.random
    start, stop = sorted((number(), number()))
    if start == stop or rng.random() < 0.3:
        start, stop = 0.0, 1.0
    minimum, maximum = sorted((number(), number())) if rng.random() < 0.6 else (0.0, 1.0)
    return MixingSettings(
        curve=name,
        alpha_1=rng.choice([0.0, 0.02, 1.0, 10.0, 10 * number()]),
        start=start,
        stop=stop,
        clamp=rng.choice([1.0, number()]),
        minimum=minimum,
        maximum=maximum,
        progress=rng.choice(PROGRESS),
    )


def same(ours, theirs):
    return len(ours) == len(theirs) and all(
        math.isclose(a, b, rel_tol=0, abs_tol=TOLERANCE) for a, b in zip(ours, theirs)
    )


@pytest.mark.parametrize("name", CURVES)
def test_weights_equal_those_of_the_mixer(name):
    rng = random.Random(name)
    runs = [(random_settings(rng, name), rng.randint(1, 150)) for _ in range(300)]
    drawn = calls("weights", [[settings.to_dict(), steps] for settings, steps in runs])
    for (settings, steps), weights in zip(runs, drawn):
        assert same(weights, curve.weights(settings, steps).tolist()), (settings, steps)


def test_weights_on_a_given_schedule_equal_those_of_the_mixer():
    import torch

    rng = random.Random(5)
    runs = [(random_settings(rng, rng.choice(CURVES)), sorted(rng.random() for _ in range(20))) for _ in range(200)]
    drawn = calls("weights", [[settings.to_dict(), len(u), u] for settings, u in runs])
    for (settings, u), weights in zip(runs, drawn):
        expected = curve.weights(settings, len(u), torch.tensor(u, dtype=torch.float64)).tolist()
        assert same(weights, expected), (settings, u)


def test_settings_that_are_refused_have_a_fault_that_names_the_field():
    values = MixingSettings().to_dict()
    faults = calls("fault", [[values | changed] for changed in ({}, {"start": 1.0}, {"minimum": 0.7, "maximum": 0.2})])
    assert faults[0] is None and "Curve start" in faults[1] and "Minimum weight" in faults[2]


def passed(host, **changed):
    return calls("pass", [[MixingSettings(**changed).to_dict(), {**HOST, **host}]])[0]


def test_a_hires_pass_makes_the_hires_steps_or_else_the_steps():
    assert passed({"hires": HIRES})["steps"] == 20
    assert passed({"hires": {**HIRES, "steps": 7}})["steps"] == 7
    assert passed({"hires": HIRES})["name"] == "hires pass"


def test_a_run_at_full_strength_begins_at_the_start_of_the_curve():
    assert passed({"hires": HIRES}, hires_denoise=1.0)["progress"] == [i / 20 for i in range(20)]


def test_a_run_at_half_strength_begins_in_the_middle_of_the_curve():
    assert passed({"hires": HIRES}, hires_denoise=0.5)["progress"][0] == 0.5


def test_img2img_makes_its_share_of_the_steps():
    run = passed({"img2img": True, "steps": 6, "denoise": 0.6})
    assert run["steps"] == 4 and run["progress"][0] == pytest.approx(2 / 6)
    assert passed({"img2img": True, "steps": 6, "denoise": 0.6, "fixSteps": True})["steps"] == 6


def test_where_there_is_no_reference_it_says_so():
    assert "reference" in passed({})["nothing"]
    assert passed({"uploaded": True})["nothing"] is None
    assert "hires" in passed({"img2img": True}, passes="hires pass")["nothing"]


def test_a_sampler_that_chooses_its_steps_has_none():
    assert passed({"hires": {**HIRES, "sampler": "DPM adaptive"}})["steps"] is None


def test_the_summary_counts_the_mixed_steps_and_gives_their_weights():
    settings = MixingSettings(curve="linear", clamp=0.5)
    run = {"name": "hires pass", "steps": 20, "progress": [i / 20 for i in range(20)], "nothing": None}
    (text,) = calls("summary", [[settings.to_dict(), run]])
    assert text == "hires pass: 10 of 20 steps mixed, weight 1.000 to 0.550."


@pytest.mark.parametrize("blend", FREQUENCY_BLENDS)
def test_the_split_says_how_many_times_the_reference_is_enlarged(blend):
    values = MixingSettings(blend=blend).to_dict()
    known, unknown, other = calls("split", [[values, 2], [values, None], [values | {"blend": "slerp"}, 2]])
    assert "a reference enlarged 2 times can know" in known and known.startswith(blend)
    assert "found" in unknown and "all frequencies" in other
    assert [("dashed line" in text) for text in (known, unknown)] == [blend == "two bands"] * 2


def test_the_second_line_equals_the_weight_of_the_high_band():
    runs = [(MixingSettings(high_exponent=exponent), c1) for exponent in (1.0, 2.0, 3.7) for c1 in (0.0, 0.3, 1.0)]
    drawn = calls("highWeight", [[settings.to_dict(), c1] for settings, c1 in runs])
    assert same(drawn, [curve.high_weight(settings, c1) for settings, c1 in runs])
