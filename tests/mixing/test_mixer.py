import gc

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.blend import blend
from itermix.mixing.mixer import Mixer, MixingReport
from itermix.mixing.noising import VP, Flow, alphas_cumprod, timestep_of_sigma
from itermix.mixing.reference import FreshNoise
from itermix.mixing.settings import BLENDS, MixingSettings

ALL = dict(minimum=1.0, maximum=1.0, blend="linear")  # weight 1 at every step
LATE = dict(timing="end of step (node pack)")


def latent(seed, shape=(2, 4, 8, 8)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def x():
    return latent(0)


@pytest.fixture
def reference():
    return latent(1)


@pytest.fixture
def noise():
    return latent(2)


@pytest.mark.parametrize("sigma", [14.6, 1.0, 0.03])
def test_weight_1_makes_the_state_the_reference_at_the_steps_noise_level(x, reference, noise, sigma):
    mixer = Mixer(MixingSettings(**ALL), reference, noise, steps=20)
    assert_close(mixer.mix(x, 3, sigma), reference + sigma * noise, rtol=0, atol=1e-12)


def test_the_level_is_read_in_the_samplers_own_convention(x, reference, noise):
    flow = Mixer(MixingSettings(**ALL), reference, noise, steps=20, noising=Flow())
    assert_close(flow.mix(x, 3, 0.25), 0.75 * reference + 0.25 * noise)
    abar = float(alphas_cumprod()[601])
    vp = Mixer(MixingSettings(**ALL), reference, noise, steps=20, noising=VP(alphas_cumprod()))
    assert_close(vp.mix(x, 3, 601), abar**0.5 * reference + (1 - abar) ** 0.5 * noise)


def test_a_part_of_the_weight_mixes_that_part(x, reference, noise):
    mixer = Mixer(MixingSettings(curve="linear", blend="linear", progress="step"), reference, noise, steps=10)
    assert_close(mixer.mix(x, 3, 2.0), 0.3 * x + 0.7 * (reference + 2.0 * noise))


def test_weight_by_noise_level_does_not_ask_for_the_step(reference, noise):
    mixer = Mixer(MixingSettings(curve="linear"), reference, noise, steps=10, noising=Flow())
    expected = timestep_of_sigma(0.25 / 0.75) / 1000  # linear: the timestep that is left
    assert mixer.weight(0, 0.25) == mixer.weight(9, 0.25) == pytest.approx(expected)


def test_the_state_and_what_the_mixer_was_given_are_left_as_they_were(x, reference, noise):
    before = x.clone(), reference.clone(), noise.clone()
    Mixer(MixingSettings(), reference, noise, steps=10).mix(x, 0, 5.0)
    assert all(torch.equal(now, then) for now, then in zip((x, reference, noise), before))


def test_two_bands_mix_what_the_reference_cannot_know_by_the_power_of_the_weight(x, reference, noise):
    mask = torch.linspace(0.0, 1.0, 8).expand(1, 1, 8, 8).double()
    settings = MixingSettings(minimum=0.6, maximum=0.6, blend="two bands", high_exponent=3.0)
    mixer = Mixer(settings, reference, noise, steps=10, scale=(2.0, 2.0), mask=mask)
    expected = blend("two bands", x, reference + 2.0 * noise, mask * 0.6, (0.25, 0.25), 0.6**2)
    assert_close(mixer.mix(x, 0, 2.0), expected)


def test_lowpass_keeps_what_the_reference_cannot_know(x, reference, noise):
    """Enlarged twice: of waves from 1/4 cycle per pixel on there is as much as the sampler had."""
    wave = torch.cos(2 * torch.pi * 0.25 * (torch.arange(8, dtype=torch.float64) + 0.5))
    mixer = Mixer(
        MixingSettings(minimum=1.0, maximum=1.0, blend="low-pass"), reference, noise, steps=10, scale=(2.0, 2.0)
    )
    mixed = mixer.mix(x, 0, 1.0)
    assert_close(mixed @ wave, x @ wave)
    assert_close(mixed.mean(dim=(-2, -1)), (reference + noise).mean(dim=(-2, -1)))


def test_a_reference_of_one_image_serves_the_whole_batch(x, reference, noise):
    mixer = Mixer(MixingSettings(**ALL), reference[:1], noise, steps=10)
    assert_close(mixer.mix(x, 0, 2.0), reference[:1] + 2.0 * noise)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_mixed_state_has_the_samplers_dtype(x, reference, noise, dtype):
    mixer = Mixer(MixingSettings(**ALL), reference.to(dtype), noise.to(dtype), steps=10)
    mixed = mixer.mix(x.to(dtype), 0, 2.0)
    assert mixed.dtype == dtype
    assert_close(mixed.double(), reference + 2.0 * noise, rtol=0, atol=5 * torch.finfo(dtype).eps * 4)


def test_weight_0_returns_the_state_itself(x, reference, noise):
    mixer = Mixer(MixingSettings(minimum=0.0, maximum=0.0), reference, noise, steps=10)
    assert mixer.mix(x, 0, 2.0) is x


def test_an_empty_mask_returns_the_state_itself(x, reference, noise):
    mixer = Mixer(MixingSettings(**ALL), reference, noise, steps=10, mask=torch.zeros(1, 1, 8, 8))
    assert mixer.mix(x, 0, 2.0) is x
    assert mixer.report.steps == 0


def test_a_mask_multiplies_the_weight_of_each_pixel(x, reference, noise):
    mask = torch.linspace(0.0, 1.0, 8).expand(1, 1, 8, 8)
    settings = MixingSettings(minimum=0.6, maximum=0.6, blend="linear")
    mixer = Mixer(settings, reference, noise, steps=10, mask=mask)
    share = 0.6 * mask.double()
    assert_close(mixer.mix(x, 0, 2.0), (1 - share) * x + share * (reference + 2.0 * noise))


@pytest.mark.parametrize("blend", BLENDS)
def test_outside_of_a_mask_the_state_stays_as_it_is(x, reference, noise, blend):
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :3] = 1.0
    mixer = Mixer(MixingSettings(minimum=0.6, maximum=0.6, blend=blend), reference, noise, steps=10, mask=mask)
    assert_close(mixer.mix(x, 0, 2.0)[..., 3:], x[..., 3:])


