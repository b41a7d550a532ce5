"""Whole sequences on a sampler in closed form (float64)."""

import os
import weakref

import pytest
import torch
from torch.testing import assert_close

from itermix.sequence import state
from itermix.sequence.plan import plan
from itermix.sequence.run import run
from itermix.sequence.settings import SequenceSettings
from itermix.sequence.state import StateError
from tests.sequence.hosts import Gaussian

FULL = dict(
    prompts="0: red\n4: green apple\n7: b",
    travel="slerp",
    latent_interpolation="slerp",
    inject_noise=True,
    colour_anchor=0.5,
    denoise_sine=True,
    seed_mode="random",
    mixing_reference="previous frame",
)
STEPS = dict(prompts="0: red\n3: green\n6: b", conditioning_slerp=True, frames=9)
INIT = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def made(host=None, init=None, file=None, seed=5, **values):
    settings = SequenceSettings(**{"frames": 9, **values})
    host = host or Gaussian()
    report = run(host, settings, plan(settings, seed, "own"), init, file)
    return host, report


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[index], b[index]) for index in a)


@pytest.mark.parametrize(
    "off",
    [{}, dict(prompts="0: own", conditioning_slerp=True, conditioning_slerp_strength=0.0, travel="off"),
     dict(inject_noise=True, noise_strength=0.0), dict(prompts="0: own", travel="slerp")],
)  # fmt: skip
def test_with_all_off_it_is_repeated_img2img_bit_by_bit(off):
    host, _ = made(init=INIT, denoise_start=0.7, **off)
    plain, latent = Gaussian(), INIT
    for job in host.jobs:
        latent = plain.sample(job, latent, noised=False)
        assert torch.equal(host.emitted[job.frame.index], latent)
    assert len(host.emitted) == 9


def test_interpolation_at_0_repeats_the_frame_before_and_at_1_is_the_new_one():
    held, _ = made(latent_interpolation="blend", latent_interpolation_strength=0.0)
    assert torch.equal(held.emitted[8], held.emitted[0])
    free, plain = (made(**v)[0] for v in (dict(latent_interpolation="blend", latent_interpolation_strength=1.0), {}))
    assert_close(free.emitted[8], plain.emitted[8], rtol=0, atol=1e-12)


def test_a_fixed_seed_with_the_colour_anchor_keeps_the_spread_of_the_first_frame():
    """Without, it burns in: as measured of the node, 0.47 becomes 0.73."""
    free, held = (made(frames=12, seed_mode="fixed", colour_anchor=strength)[0] for strength in (0.0, 1.0))
    std = [
        h.emitted[11].std(dim=(2, 3), correction=0) / h.emitted[0].std(dim=(2, 3), correction=0) for h in (free, held)
    ]
    assert float(std[0].mean()) > 1.2
    assert_close(std[1], torch.ones_like(std[1]))


def test_unsampling_and_sampling_again_gives_the_frame_before():
    """The node went one step only, added noise again and cut denoise twice."""
    host, _ = made(init=INIT, denoise_start=0.0, unsample=True, frames=3, prompts="0: own")
    assert_close(host.emitted[2], INIT, rtol=0, atol=1e-9)


def test_unsampling_with_another_prompt_moves_the_frame():
    """Backwards with the old prompt, forwards with the new one: by less than the distance of their two means."""
    host, _ = made(init=INIT, denoise_start=0.0, unsample=True, frames=3, prompts="0: own\n2: much else", travel="off")
    assert_close(host.emitted[1], INIT, rtol=0, atol=1e-9)
    moved, whole = host.emitted[2] - INIT, host.mean(host.jobs[2]) - host.mean(host.jobs[1])
    share = moved / whole
    assert_close(share, share.mean().expand_as(share))
    assert 0.01 < float(share.mean()) < 1.0


def test_every_prompt_is_encoded_once_and_let_go():
    host, _ = made(frames=9, prompts="0: a\n2: b\n4: a\n6: c", travel="linear", negative_prompts="0: a")
    assert sorted(host.encoded) == [("a", False), ("a", True), ("b", False), ("c", False)]


