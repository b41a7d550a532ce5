"""Values over time on the fake host: what a frame is sampled with, and what its infotext says."""

from __future__ import annotations

import pytest

from tests.webui.test_sequence import QUIET, frames_of, quiet, same, sequence, texts_of  # noqa: F401

MIXED = {"mixing": {"enabled": True, "alpha_1": 0.5}}
HELD = {**QUIET, "mixing_reference": "previous frame"}


def test_a_constant_schedule_of_cfg_makes_the_same_pictures(fake):
    plain = sequence(fake, QUIET, cfg_scale=5.0)
    assert same(frames_of(plain), frames_of(sequence(fake, {**QUIET, "cfg_schedule": "0:(5), 2:(5)"}, cfg_scale=5.0)))
    assert not same(frames_of(plain), frames_of(sequence(fake, {**QUIET, "cfg_schedule": "6"}, cfg_scale=5.0)))


@pytest.mark.parametrize("unsample", [False, True])
def test_each_frame_is_sampled_with_its_own_cfg_and_says_so(fake, unsample):
    made = sequence(fake, {**QUIET, "unsample": unsample, "cfg_schedule": "0:(2), 2:(6)"}, cfg_scale=9.0)
    assert [float(text.split("CFG scale: ")[1].split(",")[0]) for text in texts_of(made)] == [2.0, 4.0, 6.0]
    assert same(frames_of(made)[:1], fake.generate("txt2img", cfg_scale=2.0).pictures)
    others = sequence(fake, {**QUIET, "unsample": unsample, "cfg_schedule": "0:(2), 1:(4), 2:(4)"}, cfg_scale=3.0)
    assert same(frames_of(made)[:2], frames_of(others)[:2]), "by the schedule alone, not by the host's own"
    if not unsample:  # there and back with one and the same CFG scale is the frame before again
        assert not same(frames_of(made)[2:], frames_of(others)[2:])


def test_a_constant_schedule_of_alpha_1_makes_the_same_pictures_and_another_others(fake):
    plain = frames_of(sequence(fake, HELD, **MIXED))
    assert not same(plain, frames_of(sequence(fake, HELD))), "it is mixed"
    assert same(plain, frames_of(sequence(fake, {**HELD, "alpha_1_schedule": "0.5"}, **MIXED)))
    falling = frames_of(sequence(fake, {**HELD, "alpha_1_schedule": "0:(0.5), 1:(0.5), 2:(3)"}, **MIXED))
    assert same(plain[:2], falling[:2]) and not same(plain[2:], falling[2:])


def test_a_schedule_without_a_value_for_this_seed_is_refused_and_the_plain_picture_made(fake):
    made = sequence(fake, {**QUIET, "denoise_schedule": "s"}, seed=7)
    assert "denoise_schedule: 7 in frame 0 is not allowed" in made.infotexts[0]
    assert same(made.pictures, fake.generate("txt2img", seed=7).pictures)