def test_the_first_level_replaces_that_of_step_0_alone(x, reference, noise):
    mixer = Mixer(MixingSettings(**ALL), reference, noise, steps=10, first_level=(0.5, 3.0))
    assert_close(mixer.mix(x, 0, 2.0), 0.5 * reference + 3.0 * noise)
    assert_close(mixer.mix(x, 1, 2.0), reference + 2.0 * noise)


def test_on_time_a_step_is_mixed_at_its_start_and_the_result_is_left_alone(x, reference, noise):
    mixer = Mixer(MixingSettings(**ALL), reference, noise, steps=2)
    assert_close(mixer.begin(x, 0, 5.0), reference + 5.0 * noise)
    assert_close(mixer.begin(x, 1, 3.0), reference + 3.0 * noise)
    assert mixer.end(x) is x


def test_late_a_step_is_mixed_after_it_one_noise_level_late(x, reference, noise):
    mixer = Mixer(MixingSettings(**ALL, **LATE), reference, noise, steps=2)
    assert mixer.begin(x, 0, 5.0) is x
    assert_close(mixer.begin(x, 1, 3.0), reference + 5.0 * noise)
    assert_close(mixer.end(x), reference + 3.0 * noise)
    assert mixer.report.steps == 2


def test_late_nothing_is_mixed_where_no_step_began(x, reference, noise):
    assert Mixer(MixingSettings(**ALL, **LATE), reference, noise, steps=2).end(x) is x


def test_the_report_counts_the_mixed_steps_and_their_weights(x, reference, noise):
    settings = MixingSettings(curve="linear", progress="step", clamp=0.5)
    mixer = Mixer(settings, reference, noise, steps=10)
    for step in range(10):
        mixer.begin(x, step, 10.0 - step)
    assert (mixer.report.steps, mixer.report.first, mixer.report.last) == pytest.approx((5, 1.0, 0.6))


def test_a_step_that_is_mixed_twice_counts_once(x, reference, noise):
    mixer = Mixer(MixingSettings(), reference, noise, steps=10)
    mixer.mix(x, 4, 2.0)
    mixer.mix(x, 4, 2.0)
    assert mixer.report.steps == 1


@pytest.mark.parametrize("source", ["shared", "fresh"])
@pytest.mark.parametrize("timing", ["start of step", "end of step (node pack)"])
def test_nothing_is_kept_as_steps_go(x, reference, noise, source, timing):
    drawn = noise if source == "shared" else FreshNoise([1, 2], x)
    mixer = Mixer(MixingSettings(timing=timing), reference, drawn, steps=40, scale=(2.0, 2.0))

    def tensors_after(steps):
        for step in steps:
            mixer.begin(x, step, 10.0)
        gc.collect()
        return sum(issubclass(type(kept), torch.Tensor) for kept in gc.get_objects())

    assert tensors_after(range(3, 40)) == tensors_after(range(3))


def test_the_report_counts_its_steps_in_words():
    reports = [MixingReport(dict.fromkeys(range(steps), 0.5)) for steps in (0, 1, 3)]
    assert [report.counted() for report in reports] == ["0 steps", "1 step", "3 steps"]
    assert [report.counted(of) for report, of in zip(reports, (1, 1, 4), strict=True)] == [
        "0 of 1 step", "1 of 1 step", "3 of 4 steps"
    ]  # fmt: skip
