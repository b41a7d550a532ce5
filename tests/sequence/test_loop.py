"""A closed loop: the step from the last frame to the first one is none too many. On a sampler in closed form."""

import pytest
import torch

from itermix.sequence import state
from itermix.sequence.loop import distance, drawn_back
from itermix.sequence.plan import overview, plan
from itermix.sequence.run import run
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError
from tests.sequence.hosts import Gaussian

Settings = SequenceSettings
ROUNDING = 1e-9  # of a length


def made(host=None, file=None, seed=5, **values):
    settings = Settings(**{"close_loop": True, **values})
    host = host or Gaussian()
    report = run(host, settings, plan(settings, seed, "own"), None, file)
    return host, report


def steps(host):
    """Of each image, the lengths of all steps from frame to frame, and of the one from the last frame to the first."""
    frames = [host.emitted[index] for index in sorted(host.emitted)]
    between = torch.stack([distance(a, b) for a, b in zip(frames, frames[1:])])
    return between, distance(frames[-1], frames[0])


CASES = {
    "walk of new seeds": dict(denoise_seq=0.5, frames=9),
    "little denoise": dict(denoise_seq=0.25, frames=12),
    "much denoise": dict(denoise_seq=0.9, frames=7),
    "prompts that go away": dict(denoise_seq=0.5, frames=10, prompts="0: red\n9: a much longer green apple"),
    "the same seed": dict(denoise_seq=1.0, seed_mode="fixed", frames=8, prompts="0: red\n4: green apple"),
    "faster and faster": dict(frames=9, denoise_schedule="0:(0.1), max_f:(1)"),
    "slower and slower": dict(frames=9, denoise_schedule="0:(1), max_f:(0.2)"),
    "a camera": dict(frames=9, denoise_seq=0.3, zoom_schedule="1.2", rotation_schedule="20"),
    "colours held": dict(frames=9, colour_anchor=0.7),
    "three frames": dict(frames=3),
    "two frames": dict(frames=2),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", [5, 6])
def test_the_last_step_is_not_longer_than_the_others(case, seed):
    between, last = steps(made(seed=seed, **CASES[case])[0])
    assert (last <= between.mean(dim=0) * (1 + ROUNDING)).all()
    assert (last <= between.amax(dim=0) * (1 + ROUNDING)).all()


def test_without_it_the_last_step_is_longer():
    """So the test above can fail: a camera goes away, and so do prompts."""
    for case in ("a camera", "prompts that go away", "faster and faster"):
        between, last = steps(made(close_loop=False, **CASES[case])[0])
        assert (last > between.mean(dim=0)).all()


def test_each_image_of_a_batch_closes_its_own_loop():
    between, last = steps(made(Gaussian(batch=3), **CASES["a camera"])[0])
    assert last.shape == (3,) and (last <= between.mean(dim=0) * (1 + ROUNDING)).all()


def test_a_frame_that_is_near_enough_is_left_as_it_is_to_the_bit():
    first = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    near, path = first + 0.01, torch.tensor([100.0])
    assert torch.equal(drawn_back(near, near, first, path, 5, 9), near)
    far = drawn_back(first + 50.0, first + 40.0, first, path, 5, 9)  # 4 frames are left, at a pace of 25
    assert float(distance(far, first)) == pytest.approx(100.0)


def test_the_first_half_of_a_walk_is_that_of_an_open_one():
    """What the frames that are left can go is far more."""
    (closed, _), (opened, _) = (made(close_loop=on, denoise_seq=0.5, frames=9) for on in (True, False))
    assert all(torch.equal(closed.emitted[k], opened.emitted[k]) for k in range(5))


def test_a_resumed_loop_has_the_frames_of_one_go(tmp_path):
    values = dict(denoise_seq=0.3, frames=9, zoom_schedule="1.2", border_noise=0.5)
    whole, _ = made(**values)
    made(Gaussian(stop_after=5), tmp_path / "s", **values)
    resumed, report = made(Gaussian(), tmp_path / "s", resume=True, **values)
    assert report.first == 6
    assert all(torch.equal(resumed.emitted[k], whole.emitted[k]) for k in range(6, 9))


@pytest.mark.parametrize("changed", [dict(close_loop=False), dict(border_noise=0.4), dict(zoom_schedule="1.1")])
def test_a_sequence_of_another_loop_or_camera_is_not_resumed(tmp_path, changed):
    values = dict(frames=6, zoom_schedule="1.2", border_noise=0.5)
    made(Gaussian(stop_after=3), tmp_path / "s", **values)
    with pytest.raises(state.StateError, match="is of another sequence"):
        made(Gaussian(), tmp_path / "s", resume=True, **{**values, **changed})


# --- its prompts


def test_the_prompts_travel_back_from_the_last_keyframe_and_arrive_behind_the_last_frame():
    frames = plan(Settings(frames=8, prompts="0: a cat\n4: a dog", close_loop=True), 0)
    assert [str(frame.positive) for frame in frames[3:]] == [
        "a cat -> a dog (75%)", "a dog", "a dog -> a cat (25%)", "a dog -> a cat (50%)", "a dog -> a cat (75%)",
    ]  # fmt: skip
    assert frames[4].keyframe and not frames[7].keyframe


def test_the_hosts_own_prompt_is_gone_back_to_where_frame_0_has_none():
    frames = plan(Settings(frames=4, prompts="2: a dog", close_loop=True), 0, "a cat", "blurry")
    assert str(frames[3].positive) == "a dog -> a cat (50%)"
    assert str(frames[3].negative) == "blurry"


def test_a_keyframe_behind_the_end_gives_way_to_the_way_back():
    prompts = '{"0": "a cat", "2": "a dog", "50": "a bird"}'
    frames = plan(Settings(frames=4, prompts=prompts, travel="linear", close_loop=True), 0)
    assert str(frames[3].positive) == "a dog -> a cat (50%)"


def test_without_travel_the_prompts_hold():
    frames = plan(Settings(frames=4, prompts="0: a cat\n2: a dog", travel="off", close_loop=True), 0)
    assert [str(frame.positive) for frame in frames] == ["a cat", "a cat", "a dog", "a dog"]


def test_the_plan_says_that_the_loop_is_closed():
    shown = overview(Settings(frames=8, prompts="0: a cat\n4: a dog", close_loop=True), 0)
    assert shown["messages"] == [
        "The loop is closed: the last frames are drawn back to frame 0; the prompts travel back from frame 4 on"
    ]
    shown = overview(Settings(frames=8, close_loop=True), 0)
    assert shown["messages"] == ["The loop is closed: the last frames are drawn back to frame 0"]


def test_a_loop_that_also_runs_backwards_is_refused():
    with pytest.raises(SettingsError, match="^close_loop: it is not allowed together with ping_pong"):
        Settings(close_loop=True, ping_pong=True)
