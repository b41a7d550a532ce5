"""What is seen of a run, and that seeing changes nothing."""

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.mixer import Mixer
from itermix.mixing.settings import BLENDS, MixingSettings
from itermix.mixing.trace import DENOISED, MIXED, REFERENCE, STATE, Trace

LEVELS = [14.6, 6.0, 2.0, 0.7, 0.2, 0.03]


def latent(seed):
    return torch.randn((2, 4, 8, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def run(trace=None, **settings):
    """The states of a run in which the model sees x / 2 in every state, and the mixer."""
    mixer = Mixer(MixingSettings(**settings), latent(1), latent(2), steps=len(LEVELS), trace=trace)
    x, states = latent(0) * LEVELS[0], []
    for step, level in enumerate(LEVELS):
        x = mixer.begin(x, step, level)
        if trace is not None:
            trace.record(step, DENOISED, x / 2)
        states.append(x.clone())
        x = 0.6 * x
    return [*states, mixer.end(x)], mixer


@pytest.mark.parametrize("timing", ["start of step", "end of step (node pack)"])
@pytest.mark.parametrize("blend", BLENDS)
def test_a_run_that_is_looked_at_has_the_same_bits(blend, timing):
    without, _ = run(blend=blend, timing=timing)
    looked, _ = run(Trace(3, len(LEVELS)), blend=blend, timing=timing)
    assert all(torch.equal(a, b) for a, b in zip(without, looked))


def test_what_is_seen_is_what_was_mixed_divided_by_the_spread():
    states, mixer = run(Trace(6, 6), blend="linear")
    for step, level in enumerate(LEVELS):
        traced, std = mixer.trace.traced[step], (1.0 + level**2) ** 0.5
        z = (latent(1) + level * latent(2)).float() / std
        before = (states[step - 1] * 0.6 if step else latent(0) * LEVELS[0]).float() / std
        assert_close(traced.latents[REFERENCE], z)
        assert_close(traced.latents[STATE], before)
        assert_close(traced.latents[MIXED], states[step].float() / std)
        assert_close(traced.latents[DENOISED], states[step].float() / 2)
        assert (traced.level, traced.std) == (level, pytest.approx(std))
        weight = mixer.report.weights[step]
        assert_close(traced.latents[MIXED], (1 - weight) * before + weight * z)


def test_the_statistics_are_those_of_each_image():
    _, mixer = run(Trace(1, 6))
    for traced in mixer.trace.traced.values():
        for values in traced.statistics.values():
            assert values.shape == (2, 2)
    first = mixer.trace.traced[0]
    flat = first.latents[MIXED].flatten(1)
    assert_close(first.statistics[MIXED], torch.stack([flat.mean(1), flat.std(1)], 1))
    assert [step for step, traced in mixer.trace.traced.items() if traced.latents] == [0]


def test_a_step_that_is_mixed_at_its_end_keeps_what_the_model_saw_in_it():
    states, mixer = run(Trace(6, 6), timing="end of step (node pack)")
    assert sorted(mixer.trace.traced) == list(range(6))
    for step in range(6):
        assert_close(mixer.trace.traced[step].latents[DENOISED], states[step].float() / 2)


def test_a_step_of_weight_0_has_a_state_and_no_reference():
    _, mixer = run(Trace(6, 6), clamp=0.5)
    seen = [set(traced.latents) for traced in mixer.trace.traced.values()]
    assert {STATE, REFERENCE, MIXED, DENOISED} in seen and seen[-1] == {STATE, DENOISED}


@pytest.mark.parametrize("count, steps, kept", [
    (3, 11, [0, 5, 10]), (2, 20, [0, 19]), (1, 20, [0]), (5, 3, [0, 1, 2]), (4, 4, [0, 1, 2, 3]), (3, 0, [0, 1, 2]),
    (1000, 100, [round(i * 99 / 19) for i in range(20)]),
])  # fmt: skip
def test_steps_are_kept_evenly_from_the_first_to_the_last(count, steps, kept):
    trace = Trace(count, steps)
    assert [step for step in range(steps or 100) if trace.is_kept(step)] == kept


def test_a_fault_in_looking_ends_the_looking_alone():
    trace = Trace(3, 6)
    trace.begin(0, 1.0, 1.0)
    trace.record(0, STATE, torch.zeros(()))  # no image in it
    assert trace.fault is not None
    trace.record(0, MIXED, latent(0))
    assert trace.traced[0].latents == {}
    states, mixer = run(trace)
    assert torch.equal(states[-1], run()[0][-1]) and len(mixer.report.weights) == 6
