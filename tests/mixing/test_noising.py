import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from itermix.mixing.curve import weight
from itermix.mixing.noising import VE, VP, Flow, alphas_cumprod, noised, timestep_of_sigma
from itermix.mixing.settings import MixingSettings


def abar_of_stable_diffusion():
    """The "scaled linear" schedule, written out: betas are the squares of evenly spaced roots."""
    first, last = math.sqrt(0.00085), math.sqrt(0.012)
    abar, kept = [], 1.0
    for t in range(1000):
        kept *= 1.0 - (first + (last - first) * t / 999) ** 2
        abar.append(kept)
    return abar


ABAR = abar_of_stable_diffusion()
SIGMAS = [math.sqrt((1 - abar) / abar) for abar in ABAR]
NOISINGS = {"VE": VE(), "VP": VP(alphas_cumprod()), "flow": Flow()}
LEVELS = {"VE": (0.0, 1e4), "VP": (0.0, 999.0), "flow": (0.0, 1.0)}


@pytest.fixture
def x0():
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def n():
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("sigma", [0.0, 0.0292, 1.0, 14.6146])
def test_ve_adds_sigma_times_the_noise(x0, n, sigma):
    assert_close(noised(VE(), x0, n, sigma), x0 + sigma * n)


@pytest.mark.parametrize("t", [0, 1, 500, 999])
def test_vp_is_the_root_of_abar_and_of_the_rest(x0, n, t):
    expected = math.sqrt(ABAR[t]) * x0 + math.sqrt(1 - ABAR[t]) * n
    assert_close(noised(VP(alphas_cumprod()), x0, n, t), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.0, 0.25, 1.0])
def test_flow_goes_straight_from_the_latent_to_the_noise(x0, n, sigma):
    assert_close(noised(Flow(), x0, n, sigma), (1 - sigma) * x0 + sigma * n)


@pytest.mark.parametrize("t, fraction", [(0, 0.5), (300, 0.25), (998, 0.9)])
def test_vp_interpolates_the_logarithm_of_abar_between_timesteps(t, fraction):
    abar = ABAR[t] ** (1 - fraction) * ABAR[t + 1] ** fraction
    signal, sigma = VP(alphas_cumprod()).coefficients(t + fraction)
    assert signal == pytest.approx(math.sqrt(abar), abs=1e-9)
    assert sigma == pytest.approx(math.sqrt(1 - abar), abs=1e-9)


@pytest.mark.parametrize("level, timestep", [(-5.0, 0), (1500.0, 999)])
def test_vp_outside_of_the_table_is_its_end(level, timestep):
    signal, sigma = VP(alphas_cumprod()).coefficients(level)
    assert (signal, sigma) == pytest.approx((math.sqrt(ABAR[timestep]), math.sqrt(1 - ABAR[timestep])))


def test_vp_takes_a_hosts_half_precision_table():
    signal, sigma = VP(alphas_cumprod().half()).coefficients(500)
    assert signal**2 + sigma**2 == pytest.approx(1.0)


def test_alphas_cumprod_is_stable_diffusions():
    assert_close(alphas_cumprod(), torch.tensor(ABAR, dtype=torch.float64), rtol=0, atol=1e-12)


def test_timestep_of_sigma_is_the_inverse_of_the_table():
    assert [timestep_of_sigma(sigma) for sigma in SIGMAS] == pytest.approx(list(range(1000)), abs=1e-6)


@pytest.mark.parametrize("t", [0, 499, 998])
def test_timestep_of_sigma_is_linear_in_its_logarithm_between_steps(t):
    middle = math.sqrt(SIGMAS[t] * SIGMAS[t + 1])
    assert timestep_of_sigma(middle) == pytest.approx(t + 0.5, abs=1e-6)


def test_timestep_of_sigma_stays_within_the_table():
    assert timestep_of_sigma(0.0) == 0.0
    assert timestep_of_sigma(1e6) == 999.0


@pytest.mark.parametrize("t", [1, 250, 999])
def test_progress_of_a_ve_level_is_that_of_its_timestep(t):
    assert VE().progress(SIGMAS[t]) == pytest.approx(1 - t / 1000, abs=1e-9)
    assert VP(alphas_cumprod()).progress(t) == pytest.approx(1 - t / 1000, abs=1e-12)


