"""The live curve's numbers, run in node: those of `curve.weights`, value by value."""

import json
import math
import random
import subprocess
from pathlib import Path

import pytest

from itermix.mixing import curve
from itermix.mixing.settings import CURVES, FREQUENCY_BLENDS, PROGRESS, WINDOWS, MixingSettings
from itermix.mixing.units import UNITS
from tests.browser import NODE, needs_node

SCRIPT = Path(__file__).parents[2] / "javascript" / "itermix_curve.js"
TOLERANCE = 1e-12
HOST = dict(
    img2img=False, steps=20, width=512, height=384, denoise=0.6, sampler="Euler", scheduler="Karras",
    shift=5, uploaded=False, hires=None,
)  # fmt: skip
HIRES = dict(steps=0, denoise=0.4, sampler=None, scheduler=None, shift=9, scale=2)
LEVELS = dict(steps=4, progress=[0.1, 0.3, 0.6, 0.95], repeats=False, why="")

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
    if rng.random() < 0.2:
        stop = 1.0 + number()
    minimum, maximum = (number(), number()) if rng.random() < 0.6 else (0.0, 1.0)
    return MixingSettings(
        curve=name,
        alpha_1=rng.choice([0.0, 0.02, 1.0, 10.0, 10 * number()]),
        start=start,
        stop=stop,
        clamp=rng.choice([1.0, number()]),
        minimum=minimum,
        maximum=maximum,
        progress=rng.choice(PROGRESS),
        window=rng.choice(WINDOWS),
        **random_window(rng),
    )


def random_window(rng):
    """Start and stop in steps or per cent, in half of the cases."""
    if rng.random() < 0.5:
        return {}
    start, stop = sorted((rng.randint(0, 99), rng.randint(100, 200)))
    unit = rng.choice(UNITS[1:])
    if unit == "steps":
        start, stop = start // 4, stop // 4
    return {"unit": unit, "start_at": start, "stop_at": rng.choice([0, stop])}


def tolerance(settings):
    """The cut window is computed in float32, as the pack does it."""
    return TOLERANCE if settings.window == "fitted" else 1e-5


def same(ours, theirs, tolerance=TOLERANCE):
    return len(ours) == len(theirs) and all(
        math.isclose(a, b, rel_tol=0, abs_tol=tolerance) for a, b in zip(ours, theirs)
    )


@pytest.mark.parametrize("name", CURVES)
def test_weights_equal_those_of_the_mixer(name):
    rng = random.Random(name)
    runs = [(random_settings(rng, name), rng.randint(1, 150)) for _ in range(300)]
    drawn = calls("weights", [[settings.to_dict(), steps] for settings, steps in runs])
    for (settings, steps), weights in zip(runs, drawn):
        assert same(weights, curve.weights(settings, steps).tolist(), tolerance(settings)), (settings, steps)


def test_weights_on_a_given_schedule_equal_those_of_the_mixer():
    import torch

    rng = random.Random(5)
    runs = [(random_settings(rng, rng.choice(CURVES)), sorted(rng.random() for _ in range(20))) for _ in range(200)]
    drawn = calls("weights", [[settings.to_dict(), len(u), u] for settings, u in runs])
    for (settings, u), weights in zip(runs, drawn):
        expected = curve.weights(settings, len(u), torch.tensor(u, dtype=torch.float64)).tolist()
        assert same(weights, expected, tolerance(settings)), (settings, u)


def test_settings_that_are_refused_have_a_fault_that_names_the_field():
    values = MixingSettings().to_dict()
    faults = calls("fault", [[values | changed] for changed in ({}, {"start": 1.0}, {"minimum": 0.7, "maximum": 0.2})])
    assert faults[0] is None and "Curve start" in faults[1] and faults[2] is None


def passed(host, **changed):
    return calls("pass", [[MixingSettings(**changed).to_dict(), {**HOST, **host}]])[0]


def test_a_hires_pass_is_asked_for_with_its_own_sampler_steps_and_strength():
    own = dict(sampler="DDIM", scheduler="Beta", steps=7)
    asked = dict(sampler="Euler", scheduler="Karras", steps=20, width=1024, height=768, shift=9, of="hires pass")
    assert passed({"hires": HIRES}, hires_denoise=0.7)["asked"] == {**asked, "strength": 0.7}
    assert passed({"hires": {**HIRES, **own}}, hires_denoise=0.0)["asked"] == {**asked, **own, "strength": 0.4}