def test_travel_arrives_at_the_goal_itself():
    host, _ = made(prompts="0: a\n4: bb", travel="slerp")
    first, goal = (Gaussian().encode(prompt, False).parts[0].schedule[0][1] for prompt in ("a", "bb"))
    used = [job.positive.parts[0].schedule[0][1] for job in host.jobs]
    assert torch.equal(used[0], first) and all(torch.equal(value, goal) for value in used[4:])
    distances = [float((value - goal).norm()) for value in used[:5]]
    assert distances == sorted(distances, reverse=True) and len(set(distances)) == 5


@pytest.mark.parametrize("settings", [FULL, STEPS, dict(unsample=True, mixing_reference="first frame")])
@pytest.mark.parametrize("stop", [1, 5, 8])
def test_resuming_gives_the_frames_of_one_go(tmp_path, settings, stop):
    whole, _ = made(**settings)
    file = tmp_path / "state"
    begun, report = made(Gaussian(stop_at=stop), file=file, **settings)
    assert report.interrupted and report.next == stop and report.emitted == list(range(stop))
    rest, resumed = made(file=file, resume=True, **settings)
    assert resumed.emitted == list(range(stop, 9)) and not resumed.interrupted
    assert same({**begun.emitted, **rest.emitted}, whole.emitted)


def test_a_finished_sequence_has_nothing_to_resume(tmp_path):
    made(file=tmp_path / "state")
    host, report = made(file=tmp_path / "state", resume=True)
    assert not host.emitted
    assert report.messages == ["nothing to resume: all 9 frames of this sequence are finished"]


@pytest.mark.parametrize("other", [dict(seed=6), dict(denoise_seq=0.4), dict(init=INIT), dict(colour_anchor=0.1)])
def test_another_sequence_is_not_resumed(tmp_path, other):
    made(Gaussian(stop_at=3), file=tmp_path / "state")
    with pytest.raises(StateError, match="is of another sequence"):
        made(file=tmp_path / "state", resume=True, **other)


def test_an_init_latent_that_is_drawn_is_kept_for_the_resumed_run(tmp_path):
    file, settings = tmp_path / "state", dict(mixing_reference="init image")

    def host(**more):
        made_by = Gaussian(**more)
        made_by.init_is_drawn = True
        return made_by

    whole, _ = made(host(), init=INIT, **settings)
    made(host(stop_at=4), file=file, init=INIT, **settings)
    rest, _ = made(host(), file=file, resume=True, init=INIT + 1e-6, **settings)
    assert same(rest.emitted, {k: whole.emitted[k] for k in range(4, 9)})
    assert all(torch.equal(job.reference, INIT) for job in rest.jobs)
    with pytest.raises(StateError, match="is of another sequence"):
        made(host(), file=file, resume=True, **settings)


@pytest.mark.parametrize("stop", range(9))
def test_an_interrupt_that_waits_for_the_frame_under_way_loses_none(tmp_path, stop):
    whole, _ = made(Gaussian())
    begun, report = made(Gaussian(stop_after=stop), file=tmp_path / "state")
    assert report.emitted == list(range(stop + 1)) and report.interrupted == (stop < 8)
    assert all(torch.equal(begun.emitted[k], whole.emitted[k]) for k in range(stop + 1))
    rest, report = made(None, file=tmp_path / "state", resume=True)
    assert report.emitted == list(range(stop + 1, 9))


def test_with_the_first_frame_skipped_the_next_begins_from_noise():
    host, report = made(Gaussian(skip=[0]))
    assert report.skipped == [0] and sorted(host.emitted) == list(range(1, 9))


def test_a_skipped_frame_is_left_out_and_the_one_before_goes_on():
    host, report = made(Gaussian(skip=[3]), init=INIT)
    assert report.skipped == [3] and sorted(host.emitted) == [0, 1, 2, 4, 5, 6, 7, 8]
    again = Gaussian().sample(host.jobs[4], host.emitted[2], noised=False)
    assert torch.equal(host.emitted[4], again)


def test_an_image_is_the_same_alone_and_in_a_batch():
    """Image 1 of the batch has the seeds of a run that begins with the next seed."""
    both, _ = made(Gaussian(batch=2), inject_noise=True, colour_anchor=0.3, latent_interpolation="cosine")
    for image in (0, 1):
        alone, _ = made(seed=5 + image, inject_noise=True, colour_anchor=0.3, latent_interpolation="cosine")
        for index in range(9):
            assert_close(both.emitted[index][image], alone.emitted[index][0], rtol=0, atol=1e-12)


