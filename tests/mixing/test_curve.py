import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from itermix.mixing import curve
from itermix.mixing.mixer import Mixer
from itermix.mixing.noising import VP, alphas_cumprod
from itermix.mixing.settings import MixingSettings
from tests.strategies import mixing_settings

EVENLY = torch.linspace(0.0, 1.0, 101, dtype=torch.float64)
ALPHAS = (0.05, 0.5, 1.0, 2.4, 3.0)


def c1(u=EVENLY, **fields):
    return curve.weight(MixingSettings(**fields), u)


def expected(formula):
    return torch.tensor([formula(float(u)) for u in EVENLY], dtype=torch.float64)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_cosine_curve_equals_the_papers_formula(alpha):
    paper = expected(lambda u: ((1 + math.cos(math.pi * u)) / 2) ** alpha)
    assert_close(c1(curve="cosine", alpha_1=alpha), paper, rtol=0, atol=1e-12)


@pytest.mark.parametrize("alpha, exponent", [(0.5, 2.0), (1.0, 1.5), (3.0, 1.0)])
def test_the_high_bands_weight_is_a_cosine_curve_of_its_own(alpha, exponent):
    settings = MixingSettings(alpha_1=alpha, high_exponent=exponent)
    found = [curve.high_weight(settings, float(weight)) for weight in curve.weight(settings, EVENLY)]
    assert found == pytest.approx(c1(alpha_1=alpha * exponent).tolist(), abs=1e-12)


@pytest.mark.parametrize("steps", [20, 50])
def test_cosine_curve_over_the_timesteps_is_demofusions_own(oracle, steps):
    file = oracle("demofusion")
    noising = VP(alphas_cumprod())
    timesteps = file[f"timesteps_leading_n{steps}"].tolist()
    u = torch.tensor([noising.progress(t) for t in timesteps], dtype=torch.float64)
    for alpha, name in ((3.0, "c1"), (1.0, "cf"), (1.0, "c2")):
        settings = MixingSettings(curve="cosine", alpha_1=alpha, progress="noise level")
        own = torch.from_numpy(file[f"diffusers_{name}_n{steps}"])
        assert_close(curve.weights(settings, steps, u), own, rtol=0, atol=1e-9)


@pytest.mark.parametrize("steps", [20, 50])
@pytest.mark.parametrize("alpha, name", [(1.0, "cf"), (3.0, "c1")])
def test_cosine_curve_over_the_steps_is_that_of_demofusions_port_one_step_later(oracle, steps, alpha, name):
    """The port for A1111 counts a step when it has begun, and so has let go of the reference in the last one."""
    port = torch.from_numpy(oracle("demofusion")[f"port_{name}_n{steps}_strength0.85"])
    settings = MixingSettings(curve="cosine", alpha_1=alpha, progress="step")
    assert_close(curve.weights(settings, len(port))[1:], port[:-1], rtol=0, atol=1e-12)
    assert port[-1] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("steps", [5, 20])
def test_node_pack_cosine_is_one_minus_the_packs_weight_of_the_sampler(oracle, steps):
    file = oracle("blend_schedules")
    whole_window, whole_range = 0, 0
    for alpha, schedule in zip(file["alphas"], file[f"cosine_n{steps}"]):
        settings = MixingSettings(curve="cosine (node pack)", alpha_1=float(alpha))
        pack = 1.0 - torch.from_numpy(schedule[whole_window, whole_range]).double()
        assert_close(curve.weights(settings, steps), pack, rtol=0, atol=1e-6)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_node_pack_cosine_equals_its_formula(alpha):
    pack = expected(lambda u: 1 - ((1 + math.cos(math.pi * (1 - u))) / 2) ** alpha)
    assert_close(c1(curve="cosine (node pack)", alpha_1=alpha), pack, rtol=0, atol=1e-12)


def test_both_cosines_are_equal_at_alpha_1():
    assert_close(c1(curve="cosine", alpha_1=1.0), c1(curve="cosine (node pack)", alpha_1=1.0), rtol=0, atol=1e-12)


