"""Faults in a sequence on a real WebUI: the frames that are finished come out, or the host's own error does."""

from __future__ import annotations

import urllib.error

import pytest

from tests.hosts.test_faults_on_a_host import (  # noqa: F401
    TEXT,
    break_at,
    calls,
    disturb,
    nothing_is_left,
    right,
)

pytestmark = pytest.mark.real_host

FRAMES, STEPS = 4, 3
SETTINGS = {"frames": FRAMES, "prompts": "0: a cat\n2: a dog", "travel": "slerp", "video_format": "webp"}


def sequence(host, tab="txt2img", settings=(), **body):
    """The frames alone, without the grid in front of them."""
    body = {"steps": STEPS, "seed": 5, **body}
    made = host.generate(tab, script_name="latent sequence", script_args=[{**SETTINGS, **dict(settings)}], **body)
    return made, made.pictures[1:] if len(made.pictures) > 1 else made.pictures


AFTERWARDS = [
    "itermix.media.save_film", "itermix.media.save_frame", "itermix.media.new_folder",
    "itermix.webui.sequence_run.Sequence._write_video", "itermix.webui.sequence_run.Sequence._add_grid",
    "itermix.webui.sequence_run.Sequence.keep",
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
    ("itermix.webui.sequence_host.WebUIHost.sample", 0, 0),
    ("itermix.webui.sequence_host.WebUIHost.sample", 2, 2),
    ("itermix.webui.sequence_host.WebUIHost.sample", FRAMES - 1, FRAMES - 1),
    ("itermix.webui.sequence_host.WebUIHost.encode", 0, 0),
    ("itermix.webui.sequence_host.WebUIHost._later", 0, 1),
    ("itermix.webui.sequence_host.WebUIHost._conditionings", 1, 1),
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


@pytest.mark.parametrize("passes", range(FRAMES))
@pytest.mark.parametrize("how", ["interrupt", "error"])
def test_stopped_in_any_frame_the_finished_ones_come_out(host, how, passes):
    disturb(host, how, 1, passes)
    mark = len(host.log)
    if passes == 0:
        try:
            assert len(sequence(host)[1]) <= 1
        except urllib.error.HTTPError as error:
            assert error.code == 500
    else:
        assert len(sequence(host)[1]) == passes
    assert how == "interrupt" or TEXT in host.log[mark:]


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
