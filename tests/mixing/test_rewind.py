"""Runs that go back: where they begin, from what state, with which noise."""

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.mixer import Mixer
from itermix.mixing.noising import VP, Flow, alphas_cumprod
from itermix.mixing.rewind import noise_anew, rewound, starts
from itermix.mixing.settings import MixingSettings
from itermix.settings import SettingsError

ON = MixingSettings(rewind=True, minimum=1.0, maximum=1.0, blend="linear")


def latent(seed, shape=(2, 4, 8, 8), dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("low, high, expected", [
    (0.5, 0.8, [10, 15]), (0.5, 0.5, [10]), (0.5, 0.99, [10, 15, 17, 18, 19]), (0.25, 0.8, [5, 8, 11, 13, 14, 15, 16]),
])  # fmt: skip
def test_each_run_goes_back_half_as_far_up_to_the_limit(low, high, expected):
    assert starts(MixingSettings(rewind=True, rewind_min=low, rewind_max=high), 20) == expected


def test_switched_off_or_with_too_few_steps_there_is_none():
    assert starts(MixingSettings(), 20) == [] and starts(ON, 1) == []


def test_all_runs_together_take_twice_the_steps_at_most_by_default():
    settings = MixingSettings(rewind=True, rewind_max=0.99)
    assert 64 + sum(64 - start for start in starts(settings, 64)) == 64 + 32 + 16 + 8 + 4 + 2 + 1


def test_a_limit_below_the_first_run_is_refused_only_where_it_is_used():
    with pytest.raises(SettingsError, match="rewind_min: 0.9 is not allowed; it must not exceed rewind_max"):
        MixingSettings(rewind=True, rewind_min=0.9, rewind_max=0.8)
    assert starts(MixingSettings(rewind_min=0.9, rewind_max=0.8), 20) == []


@pytest.mark.parametrize("noising, level", [(None, 3.0), (Flow(), 0.4), (VP(alphas_cumprod()), 500.0)])
def test_the_state_is_the_result_at_the_steps_level_and_the_result_is_the_reference(noising, level):
    result, noise = latent(0), latent(3)
    first = Mixer(ON, latent(1), latent(2), 20, noising, seeds=[5, 6])
    again, state = rewound(first, result, 1, 10, level, noise_anew(ON, [5, 6], 1, result))
    a, s = first.noising.coefficients(level)
    drawn = (state - a * result) / s
    assert abs(float(drawn.std()) - 1.0) < 0.1 and abs(float(drawn.mean())) < 0.1
    assert_close(again.mix(noise, 10, level), state)  # of weight 1: the result with the very same noise
    assert first.reference.equal(latent(1)) and first.report.steps == 0


def test_a_run_counts_its_steps_as_the_whole_run_does():
    settings = MixingSettings(rewind=True, curve="linear", progress="step")
    again, _ = rewound(Mixer(settings, latent(1), latent(2), 20, seeds=[5, 6]), latent(0), 1, 10, 3.0)
    assert again.weight(10, 3.0) == 0.5


@pytest.mark.parametrize("noise", ["shared", "fresh per step"])
def test_each_run_and_each_image_has_noise_of_its_own_the_same_alone_as_in_a_batch(noise):
    settings = MixingSettings(rewind=True, noise=noise)
    like = latent(0, dtype=torch.float32)
    runs = [noise_anew(settings, [5, 6], number, like) for number in (1, 2)]
    draws = [source.at(step) for source in runs for step in ((9, 10) if noise != "shared" else (9,))]
    images = [image for drawn in draws for image in drawn]
    for i, one in enumerate(images):
        assert all(abs(float((one * other).mean())) < 0.3 for other in images[:i])
    alone = noise_anew(settings, [6], 1, like[1:])
    assert alone.at(9).equal(runs[0].at(9)[1:])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_state_has_the_samplers_dtype(dtype):
    result = latent(0, dtype=dtype)
    first = Mixer(ON, latent(1, dtype=dtype), latent(2, dtype=dtype), 20, seeds=[5, 6])
    assert rewound(first, result, 1, 10, 3.0)[1].dtype == dtype