def test_linear_curve_is_one_minus_progress_for_every_alpha_1():
    for alpha in ALPHAS:
        assert_close(c1(curve="linear", alpha_1=alpha), 1 - EVENLY, rtol=0, atol=1e-15)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_logistic_curve_has_steepness_5_alpha_1_around_the_middle(alpha):
    falling = expected(lambda u: 1 / (1 + math.exp(5 * alpha * (u - 0.5))))
    assert_close(c1(curve="logistic", alpha_1=alpha), falling, rtol=0, atol=1e-12)


def test_larger_alpha_1_lets_go_earlier_on_the_papers_cosine_and_later_on_the_packs():
    middle = torch.tensor([0.5])
    assert c1(middle, curve="cosine", alpha_1=3.0) < c1(middle, curve="cosine", alpha_1=0.5)
    assert c1(middle, curve="cosine (node pack)", alpha_1=3.0) > c1(middle, curve="cosine (node pack)", alpha_1=0.5)


@pytest.mark.parametrize("name", ["cosine", "cosine (node pack)", "linear"])
def test_weight_is_maximum_up_to_start(name):
    before = torch.tensor([0.0, 0.1, 0.3], dtype=torch.float64)
    assert c1(before, curve=name, start=0.3, maximum=0.8).tolist() == [0.8, 0.8, 0.8]


@pytest.mark.parametrize("name", ["cosine", "cosine (node pack)", "linear"])
def test_weight_is_minimum_from_stop_on(name):
    after = torch.tensor([0.7, 0.9, 1.0], dtype=torch.float64)
    assert c1(after, curve=name, stop=0.7, minimum=0.2).tolist() == [0.2, 0.2, 0.2]


@pytest.mark.parametrize("name", ["cosine", "cosine (node pack)", "linear", "logistic"])
def test_between_start_and_stop_runs_the_whole_curve(name):
    window = 0.25 + 0.5 * EVENLY
    assert_close(c1(window, curve=name, alpha_1=1.5, start=0.25, stop=0.75), c1(curve=name, alpha_1=1.5))


def test_minimum_and_maximum_stretch_the_curve():
    assert_close(c1(curve="linear", minimum=0.2, maximum=0.6), 0.2 + 0.4 * (1 - EVENLY), rtol=0, atol=1e-15)


def test_weight_is_0_from_the_clamp_on_even_with_a_minimum():
    clamped = c1(curve="linear", clamp=0.6, minimum=0.3)
    assert bool((clamped[EVENLY >= 0.6] == 0.0).all())
    assert bool((clamped[EVENLY < 0.6] >= 0.3).all())


def test_clamp_at_the_end_clamps_nothing():
    assert c1(torch.tensor([1.0]), minimum=0.3, clamp=1.0).item() == pytest.approx(0.3)


def test_weights_by_step_are_taken_at_the_step_over_the_number_of_steps():
    settings = MixingSettings(curve="linear", progress="step")
    other = torch.full((4,), 0.9, dtype=torch.float64)
    assert curve.weights(settings, 4, other).tolist() == [1.0, 0.75, 0.5, 0.25]


def test_weights_by_noise_level_are_taken_at_the_given_progress():
    settings = MixingSettings(curve="linear", progress="noise level")
    levels = torch.tensor([0.0, 0.5, 0.75, 1.0], dtype=torch.float64)
    assert curve.weights(settings, 4, levels).tolist() == [1.0, 0.5, 0.25, 0.0]


@given(mixing_settings(), st.lists(st.floats(0.0, 1.0), min_size=2, max_size=30))
def test_weight_never_turns_back(settings, progress):
    """It falls, or rises to a minimum above the maximum; the clamp alone lets it drop to 0."""
    u = torch.tensor(sorted(progress), dtype=torch.float64)
    weights = curve.weight(settings, u)
    if settings.minimum > settings.maximum:
        weights = -weights[u < settings.clamp] if settings.clamp < 1.0 else -weights
    assert bool((weights.diff() <= 1e-12).all())


@given(mixing_settings(), st.floats(0.0, 1.0))
def test_weight_is_between_minimum_and_maximum_or_0(settings, progress):
    weight = float(curve.weight(settings, torch.tensor(progress, dtype=torch.float64)))
    low, high = sorted((settings.minimum, settings.maximum))
    assert weight == 0.0 or low - 1e-12 <= weight <= high + 1e-12


