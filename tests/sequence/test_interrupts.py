"""Cut anywhere, a sequence goes on with the same frames, loses none that is finished, and holds no more memory."""

import errno
import os
import tracemalloc
import weakref

import pytest
import torch

from itermix.sequence import state
from itermix.sequence.plan import plan
from itermix.sequence.run import run
from itermix.sequence.settings import SequenceSettings
from itermix.sequence.state import StateError
from tests.sequence.hosts import Gaussian

FRAMES = 7
INIT = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
KEYED = dict(prompts="0: red\n3: green apple\n6: b")
OPTIONS = {
    "plain": {},
    "anchor": dict(colour_anchor=0.7),
    "unsample": dict(unsample=True, **KEYED),
    "inject": dict(inject_noise=True, seed_mode="random"),
    "travel": dict(travel="slerp", **KEYED),
    "step": dict(conditioning_slerp=True, **KEYED),
    "ping-pong": dict(ping_pong=True, latent_interpolation="cosine"),
    "all": dict(
        unsample=True, inject_noise=True, colour_anchor=0.3, travel="linear", latent_interpolation="slerp", **KEYED
    ),
}


def made(host=None, file=None, frames=FRAMES, **values):
    settings = SequenceSettings(frames=frames, **values)
    host = host or Gaussian()
    return host, run(host, settings, plan(settings, 5, "own"), INIT, file)


@pytest.mark.parametrize("name", OPTIONS)
def test_cut_at_any_frame_it_goes_on_with_the_same_frames(tmp_path, name):
    whole, _ = made(**OPTIONS[name])
    for stop in range(1, FRAMES):
        file = tmp_path / f"state{stop}"
        begun, report = made(Gaussian(stop_at=stop), file, **OPTIONS[name])
        rest, _ = made(None, file, resume=True, **OPTIONS[name])
        assert report.interrupted and sorted(begun.emitted) == list(range(stop))
        assert sorted(rest.emitted) == list(range(stop, FRAMES))
        for index, latent in {**begun.emitted, **rest.emitted}.items():
            assert torch.equal(latent, whole.emitted[index]), (name, stop, index)


def test_cut_twice_and_with_a_skip_between(tmp_path):
    whole, _ = made(Gaussian(skip=[2]), **OPTIONS["all"])
    one, _ = made(Gaussian(skip=[2], stop_at=3), tmp_path / "s", **OPTIONS["all"])
    two, _ = made(Gaussian(stop_at=5), tmp_path / "s", resume=True, **OPTIONS["all"])
    three, _ = made(None, tmp_path / "s", resume=True, **OPTIONS["all"])
    joined = {**one.emitted, **two.emitted, **three.emitted}
    assert sorted(joined) == sorted(whole.emitted) == [0, 1, 3, 4, 5, 6]
    assert all(torch.equal(joined[index], whole.emitted[index]) for index in joined)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda data: data[: len(data) // 2], "is cut short or damaged; start a new sequence"),
        (lambda data: b"PK\x03\x04" + data, "is no saved sequence; start a new one"),
        (
            lambda data: data.replace(f'"version": {state.VERSION}'.encode(), b'"version": 7'),
            "is from a newer itermix .version 7.; update",
        ),
        (
            lambda data: data.replace(f'"version": {state.VERSION}'.encode(), b'"version": 1'),
            "is from an older itermix .version 1.; start",
        ),
        (lambda data: data.replace(b'"next": 3', b'"next": 5'), "is cut short or damaged; start a new sequence"),
        (lambda data: data + b"\0", "is cut short or damaged; start a new sequence"),
    ],
)
def test_a_run_refuses_a_bad_file_and_makes_no_frame(tmp_path, damage, message):
    file = tmp_path / "state"
    made(Gaussian(stop_at=3), file)
    file.write_bytes(damage(file.read_bytes()))
    host = Gaussian()
    with pytest.raises(StateError, match=message) as refused:
        made(host, file, resume=True)
    assert str(file) in str(refused.value) and not host.jobs


