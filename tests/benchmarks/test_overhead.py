"""Mixing holds a few latents at most, however long the run, and the network beside it has SD1.5's size."""

from __future__ import annotations

import pytest
import torch

from benchmarks.memory import peak_bytes
from benchmarks.overhead import added_latents, added_seconds
from benchmarks.unet import PARAMETERS, UNet, count_parameters
from itermix.mixing.settings import BLENDS, NOISES, MixingSettings

MOST_LATENTS = 3.0
HALVES = [((64, 64), torch.float16), ((64, 96), torch.bfloat16)]


@pytest.mark.parametrize(("size", "dtype"), [((64, 64), torch.float32), ((64, 96), torch.float32), *HALVES])
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("blend", BLENDS)
def test_mixing_holds_three_latents_of_the_states_own_type_at_most(blend, noise, size, dtype):
    assert added_latents(size, MixingSettings(blend=blend, noise=noise), steps=4, dtype=dtype) <= MOST_LATENTS


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("blend", BLENDS)
def test_memory_does_not_grow_with_the_number_of_steps(blend, noise):
    settings = MixingSettings(blend=blend, noise=noise)
    assert added_latents((64, 64), settings, steps=40) == added_latents((64, 64), settings, steps=4)


def test_peak_counts_what_is_held_at_once_and_not_what_was_there_before():
    before = torch.zeros(1000)

    def action():
        first = before + 1.0
        second = first + 1.0
        del first
        return second + before

    assert peak_bytes(action) == pytest.approx(2 * before.nbytes, abs=64)


def test_a_mixed_step_takes_time():
    assert 0.0 < added_seconds((16, 16), MixingSettings(), repeats=3) < 1.0


def test_network_has_the_parameters_and_shapes_of_sd15():
    with torch.device("meta"):
        network = UNet()
        assert count_parameters(network) == PARAMETERS == 859_520_964
        assert network(torch.randn(2, 4, 64, 64), torch.ones(2), torch.randn(2, 77, 768)).shape == (2, 4, 64, 64)