def test_with_a_maximum_below_the_minimum_the_weight_rises():
    assert_close(c1(curve="linear", maximum=0.2, minimum=0.6), 0.2 + 0.4 * EVENLY, rtol=0, atol=1e-15)


def test_a_stop_beyond_the_run_cuts_the_curve_off():
    assert_close(c1(curve="linear", stop=2.0), 1 - EVENLY / 2, rtol=0, atol=1e-15)
    within = expected(lambda u: ((1 + math.cos(math.pi * u / 1.6)) / 2) ** 0.5)
    assert_close(c1(curve="cosine", alpha_1=0.5, stop=1.6), within, rtol=0, atol=1e-12)


# --- the window "cut (node pack)"

PACKS_OWN = {"cosine (node pack)": "cosine", "linear": "linear", "logistic": "logistic"}


@pytest.mark.parametrize("steps", [5, 20])
@pytest.mark.parametrize("name", PACKS_OWN)
def test_cut_is_one_minus_the_packs_weight_of_the_sampler(oracle, name, steps):
    """Of every recorded window and range that the fields allow, but stop = 0."""
    file, seen = oracle("blend_schedules"), 0
    for i, alpha in enumerate(file["alphas"].tolist()):
        for j, (start, stop, clamp) in enumerate(file["combos"].tolist()):
            for k, (low, high) in enumerate(file["blends"].tolist()):
                if not (0.0 <= start < stop <= 2.0 and 0.0 <= min(low, high) <= max(low, high) <= 1.0):
                    continue
                settings = MixingSettings(
                    curve=name, alpha_1=alpha, start=start, stop=stop, clamp=clamp, minimum=1 - high, maximum=1 - low,
                    window=curve.CUT,
                )  # fmt: skip
                pack = 1.0 - torch.from_numpy(file[f"{PACKS_OWN[name]}_n{steps}"][i, j, k]).double()
                assert_close(curve.weights(settings, steps), pack, rtol=0, atol=1e-5)
                seen += 1
    assert seen >= 100


def test_cut_of_the_papers_cosine_is_its_formula_up_to_stop():
    settings = MixingSettings(curve="cosine", alpha_1=3.0, stop=0.5, window=curve.CUT)
    paper = torch.tensor([((1 + math.cos(math.pi * t / 5)) / 2) ** 3 for t in range(6)] + [0.0] * 4).double()
    assert_close(curve.weights(settings, 10), paper, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["cosine", *PACKS_OWN])
def test_cut_is_at_the_minimum_where_no_step_lies_before_stop(name):
    """The pack gives NaN, an error, or the whole curve."""
    settings = MixingSettings(curve=name, stop=0.04, minimum=0.1, window=curve.CUT)
    assert curve.weights(settings, 20).tolist() == [0.1] * 20


@pytest.mark.parametrize("name", ["cosine", *PACKS_OWN])
def test_cut_from_the_clamp_on_is_at_the_minimum(name):
    settings = MixingSettings(curve=name, clamp=0.5, minimum=0.3, window=curve.CUT)
    assert curve.weights(settings, 10)[5:].tolist() == pytest.approx([0.3] * 5)


@given(mixing_settings(), st.integers(1, 60))
def test_cut_is_finite_and_within_its_range(settings, steps):
    settings = dataclasses.replace(settings, window=curve.CUT)
    weights = curve.weights(settings, steps)
    low, high = sorted((settings.minimum, settings.maximum))
    assert len(weights) == steps and bool(((weights >= low - 1e-6) & (weights <= high + 1e-6)).all())


def test_the_mixer_takes_cut_by_the_step_and_holds_the_last_for_steps_beyond():
    settings = MixingSettings(curve="linear", window=curve.CUT)
    latent = torch.zeros(1, 4, 2, 2)
    mixer = Mixer(settings, latent, latent, steps=4)
    assert [mixer.weight(step, 9.0) for step in range(5)] == [1.0, 0.75, 0.5, 0.25, 0.25]