def test_outside_the_mask_the_init_image_stays_in_every_frame():
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    mask[..., 2:5] = 1.0
    host, _ = made(Gaussian(mask=mask), init=INIT, inject_noise=True, colour_anchor=1.0, latent_interpolation="blend")
    outside = (mask == 0.0).expand_as(INIT)
    for latent in host.emitted.values():
        assert torch.equal(latent[outside], INIT[outside])
    assert not torch.equal(host.emitted[8], INIT)


REFERENCES = {
    "previous frame": lambda host, index: host.emitted[index - 1],
    "first frame": lambda host, index: host.emitted[0],
    "init image": lambda host, index: INIT,
}


@pytest.mark.parametrize("name", REFERENCES)
def test_the_reference_for_mixing(name):
    host, _ = made(init=INIT, mixing_reference=name)
    assert host.jobs[0].reference is None
    assert all(torch.equal(job.reference, REFERENCES[name](host, job.frame.index)) for job in host.jobs[1:])


def test_without_mixing_there_is_no_reference():
    assert all(job.reference is None for job in made(init=INIT)[0].jobs)


def test_a_state_that_cannot_be_written_is_one_message_and_all_frames_come(tmp_path):
    (tmp_path / "file").write_text("")
    host, report = made(file=tmp_path / "file" / "state")
    assert len(host.emitted) == 9
    assert len(report.messages) == 1 and "cannot be written" in report.messages[0]


def saved(path):
    first = torch.arange(8.0).reshape(1, 2, 2, 2)
    state.save(path, state.State("abc", 4, first.to(torch.bfloat16), first, torch.zeros(1)))
    return path.read_bytes()


def test_a_state_comes_back_bit_by_bit(tmp_path):
    saved(tmp_path / "s")
    found = state.load(tmp_path / "s")
    assert (found.fingerprint, found.next, found.previous.dtype) == ("abc", 4, torch.bfloat16)
    assert torch.equal(found.first, torch.arange(8.0).reshape(1, 2, 2, 2))


def test_a_state_cut_short_anywhere_or_with_one_byte_changed_is_refused(tmp_path):
    whole = saved(tmp_path / "s")
    broken = [whole[:end] for end in range(0, len(whole), 7)] + [whole + b"x"]
    broken += [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))]  # header and all
    for data in broken:
        (tmp_path / "b").write_bytes(data)
        with pytest.raises(StateError, match="cut short or damaged|no saved sequence|(newer|older) itermix"):
            state.load(tmp_path / "b")


def test_missing_foreign_and_newer_states_say_so(tmp_path):
    with pytest.raises(StateError, match="there is no sequence to resume"):
        state.load(tmp_path / "none")
    torch.save({"a": 1}, tmp_path / "foreign")
    with pytest.raises(StateError, match="is no saved sequence"):
        state.load(tmp_path / "foreign")
    newer = saved(tmp_path / "s").replace(f'"version": {state.VERSION}'.encode(), b'"version": 9')
    (tmp_path / "newer").write_bytes(newer)
    with pytest.raises(StateError, match="is from a newer itermix"):
        state.load(tmp_path / "newer")


def test_a_state_is_replaced_whole(tmp_path, monkeypatch):
    before = saved(tmp_path / "s")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="No space left on device"):
        saved(tmp_path / "s")
    assert (tmp_path / "s").read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["s"]


def test_nothing_is_held_of_frames_and_prompts_that_are_over():
    """A prompt for each of 20 frames: four conditionings at most are alive while a frame is made."""
    alive = []

    class Watched(Gaussian):
        def encode(self, prompt, negative):
            value = super().encode(prompt, negative)
            alive.append(weakref.ref(value))
            return value

        def noted(self, job):
            self.sampling = job.frame.index

        def emit(self, job, latent):
            self.most = max(getattr(self, "most", 0), sum(ref() is not None for ref in alive))

    host, _ = made(Watched(), frames=20, prompts="\n".join(f"{i}: prompt {i}" for i in range(20)), travel="linear")
    assert len(alive) == 21 and host.most <= 4
