"""Faults in a sequence on a real WebUI: the frames that are finished come out, or the host's own error does."""

from __future__ import annotations

import urllib.error

import numpy as np
import pytest

from tests.hosts.faults import (  # noqa: F401
    HIRES,
    TEXT,
    break_at,
    calls,
    disturb,
    nothing_is_left,
    right,
)
from tests.hosts.test_faults_on_a_host import second_checkpoint  # noqa: F401
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

FRAMES, STEPS = 4, 3
SAVED = {"save_images": True, "override_settings": {"samples_save": True}}
SETTINGS = {"frames": FRAMES, "prompts": "0: a cat\n2: a dog", "travel": "slerp", "video_format": "webp"}


def sequence(host, tab="txt2img", settings=(), **body):
    """The frames alone, without the grid in front of them."""
    body = {"steps": STEPS, "seed": 5, **SAVED, **body}
    made = host.generate(tab, script_name="latent sequence", script_args=[{**SETTINGS, **dict(settings)}], **body)
    return made, made.pictures[1:] if len(made.pictures) > 1 else made.pictures


AFTERWARDS = [
    "itermix.pictures.films.save_film", "itermix.webui.compat.pictures.save_frame",
    "itermix.pictures.frames.new_folder",
    "itermix.webui.sequence.results.Results._write_video", "itermix.webui.sequence.results.Results._add_grid",
    "itermix.webui.sequence.results.Results.keep",
]  # fmt: skip


@pytest.mark.parametrize("error, point", [
    *((error, point) for error in ("RuntimeError", "OSError") for point in AFTERWARDS),
    ("OSError", "os.fsync"),  # of the state that a sequence goes on from
])  # fmt: skip
def test_what_is_written_beside_the_frames_costs_no_frame(host, error, point):
    break_at(host, point, 0, error)
    mark = len(host.log)
    made, _ = sequence(host)
    assert calls(host) > 0 and TEXT in host.log[mark:]
    frames = [picture for picture in made.pictures if picture.shape == (64, 64, 3)]
    assert len(frames) == FRAMES


@pytest.mark.parametrize("point, at, finished", [
    ("itermix.webui.sequence.host.WebUIHost.sample", 0, 0),
    ("itermix.webui.sequence.host.WebUIHost.sample", 2, 2),
    ("itermix.webui.sequence.host.WebUIHost.sample", FRAMES - 1, FRAMES - 1),
    ("itermix.webui.sequence.host.WebUIHost.encode", 0, 0),
    ("itermix.webui.sequence.host.WebUIHost._later", 0, 1),
    ("itermix.webui.sequence.host.WebUIHost._conditionings", 1, 1),
])  # fmt: skip
def test_a_fault_in_a_frame_gives_the_frames_before_it(host, point, at, finished):
    break_at(host, point, at, "OutOfMemoryError")
    mark = len(host.log)
    if finished:
        _, frames = sequence(host)
        assert len(frames) == finished and f"stopped by OutOfMemoryError: {TEXT}" in host.log[mark:]
    else:
        with pytest.raises(urllib.error.HTTPError) as refused:
            sequence(host)
        assert refused.value.code == 500 and TEXT in host.log[mark:]


@pytest.fixture(scope="module")
def whole(host, right):  # noqa: F811
    """The frames of a run that nothing disturbs."""
    host.arm(network="gaussian")
    return sequence(host)[1]


@pytest.mark.parametrize("passes", range(1, FRAMES))
@pytest.mark.parametrize("how", ["interrupt", "error"])
def test_stopped_in_a_later_frame_the_finished_ones_come_out(host, whole, how, passes):
    disturb(host, how, 1, passes)
    mark = len(host.log)
    assert same(sequence(host)[1], whole[:passes])
    assert how == "interrupt" or TEXT in host.log[mark:]


def test_an_error_in_the_first_frame_is_the_hosts_answer(host):
    disturb(host, "error", 1)
    mark = len(host.log)
    with pytest.raises(urllib.error.HTTPError) as refused:
        sequence(host)
    assert refused.value.code == 500 and TEXT in host.log[mark:]


@pytest.mark.parametrize("how", ["interrupt", "skip"])
@pytest.mark.parametrize("body", [{}, HIRES], ids=["plain", "hires"])
def test_interrupted_in_the_first_frame_what_there_is_of_it_comes_out(host, whole, how, body):
    """As of any picture of the host; a skipped one is left out, and the frame after it is the first."""
    disturb(host, how, 1)
    made, frames = sequence(host, **body)
    if how == "interrupt":
        assert len(made.pictures) == 1 and made.pictures[0].std() > 0
        assert "stopped before its first frame was finished" in made.log[-2] and f"0 of {FRAMES} frames" in made.log[-1]
    else:
        assert len(frames) == FRAMES - 1 and all(frame.shape == frames[0].shape for frame in frames)
        assert f"{FRAMES - 1} of {FRAMES} frames" in made.log[-1]


@pytest.mark.parametrize("passes", range(FRAMES))
def test_the_pages_interrupt_lets_the_frame_under_way_be_finished(host, whole, passes):
    disturb(host, "stop", 1, passes)
    made, frames = sequence(host)
    assert same(frames, whole[: passes + 1])
    assert f"{passes + 1} of {FRAMES} frames" in made.log[-1]


@pytest.mark.parametrize("how", ["interrupt", "error"])
def test_stopped_in_the_first_frame_of_a_second_sequence_the_first_one_comes_out(host, whole, how):
    disturb(host, how, 1, passes=FRAMES)
    made, frames = sequence(host, n_iter=2)
    assert same(frames, whole)
    assert any("stopped" in line for line in made.log) and (how == "interrupt" or any(TEXT in s for s in made.log))


def test_a_refiner_is_left_out_and_said(host, whole, second_checkpoint):  # noqa: F811
    made, frames = sequence(host, refiner_checkpoint=second_checkpoint, refiner_switch_at=0.5)
    assert same(frames, whole) and "Refiner" not in made.infotexts[-1]
    assert sum("the refiner is left out" in line for line in made.log) == 1


def test_two_init_images_of_a_batch_of_four_are_a_batch_of_two(host, picture):
    pictures = [as_base64(picture), as_base64(picture.transpose(0))]
    two, four = (
        sequence(host, "img2img", init_images=pictures, denoising_strength=0.7, batch_size=size)[0] for size in (2, 4)
    )
    assert len(two.pictures) == 2 * FRAMES + 1 and two.same_as(four)
    assert two.info["all_seeds"] == four.info["all_seeds"] == [5 + n for k in range(FRAMES) for n in (k, k + 1)]
    assert two.infotexts == four.infotexts


def same(frames, others):
    return len(frames) == len(others) and all(np.array_equal(a, b) for a, b in zip(frames, others))


@pytest.mark.parametrize("passes", [0, 2])
def test_mixing_inside_of_a_sequence_that_breaks_leaves_nothing(host, passes):
    disturb(host, "error", 1, passes)
    settings = {"mixing_reference": "previous frame"}
    body = {"alwayson_scripts": {"Iterative Mixing": {"args": [{"enabled": True}]}}}
    if passes:
        assert len(sequence(host, settings=settings, **body)[1]) == passes
    else:
        with pytest.raises(urllib.error.HTTPError):
            sequence(host, settings=settings, **body)
