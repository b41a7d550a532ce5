"""In half precision a plane at a time is mixed, to what all at once gives in float32, rounded once."""

import itertools

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.blend import BLENDS, Pair, blend, edge_of
from itermix.mixing.lowpass import LowPass
from itermix.mixing.mixer import Mixer
from itermix.mixing.parts import blend_parts
from itermix.mixing.reference import FreshNoise
from itermix.mixing.settings import NOISES, MixingSettings

HALVES = [torch.float16, torch.bfloat16]
SHAPES = [(2, 4, 16, 24), (2, 4, 3, 16, 8)]  # a video, too


def random(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def weights(shape):
    mask = torch.linspace(0.0, 1.0, shape[-1]).expand(1, *[1] * (len(shape) - 3), *shape[-2:]).clone()
    mask[..., :4] = 0.0
    return {"number": 0.4, "mask": mask, "mask of each image": torch.cat([mask, 0.5 * mask])}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("kind", ["number", "mask", "mask of each image"])
@pytest.mark.parametrize("name", BLENDS)
def test_planes_give_what_all_at_once_gives_rounded(name, kind, dtype, shape):
    x, z, weight = random(shape).to(dtype), random(shape, 1), weights(shape)[kind]
    lowpass = LowPass((2.0, 2.0), edge=edge_of(name))
    expected = blend(name, x.float(), z, weight, lowpass.cutoff, 0.3)
    found = blend_parts(name, x, lambda index: z[index].clone(), weight, lowpass, 0.3)
    assert found.dtype == dtype
    assert_close(found.float(), expected.to(dtype).float(), rtol=2 * torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("blending", BLENDS)
def test_a_mixer_in_half_precision_mixes_as_one_in_float32(blending, noise):
    """Of the same noise and state, which half precision holds exactly."""
    shape, settings = (2, 4, 16, 16), MixingSettings(blend=blending, noise=noise)
    x, reference = (random(shape, seed).half() for seed in (1, 2))
    results = []
    for dtype in (torch.float16, torch.float32):
        drawn = FreshNoise([3, 4], x) if noise == "fresh per step" else random(shape, 5).half()
        source = drawn if isinstance(drawn, torch.Tensor) else Kept(drawn)
        mixer = Mixer(settings, reference.to(dtype), source, 10, scale=(2.0, 2.0))
        results.append(mixer.mix(x.to(dtype), 3, 2.0).float())
    assert_close(*results, rtol=2e-3, atol=1e-3)


class Kept:
    """Fresh noise, as half precision has it, in both runs."""

    def __init__(self, source):
        self.source = source

    def at(self, step):
        return self.source.at(step)


@pytest.mark.parametrize("blending", BLENDS)
def test_the_state_the_reference_and_the_runs_own_noise_are_left_as_they_are(blending):
    shape = (2, 4, 16, 16)
    x, reference, noise = (random(shape, seed).half() for seed in range(3))
    before = [one.clone() for one in (x, reference, noise)]
    mixed = Mixer(MixingSettings(blend=blending), reference, noise, 10, scale=(2.0, 2.0)).mix(x, 3, 2.0)
    assert all(torch.equal(one, old) for one, old in zip((x, reference, noise), before))
    assert not {mixed.data_ptr()} & {one.data_ptr() for one in (x, reference, noise)}


@pytest.mark.parametrize("blending", BLENDS)
def test_fresh_noise_may_be_written_over_and_gives_the_same(blending):
    shape, settings = (2, 4, 16, 16), MixingSettings(blend=blending, noise="fresh per step")
    x, reference = random(shape).half(), random(shape, 1).half()
    results = []
    for wrap in (Kept, lambda source: source):
        mixer = Mixer(settings, reference, wrap(FreshNoise([3, 4], x)), 10, scale=(2.0, 2.0))
        results.append(mixer.mix(x, 3, 2.0))
    assert torch.equal(*results)


@pytest.mark.parametrize("shape", [(4, 16, 16), (4, 3, 16, 16), (4, 5, 7), (1, 4, 4), (4, 2, 4), (4, 3, 16, 9)])
def test_noise_drawn_by_planes_is_the_noise_drawn_at_once(shape):
    """Of sizes that torch draws in whole blocks, and of others."""
    noise = FreshNoise([11, 12], torch.empty(2, *shape))
    for image, seed in zip(noise.at(6), (11, 12)):
        generator = torch.Generator().manual_seed((seed + 7 * 0x9E3779B97F4A7C15) % 2**64)
        assert torch.equal(image, torch.randn(shape, generator=generator))


def test_pairs_of_parts_add_up_to_the_whole():
    x, z = random((4, 6, 5)), random((4, 6, 5), 1)
    whole, parts = Pair.of(x, z), [Pair.of(*planes) for planes in zip(x, z)]
    (*_, total) = itertools.accumulate(parts, Pair.__add__)
    for name in ("dot", "length_x", "length_z", "angle"):
        assert_close(getattr(total, name), getattr(whole, name), rtol=1e-6, atol=1e-6)
