"""Rewind in a WebUI: each run that goes back begins from the result at that step's level, whatever the sampler."""

import re

import pytest
import torch
from torch.testing import assert_close

from tests.webui.fake_sampling import Denoiser, Sampler
from tools.real_host import as_base64

HELD = {"rewind": True, "minimum": 1, "maximum": 1, "blend": "linear"}  # weight 1: every state is the reference's
SAMPLERS = ["Euler", "Euler a", "Heun", "DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "LMS", "LCM", "DDIM", "PLMS"]


@pytest.fixture
def evaluations(monkeypatch):
    """(the host's own count, level, state) of each evaluation, in order."""
    found, forward = [], Denoiser.forward

    def watched(self, x, sigma, **more):
        found.append((self.step, float(sigma[0]), x.clone()))
        return forward(self, x, sigma, **more)

    monkeypatch.setattr(Denoiser, "forward", watched)
    return found


def body(picture, sampler="Euler", **more):
    return dict(init_images=[as_base64(picture)], denoising_strength=0.95, steps=20, sampler_name=sampler, **more)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_runs_go_back_to_the_levels_of_their_steps_and_to_the_hosts_count(fake, evaluations, picture, sampler):
    made = fake.generate("img2img", HELD, **body(picture, sampler))
    back = [i for i in range(1, len(evaluations)) if evaluations[i][0] < evaluations[i - 1][0]]
    assert len(back) == 2, made.log
    for i in back:
        (first,) = [j for j in range(back[0]) if evaluations[j][0] == evaluations[i][0]]
        assert evaluations[i][1] == evaluations[first][1]
    told = re.search(r"mixed (\d+) of (\d+) steps, weight 1.000 to 1.000, then again from step \d+, \d+", made.log[-1])
    assert told and told[1] == told[2], made.log


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_run_is_mixed_with_the_result_before_it_and_nothing_else(fake, evaluations, picture, sampler, monkeypatch):
    """Of weight 1: the state that it begins with is that of its own noise, to the bit of the arithmetic."""
    from itermix.mixing import rewind

    begun, rewound = [], rewind.rewound

    def watched(*given):
        mixer, state = rewound(*given)
        begun.append(state.clone())
        return mixer, state

    monkeypatch.setattr(rewind, "rewound", watched)
    fake.generate("img2img", HELD, **body(picture, sampler))
    back = [i for i in range(1, len(evaluations)) if evaluations[i][0] < evaluations[i - 1][0]]
    for i, state in zip(back, begun):
        assert_close(evaluations[i][2], state, rtol=0, atol=1e-5)


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DDIM"])
def test_a_run_begins_from_the_result_noised_anew(fake, evaluations, picture, sampler):
    """Noised by the level, so that what is left of it without the result is unit noise that no run has had."""
    fake.generate("img2img", {**HELD, "minimum": 0.0, "maximum": 0.0001}, **body(picture, sampler))
    back = [i for i in range(1, len(evaluations)) if evaluations[i][0] < evaluations[i - 1][0]]
    states = [evaluations[i][2] for i in back]
    first = [evaluations[j][2] for i in back for j in range(back[0]) if evaluations[j][0] == evaluations[i][0]]
    assert all(not torch.allclose(a, b, atol=0.1) for a, b in zip(states, first))
    assert not torch.allclose(*states, atol=0.1)


def test_switched_off_nothing_is_sampled_again_and_no_bit_changes(fake, results, evaluations, picture):
    for mixing in ({}, {"rewind": False, "rewind_min": 0.3}):
        torch.manual_seed(0)  # of the encoder's draw
        fake.generate("img2img", mixing, **body(picture))
    assert torch.equal(*results) and len(evaluations) == 2 * 20


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M SDE", "DDIM"])
def test_an_image_of_a_batch_is_the_image_alone(fake, results, sampler):
    hires = dict(enable_hr=True, denoising_strength=0.9, steps=20, sampler_name=sampler)
    mixing = {"rewind": True, "hires_reference": "latent"}  # a picture's rounding is not alike in a batch
    fake.generate("txt2img", mixing, seed=7, batch_size=2, **hires)
    fake.generate("txt2img", mixing, seed=8, **hires)
    assert_close(results[1][1:], results[3], rtol=0, atol=1e-5)


def test_the_same_request_gives_the_same_picture(fake, results, picture):
    for _ in range(2):
        torch.manual_seed(0)
        fake.generate("img2img", {"rewind": True}, **body(picture, "DPM++ SDE"))
    assert torch.equal(*results)


@pytest.mark.parametrize("sampler", ["UniPC", "DPM adaptive"])
def test_a_sampler_that_cannot_go_back_is_refused_by_name(fake, results, picture, sampler):
    torch.manual_seed(0)
    made = fake.generate("img2img", {"rewind": True}, **body(picture, sampler))
    torch.manual_seed(0)
    fake.generate("img2img", **body(picture, sampler))
    assert any(f'the sampler "{sampler}" cannot rewind' in line for line in made.log), made.log
    assert torch.equal(*results) and "Iterative Mixing not done" in made.infotexts[0]


def test_a_fault_in_going_back_leaves_the_first_result(fake, results, picture, monkeypatch):
    from itermix.mixing import rewind

    torch.manual_seed(0)
    fake.generate("img2img", {}, **body(picture))
    monkeypatch.setattr(rewind, "rewound", lambda *given: 1 / 0)
    torch.manual_seed(0)
    made = fake.generate("img2img", {"rewind": True}, **body(picture))
    assert torch.equal(*results)
    assert any("ZeroDivisionError" in line for line in made.log), made.log


def test_an_interrupt_ends_the_going_back(fake, evaluations, picture):
    from modules import shared

    made = []
    interrupt = lambda self, d: made.append(d["i"]) or setattr(shared.state, "interrupted", d["i"] == 19)  # noqa: E731
    original, Sampler.callback_state = Sampler.callback_state, interrupt
    try:
        fake.generate("img2img", {"rewind": True}, **body(picture))
    finally:
        Sampler.callback_state, shared.state.interrupted = original, False
    assert len(evaluations) == 20


def test_the_hosts_callback_is_told_the_steps_of_the_whole_pass(fake, picture):
    told = []
    original, Sampler.callback_state = Sampler.callback_state, lambda self, d: told.append(d["i"])
    try:
        fake.generate("img2img", {"rewind": True}, **body(picture))
    finally:
        Sampler.callback_state = original
    assert told == [*range(20), *range(10, 20), *range(15, 20)]