@pytest.mark.parametrize("finest", [0.02916753478348255, 0.029167158151720367, 0.029])
def test_the_finest_level_of_every_host_is_the_end_of_a_run(finest):
    """As A1111's table in float32 has it, the exact one, and rounded: so each says of the last step what it does."""
    assert VE().progress(finest) == 1.0
    assert Flow().progress(finest / (1 + finest)) == 1.0
    assert weight(MixingSettings(alpha_1=0.1), torch.tensor(VE().progress(finest))) == 0.0


@pytest.mark.parametrize("t", [1, 250, 500, 999])
def test_progress_of_a_flow_level_is_that_of_the_same_signal_to_noise_ratio(t):
    level = SIGMAS[t] / (1 + SIGMAS[t])  # sigma / (1 - sigma) is the VE level
    signal, noise = Flow().coefficients(level)
    assert noise / signal == pytest.approx(SIGMAS[t])
    assert Flow().progress(level) == pytest.approx(1 - t / 1000, abs=1e-9)


def test_pure_noise_is_the_beginning_of_a_flow_run():
    assert Flow().progress(1.0) == pytest.approx(1 - 999 / 1000)


KLEIN = [1.0, 0.96, 0.88, 0.7]  # four steps, of which the last starts far from the clean latent
EVEN = [1 - i / 20 for i in range(20)]


def test_the_last_step_of_a_flow_run_lets_go_wherever_it_starts():
    run = Flow().over(KLEIN)
    assert run.progress(KLEIN[-1]) == 0.95
    assert Flow().progress(KLEIN[-1]) < 0.5


def test_a_flow_run_at_high_noise_is_not_behind_its_steps_early_on():
    run = Flow().over(KLEIN)
    assert [run.progress(level) for level in KLEIN[:3]] == pytest.approx([Flow().progress(1.0), 0.25, 0.45])


def test_a_flow_run_that_is_ahead_of_its_steps_goes_by_its_levels():
    own, run = Flow(), Flow().over(EVEN)
    assert [run.progress(level) for level in EVEN[3:]] == [own.progress(level) for level in EVEN[3:]]


def test_steps_that_are_not_mixed_are_not_the_last_one():
    run = Flow().over([*KLEIN, 0.02, 0.001])  # at which a Stable Diffusion model has arrived
    assert [run.progress(level) for level in (KLEIN[-1], 0.02, 0.001)] == [0.95, 1.0, 1.0]


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12, unique=True), st.lists(st.floats(0.0, 1.0), max_size=8))
def test_progress_of_a_flow_run_is_never_behind_its_levels_and_never_rises_with_them(levels, between):
    run = Flow().over(sorted(levels, reverse=True))
    for level in levels:
        assert run.progress(level) >= Flow().progress(level)
    asked = sorted([*levels, *between])
    progress = [run.progress(level) for level in asked]
    assert all(0.0 <= u <= 1.0 for u in progress)
    assert all(later <= earlier + 1e-12 for earlier, later in zip(progress, progress[1:]))


@pytest.mark.parametrize("noising", [VE(), VP(alphas_cumprod())])
def test_a_run_of_stable_diffusion_goes_by_its_levels_alone(noising):
    assert noising.over([10.0, 5.0, 1.0]) is noising


@pytest.mark.parametrize("name", NOISINGS)
@given(data=st.data())
def test_progress_is_a_fraction_and_never_rises_with_the_level(name, data):
    levels = sorted(data.draw(st.lists(st.floats(*LEVELS[name]), min_size=2, max_size=8)))
    progress = [NOISINGS[name].progress(level) for level in levels]
    assert progress == sorted(progress, reverse=True)
    assert 0.0 <= progress[-1] <= progress[0] <= 1.0


@pytest.mark.parametrize("name, level", [("VE", 0.0), ("VP", 0.0), ("flow", 0.0)])
def test_the_clean_latent_is_the_end_of_the_run(name, level):
    assert NOISINGS[name].progress(level) == 1.0
