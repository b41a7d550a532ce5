import re

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.noising import Flow
from itermix.mixing.reference import FreshNoise, SharedNoise, batch_unsample, noised_trajectory
from tests.mixing.recorded import RecordedNoise
from tests.oracle_arrays import Arrays

SCHEDULES = ["karras", "normal", "exponential"]
SCALES = ["1.0", "0.18215", "0.13025"]


def fresh(*seeds, shape=(4, 16, 16), dtype=torch.float32):
    return FreshNoise(seeds, torch.zeros(len(seeds), *shape, dtype=dtype))


def correlation(a, b):
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


@pytest.fixture
def packs_noise():
    """What the pack drew: all steps at once, float32, from seed 42."""
    return lambda steps: RecordedNoise(torch.randn(steps, 4, 16, 16, generator=torch.Generator().manual_seed(42)))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_trajectory_is_the_packs_generate_noised_latents(oracle, schedule):
    file = oracle("noised_trajectory")
    x0, noise = torch.from_numpy(file["x0"]), RecordedNoise(torch.from_numpy(file["gnl_noise_n10_f64"]))
    trajectory = torch.cat(list(noised_trajectory(x0, file[f"sigmas_{schedule}_n10"].tolist(), noise)))
    assert_close(trajectory, torch.from_numpy(file[f"gnl_z_{schedule}_n10_f64"]), rtol=0, atol=1e-9)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_batch_unsampler_levels_are_the_packs_clean_first(oracle, schedule, scale):
    file = oracle("noised_trajectory")
    sigmas = torch.from_numpy(file[f"sigmas_{schedule}_n10"])
    levels = batch_unsample(torch.zeros(1, 1, 1, 1), sigmas, torch.ones(1, 1, 1, 1), latent_scale=float(scale))
    packs = torch.from_numpy(file[f"calc_sigmas_{schedule}_n10_sf{scale}"])
    assert_close(levels.flatten(), packs.flip(0), rtol=0, atol=1e-5)


def recorded_latents():
    """(schedule, scale) of each recorded stack of the Batch Unsampler's latents."""
    found = (re.fullmatch(r"bu_z_(\w+)_n10_sf(.+)", name) for name in Arrays("noised_trajectory"))
    return [match.groups() for match in found if match]


def test_every_schedule_and_every_latent_scale_is_among_the_recorded_latents():
    schedules, scales = zip(*recorded_latents())
    assert set(schedules) == set(SCHEDULES) and set(scales) == set(SCALES)


@pytest.mark.parametrize("schedule, scale", recorded_latents())
def test_batch_unsampler_latents_are_the_packs(oracle, packs_noise, schedule, scale):
    file = oracle("noised_trajectory")
    x0, sigmas = torch.from_numpy(file["x0"]).float(), torch.from_numpy(file[f"sigmas_{schedule}_n10"])
    own = batch_unsample(x0, sigmas, packs_noise(10), end=10000, latent_scale=float(scale))
    assert_close(own, torch.from_numpy(file[f"bu_z_{schedule}_n10_sf{scale}"]), rtol=0, atol=1e-5)


def test_centred_batch_unsampler_is_the_packs_normalized(oracle, packs_noise):
    file = oracle("noised_trajectory")
    x0, sigmas = torch.from_numpy(file["x0"]).float(), torch.from_numpy(file["sigmas_karras_n10"])
    own = batch_unsample(x0, sigmas, packs_noise(10), latent_scale=0.18215, centred=True)
    assert_close(own, torch.from_numpy(file["bu_z_karras_n10_normalized"]), rtol=0, atol=1e-5)