def test_img2img_is_asked_for_with_its_strength():
    asked = dict(
        sampler="Euler", scheduler="Karras", steps=20, width=512, height=384, shift=5, strength=0.6, of="img2img"
    )  # fmt: skip
    assert passed({"img2img": True})["asked"] == asked
    assert passed({"img2img": True, "shift": None})["asked"] == {**asked, "shift": 0}  # the page has no such slider
    assert passed({"img2img": True, "checkpoint": "a.ckpt"})["asked"] == {**asked, "checkpoint": "a.ckpt"}


def test_where_there_is_no_reference_it_says_so():
    assert "reference" in passed({})["nothing"]
    assert passed({"uploaded": True})["nothing"] is None
    assert "hires" in passed({"img2img": True}, passes="hires pass")["nothing"]


def told(settings, levels, run=None):
    run = run or {"name": "hires pass", "nothing": None}
    return calls("summary", [[settings.to_dict(), run, levels]])[0]


def test_the_summary_counts_the_mixed_steps_and_gives_their_weights():
    settings = MixingSettings(curve="linear", clamp=0.5)
    assert told(settings, LEVELS) == "hires pass: 2 of 4 steps mixed, weight 0.900 to 0.700."
    by_step = MixingSettings(curve="linear", progress="step")
    assert told(by_step, LEVELS) == "hires pass: 4 of 4 steps mixed, weight 1.000 to 0.250."


def test_the_summary_says_no_more_than_is_known():
    unknown = dict(steps=None, progress=None, repeats=False, why="the sampler chooses its own number of steps")
    for levels, reason in ((unknown, unknown["why"]), (None, "the WebUI has not said where its steps are")):
        text = told(MixingSettings(), levels)
        assert text == f"hires pass: the weight goes along this curve; {reason}."
    counted = {**unknown, "steps": 7, "why": "the sampler chooses its own noise levels"}
    by_step = MixingSettings(curve="linear", progress="step")
    assert told(by_step, counted).startswith("hires pass: 7 of 7 steps mixed")
    assert told(by_step, {**counted, "steps": 1}).startswith("hires pass: 1 of 1 step mixed, weight 1.000")
    assert "noise levels" in told(MixingSettings(), counted)
    assert told(MixingSettings(), LEVELS | {"repeats": True}).endswith("The sampler makes some steps again.")


def test_a_hires_checkpoint_may_have_other_steps():
    run = passed({"hires": {**HIRES, "checkpoint": "b.ckpt"}})
    assert told(MixingSettings(), LEVELS, run).endswith("the hires checkpoint may have other steps.")
    assert not told(MixingSettings(), LEVELS, passed({"hires": HIRES})).endswith("other steps.")


def test_the_dots_are_at_the_hosts_own_levels():
    import torch

    settings = MixingSettings(alpha_1=0.7)
    (dots,) = calls("steps", [[settings.to_dict(), LEVELS]])
    expected = curve.weights(settings, 4, torch.tensor(LEVELS["progress"], dtype=torch.float64)).tolist()
    assert [u for u, _ in dots] == LEVELS["progress"] and same([c1 for _, c1 in dots], expected)
    assert calls("steps", [[settings.to_dict(), None]]) == [[]]


@pytest.mark.parametrize("blend", FREQUENCY_BLENDS)
def test_the_split_says_how_many_times_the_reference_is_enlarged(blend):
    values = MixingSettings(blend=blend).to_dict()
    known, unknown, other = calls("split", [[values, 2], [values, None], [values | {"blend": "slerp"}, 2]])
    assert "a reference enlarged 2 times has" in known and known.startswith(blend)
    assert "found" in unknown and "all frequencies" in other
    assert [("dashed line" in text) for text in (known, unknown)] == [blend == "two bands"] * 2


def test_the_second_line_equals_the_weight_of_the_high_band():
    runs = [(MixingSettings(high_exponent=exponent), c1) for exponent in (1.0, 2.0, 3.7) for c1 in (0.0, 0.3, 1.0)]
    drawn = calls("highWeight", [[settings.to_dict(), c1] for settings, c1 in runs])
    assert same(drawn, [curve.high_weight(settings, c1) for settings, c1 in runs])
