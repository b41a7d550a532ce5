"""Camera and closed loops on the fake host: what changes, what does not, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.webui.test_sequence import QUIET, frames_of, quiet, same, sequence, texts_of  # noqa: F401

REST = {"zoom_schedule": "0:(1), 2:(1.0)", "pan_x_schedule": "0", "pan_y_schedule": "0:(0)", "rotation_schedule": "0*t"}
AWAY = {"zoom_schedule": "1.3", "rotation_schedule": "10"}


@pytest.mark.parametrize("unsample", [False, True])
def test_a_camera_at_rest_makes_the_same_pictures_and_one_that_moves_others(fake, unsample):
    settings = {**QUIET, "unsample": unsample}
    plain = frames_of(sequence(fake, settings))
    assert same(plain, frames_of(sequence(fake, {**settings, **REST})))
    moved = frames_of(sequence(fake, {**settings, **AWAY}))
    assert same(plain[:1], moved[:1]) and not same(plain[1:2], moved[1:2])


def test_a_closed_loop_begins_as_an_open_one_and_comes_back(fake):
    opened, closed = (
        frames_of(sequence(fake, {**QUIET, **AWAY, "frames": 6, "close_loop": on})) for on in (False, True)
    )
    seams = [np.abs(frames[-1].astype(float) - frames[0]).mean() for frames in (opened, closed)]
    assert same(opened[:3], closed[:3])
    assert seams[1] < seams[0]


def test_the_infotext_has_the_camera_and_the_loop(fake):
    text = texts_of(sequence(fake, {**QUIET, **AWAY, "close_loop": True, "border_noise": 0.2}))[-1]
    for written in ("zoom_schedule", "rotation_schedule", "close_loop", "border_noise"):
        assert written in text


@pytest.mark.parametrize(
    "wrong, message",
    [({"zoom_schedule": "0:(1), 2:(9)"}, "zoom_schedule: 5 in frame 1 is not allowed"),
     ({"pan_x_schedule": "half"}, "pan_x_schedule: "), ({"border_noise": 2}, "border_noise: 2 is not allowed"),
     ({"close_loop": True, "ping_pong": True}, "close_loop: it is not allowed together with ping_pong")],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_field_and_the_plain_picture_made(fake, wrong, message):
    made = sequence(fake, {**QUIET, **wrong}, seed=7)
    assert message in made.infotexts[0]
    assert same(made.pictures, fake.generate("txt2img", seed=7).pictures)