def test_batch_unsampler_from_step_3_to_8_is_the_packs(oracle, packs_noise):
    file = oracle("noised_trajectory")
    x0, sigmas = torch.from_numpy(file["x0"]).float(), torch.from_numpy(file["sigmas_karras_n10"])
    own = batch_unsample(x0, sigmas, packs_noise(5), start=3, end=8, latent_scale=0.18215)
    assert_close(own, torch.from_numpy(file["bu_z_karras_n10_start3_end8"]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("start, end", [(10, None), (5, 5), (8, 3), (-1, None)])
def test_batch_unsampler_without_a_step_is_refused(start, end):
    with pytest.raises(ValueError, match=f"start_step: {start} is not allowed"):
        batch_unsample(torch.zeros(1, 4, 8, 8), torch.linspace(10, 0, 11), torch.zeros(1, 4, 8, 8), start, end)


def test_a_plain_tensor_of_noise_is_shared_by_all_steps():
    z_ref, noise = torch.zeros(1, 4, 8, 8), torch.ones(1, 4, 8, 8)
    assert [float(z.mean()) for z in noised_trajectory(z_ref, [3.0, 2.0, 1.0], noise)] == [3.0, 2.0, 1.0]
    assert SharedNoise(noise).at(0) is SharedNoise(noise).at(7)


def test_trajectory_follows_the_given_convention():
    z_ref, noise = torch.full((1, 1, 2, 2), 4.0), torch.ones(1, 1, 2, 2)
    assert [float(z.mean()) for z in noised_trajectory(z_ref, [1.0, 0.5, 0.0], noise, Flow())] == [1.0, 2.5, 4.0]


def test_trajectory_makes_one_level_at_a_time():
    levels = iter([1.0])  # a second level would raise StopIteration inside
    first = next(noised_trajectory(torch.zeros(1, 4, 8, 8), levels, torch.ones(1, 4, 8, 8)))
    assert float(first.mean()) == 1.0


def test_fresh_noise_of_an_image_is_the_same_alone_in_a_batch_and_after_others():
    for step in (0, 5):
        alone = fresh(77).at(step)[0]
        assert torch.equal(fresh(77, 1, 2, 3).at(step)[0], alone)
        assert torch.equal(fresh(5, 6, 77, 8).at(step)[2], alone)


def test_fresh_noise_of_a_step_does_not_depend_on_the_steps_drawn_before():
    source = fresh(77)
    source.at(0), source.at(1)
    assert torch.equal(source.at(2), fresh(77).at(2))


def test_fresh_noise_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    expected = torch.randn(3)
    torch.manual_seed(1)
    fresh(1).at(0)
    assert torch.equal(torch.randn(3), expected)


def test_fresh_noise_of_steps_and_seeds_is_independent():
    """All pairs of 4 neighbouring seeds and 4 steps; five standard deviations of 4096 samples are 0.08."""
    draws = [fresh(seed, shape=(4, 32, 32)).at(step) for seed in range(4) for step in range(4)]
    pairs = [(a, b) for i, a in enumerate(draws) for b in draws[:i]]
    assert max(abs(correlation(a, b)) for a, b in pairs) < 0.08


def test_fresh_noise_is_not_the_noise_that_the_host_draws_from_the_same_seed():
    hosts = torch.randn(4, 32, 32, generator=torch.Generator().manual_seed(7))
    assert abs(correlation(fresh(7, shape=(4, 32, 32)).at(0), hosts)) < 0.08


def test_fresh_noise_is_unit_gaussian():
    noise = fresh(3, shape=(4, 200, 200)).at(0)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.01)
    assert float(noise.var()) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("seed", [0, 2**31, 2**63, 2**64 - 1])
def test_fresh_noise_takes_every_64_bit_seed(seed):
    assert bool(fresh(seed).at(0).isfinite().all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_fresh_noise_is_the_same_draw_in_every_dtype(dtype):
    assert torch.equal(fresh(3, dtype=dtype).at(1), fresh(3).at(1).to(dtype))


def test_fresh_noise_wants_a_seed_for_every_image():
    with pytest.raises(ValueError, match="2 seeds for a batch of 3"):
        FreshNoise([1, 2], torch.zeros(3, 4, 8, 8))