def test_a_small_file_that_says_it_is_large_takes_no_memory(tmp_path):
    file = tmp_path / "state"
    made(Gaussian(stop_at=3), file)
    data = file.read_bytes()
    assert data.count(b"[1, 4, 8, 8]") == 3  # with the latent that it began with
    head, rest = data[: len(state.MAGIC)], data[len(state.MAGIC) + 8 :]
    text, payload = rest[: rest.index(b"}") + 1], rest[rest.index(b"}") + 1 :]
    text = text.replace(b"[1, 4, 8, 8]", b"[1, 4, 8192, 4096]")  # 1 GB each
    file.write_bytes(head + len(text).to_bytes(8, "big") + text + payload)
    tracemalloc.start()
    try:
        with pytest.raises(StateError, match="is cut short or damaged"):
            state.load(file)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_disk_that_is_full_from_frame_3_on_costs_the_resuming_and_no_frame(tmp_path, monkeypatch):
    """One message with the file and the reason; the state of the frames before is still whole."""
    file, sync, saved = tmp_path / "state", os.fsync, []

    def filling(descriptor):
        saved.append(descriptor)
        if len(saved) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", filling)
    host, report = made(file=file)
    whole, _ = made()
    assert report.emitted == sorted(host.emitted) == list(range(FRAMES))
    assert all(torch.equal(host.emitted[index], whole.emitted[index]) for index in range(FRAMES))
    assert report.messages == [f"{file} cannot be written: No space left on device; the sequence cannot be resumed"]
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    rest, _ = made(file=file, resume=True)
    assert sorted(rest.emitted) == [3, 4, 5, 6] and torch.equal(rest.emitted[6], whole.emitted[6])


def test_a_disk_that_is_full_for_a_picture_ends_the_run_and_the_frame_comes_again(tmp_path):
    """What `emit` raises goes to the caller as it is; that frame is not taken for finished."""

    class Full(Gaussian):
        def emit(self, job, latent):
            if job.frame.index == 4:
                raise OSError(errno.ENOSPC, "No space left on device", "00004.png")
            super().emit(job, latent)

    host, file = Full(), tmp_path / "state"
    with pytest.raises(OSError, match="No space left on device: '00004.png'"):
        made(host, file)
    assert sorted(host.emitted) == [0, 1, 2, 3]
    rest, whole = made(file=file, resume=True)[0], made()[0]
    assert sorted(rest.emitted) == [4, 5, 6] and torch.equal(rest.emitted[4], whole.emitted[4])


def test_300_frames_hold_a_constant_number_of_latents_and_conditionings(tmp_path):
    """A keyframe every 30 frames, travel between them: what is alive at frame 20 is what is alive at frame 299."""

    class Watched(Gaussian):
        def __init__(self):
            super().__init__(steps=2, size=(4, 8, 8))
            self.latents, self.moved, self.alive = [], [], []

        def noted(self, job):
            self.sampling = job.frame.index
            self.moved += [weakref.ref(job.positive), weakref.ref(job.negative)]

        def sample(self, job, latent, noised):
            made_here = super().sample(job, latent, noised)
            self.latents.append(weakref.ref(made_here))
            return made_here

        def emit(self, job, latent):
            self.alive.append([len({id(r()) for r in refs if r() is not None}) for refs in (self.latents, self.moved)])

    host, report = made(
        Watched(), tmp_path / "state", 300, travel="slerp", prompts="\n".join(f"{30 * i}: p{i}" for i in range(10))
    )
    assert len(report.emitted) == 300
    assert max(latents for latents, _ in host.alive) <= 3  # the first, the one before, this one
    assert max(conditionings for _, conditionings in host.alive) <= 4
    assert sorted(host.encoded) == sorted([*((f"p{i}", False) for i in range(10)), ("", True)])


TAGS = [
    "<lora:x:0.5>, a rose",
    "[a:b:0.5] rose",
    "(a:1.2), (b:0.8)",
    "a AND b:0.7",
    "a BREAK b",
    "[a|b] and {c}",
    "a, b: c, <lora:y:1:0.3>",
]


@pytest.mark.parametrize("prompt", TAGS)
def test_what_the_host_reads_in_a_prompt_goes_to_it_unchanged(prompt):
    """As a line with its number, as a line below it, and in a plain list."""
    host, _ = made(prompts=f"0: {prompt}\n2: z", negative_prompts=f"0: {prompt}")
    assert host.encoded[0] == (prompt, False) and host.encoded[1] == (prompt, True)
    assert str(plan(SequenceSettings(prompts=f"0: z\n {prompt}"))[0].positive) == f"z\n{prompt}"
    assert str(plan(SequenceSettings(prompts=f"{prompt}\nz", keyframes="linear"))[0].positive) == prompt


@pytest.mark.parametrize("line", ["<lora:x:0.5> rose", "[a:b:0.5]", "(a:1.2)", "{a:b}", "a rose: red", "a, b: c"])
def test_a_colon_in_a_line_below_is_no_frame_number(line):
    assert str(plan(SequenceSettings(prompts=f"0: z\n{line}\n5: y", travel="off"))[4].positive) == f"z\n{line}"
