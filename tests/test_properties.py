"""What holds for any settings, latents and noise levels: finite results, weights in [0, 1], shape and dtype kept."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from itermix.mixing import curve
from itermix.mixing.blend import BLENDS, blend
from itermix.mixing.mixer import Mixer
from itermix.mixing.noising import VE, VP, Flow, alphas_cumprod, noised
from itermix.mixing.reference import equalised
from itermix.mixing.settings import MixingSettings
from itermix.sequence.colour import anchored
from itermix.sequence.run import INTERPOLATIONS
from tests.strategies import mixing_settings

NOISINGS = {"VE": VE(), "VP": VP(alphas_cumprod()), "flow": Flow()}
HIGHEST = {"VE": 200.0, "VP": 999.0, "flow": 1.0}  # levels of Zero-SNR schedules included
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
ROUNDING = {torch.float64: 1e-11, torch.float32: 1e-5, torch.bfloat16: 2**-7, torch.float16: 2**-10}  # of the largest
STEPS = 8

seeds = st.integers(0, 2**32 - 1)
shapes = st.one_of(
    st.tuples(st.integers(1, 2), st.sampled_from([1, 4, 16]), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.just(1), st.just(4), st.integers(1, 3), st.integers(1, 5), st.integers(1, 5)),  # video
)


@st.composite
def latents(draw, count):
    """So many latents of one shape and dtype: noise of any size, constants and zeros among them."""
    shape, dtype = draw(shapes), draw(st.sampled_from(DTYPES))
    made = []
    for _ in range(count):
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(draw(seeds)), dtype=torch.float64)
        size, mean = draw(st.sampled_from([0.0, 1e-6, 1.0, 100.0])), draw(st.sampled_from([0.0, 1.0, -100.0]))
        made.append((size * noise + mean).to(dtype))
    return made


@st.composite
def levels(draw):
    name = draw(st.sampled_from(sorted(NOISINGS)))
    return NOISINGS[name], draw(st.floats(0.0, HIGHEST[name]))


def masks(x):
    """None, or a weight map like one of the host's: [1, 1, H, W]."""
    size = math.prod(x.shape[-2:])
    values = st.lists(st.floats(0.0, 1.0, width=32), min_size=size, max_size=size)
    return st.none() | values.map(lambda v: torch.tensor(v).reshape(1, *[1] * (x.dim() - 3), *x.shape[-2:]))


@given(latents(3), mixing_settings(), levels(), st.integers(0, STEPS - 1), st.floats(1.0, 16.0), st.data())
def test_a_mixed_state_is_finite_and_like_the_state_that_came_in(three, settings, level, step, scale, data):
    x, reference, noise = three
    noising, sigma = level
    mask = data.draw(masks(x))
    mixer = Mixer(settings, reference, noise, STEPS, noising, (scale, scale), mask)
    kept = [tensor.clone() for tensor in three]
    for mixed in (mixer.mix(x, step, sigma), mixer.begin(x, step, sigma), mixer.end(x)):
        assert mixed.shape == x.shape and mixed.dtype == x.dtype and mixed.device == x.device
        assert bool(mixed.isfinite().all())
    assert all(torch.equal(tensor, before) for tensor, before in zip(three, kept))


@given(mixing_settings(), levels(), st.integers(1, 150), st.data())
def test_every_weight_is_between_0_and_1(settings, level, steps, data):
    noising, sigma = level
    mixer = Mixer(settings, torch.zeros(1, 4, 1, 1), torch.zeros(1, 4, 1, 1), steps, noising)
    assert 0.0 <= mixer.weight(data.draw(st.integers(0, steps - 1)), sigma) <= 1.0
    weights = curve.weights(settings, steps)
    assert weights.shape == (steps,) and float(weights.min()) >= 0.0 and float(weights.max()) <= 1.0


@pytest.mark.parametrize("name", BLENDS)
@given(latents(1), mixing_settings(), levels(), st.integers(0, STEPS - 1), seeds)
def test_mixing_the_states_own_latent_changes_nothing(name, one, settings, level, step, seed):
    reference = one[0].float()  # the state is built in float32, then rounded to its dtype
    noising, sigma = level
    noise = torch.randn(reference.shape, generator=torch.Generator().manual_seed(seed))
    values = {**settings.to_dict(), "blend": name, "noise": "shared"}
    x = noised(noising, reference, noise, sigma).to(one[0].dtype)
    mixed = Mixer(MixingSettings(**values), reference, noise, STEPS, noising, (2.0, 2.0)).mix(x, step, sigma)
    largest = max(float(x.abs().max()), 1e-30)
    assert_close(mixed, x, rtol=0.0, atol=largest * max(ROUNDING[x.dtype], ROUNDING[torch.float32]) * 4)


@pytest.mark.parametrize("name", BLENDS)
@given(latents(2), st.floats(0.0, 1.0), st.floats(0.01, 0.5))
def test_any_two_latents_blend_to_finite_numbers(name, two, weight, cutoff):
    blended = blend(name, *two, weight, (cutoff, cutoff))
    assert blended.shape == two[0].shape and blended.dtype == two[0].dtype
    assert bool(blended.isfinite().all())


@pytest.mark.parametrize("name", INTERPOLATIONS)
@given(latents(2), st.floats(0.0, 1.0))
def test_any_two_frames_interpolate_to_finite_numbers(name, two, strength):
    between = INTERPOLATIONS[name](*two, strength)
    assert between.shape == two[0].shape and between.dtype == two[0].dtype
    assert bool(between.isfinite().all())


@given(latents(2), st.floats(0.0, 1.0))
def test_an_anchored_frame_is_finite(two, strength):
    held = anchored(*two, strength)
    assert held.shape == two[0].shape and held.dtype == two[0].dtype and bool(held.isfinite().all())


@given(seeds, st.integers(1, 12), st.integers(1, 12), st.floats(1.0, 4.0), st.sampled_from(["bilinear", "bicubic"]))
def test_an_equalised_reference_is_finite(seed, height, width, factor, interpolation):
    large = torch.randn(
        1, 4, round(height * factor), round(width * factor), generator=torch.Generator().manual_seed(seed)
    )
    found = equalised(large, (height, width), interpolation)
    assert found.shape == large.shape and found.dtype == large.dtype and bool(found.isfinite().all())
