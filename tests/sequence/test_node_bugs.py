"""Each bug of the two ComfyUI nodes that is on the list, and the number that shows that it is not here.

The sampler in closed form is Euler on N(mu, 1/4) (`hosts.Gaussian`): the plain sampler gives the right std.
"""

from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from itermix.sequence.conditioning import Conditioning, between
from itermix.sequence.plan import plan
from itermix.sequence.prompts import spaced
from itermix.sequence.run import run
from itermix.sequence.settings import SequenceSettings
from tests.sequence.hosts import Gaussian

FRAMES = 100


def made(host=None, init=None, seed=5, **values):
    settings = SequenceSettings(**{"frames": 9, **values})
    host = host or Gaussian()
    run(host, settings, plan(settings, seed, "own", ""), init)
    return host


def seeds(seed, **values):
    return [frame.seed for frame in plan(SequenceSettings(**{"frames": 6, **values}), seed)]


def residue(host, index):
    """What of a frame is not its mean: the detail that a fade takes away and a burn-in adds."""
    return float((host.emitted[index] - host.mean(host.jobs[index])).std(correction=0))


def plain_residue():
    """Of the plain sampler: 20 pictures, each from its own noise."""
    host = made(frames=20, denoise_seq=1.0)
    return sum(residue(host, index) for index in range(20)) / 20.0


def test_v1_alternating_does_not_ask_whether_3_divides_the_seed():
    for seed in range(12):
        assert seeds(seed, alternate=True) == [seed, seed + 1] * 3


def test_v1_conditioning_travels_and_arrives():
    """The node steps once at the keyframe, by its strength, and stays there."""
    host = made(prompts="0: a\n8: zzz", travel="linear")
    values = [job.positive.parts[0].schedule[0][1] for job in host.jobs]
    for index, value in enumerate(values):
        assert_close(value, torch.lerp(values[0], values[8], index / 8.0))
    assert torch.equal(values[8], Gaussian().encode("zzz", False).parts[0].schedule[0][1])


@pytest.mark.parametrize("method", ["slerp", "linear", "step"])
def test_v1_all_that_a_conditioning_has_travels_also_of_other_token_counts(method):
    def sdxl(tokens, value):
        values = torch.arange(1.0, tokens * 4 + 1).reshape(1, tokens, 4) * value
        return {"crossattn": values, "vector": torch.tensor([[value, 1.0]]), "other": torch.tensor([[3.0, value]])}

    moved = between(Conditioning.of(sdxl(2, 1.0)), Conditioning.of(sdxl(6, -2.0)), 0.75, method)
    value = moved.parts[0].schedule[0][1]
    assert value.keys() == {"crossattn", "vector", "other"} and value["crossattn"].shape == (1, 6, 4)
    for key in value:
        assert bool(value[key].isfinite().all())
        assert not torch.equal(value[key], sdxl(6, -2.0)[key])


def test_v1_before_the_first_keyframe_it_is_the_hosts_prompt():
    frames = plan(SequenceSettings(frames=9, prompts="5: b", conditioning_slerp=True), 0, "own")
    assert str(frames[0].positive) == "own" and frames[0].positive.prompts == ("own",)
    host = made(prompts="5: b", travel="slerp")
    assert ("own", False) in host.encoded and len(host.emitted) == 9


def test_v1_unsampling_takes_all_steps_once_and_denoise_is_cut_once():
    """Up to where sampling begins: x - mu grows as the inverse of what sampling makes of it, and nothing is added."""

    class Watched(Gaussian):
        def unsample(self, job, latent, steps):
            raised = super().unsample(job, latent, steps)
            self.begins = self.sigmas(job.frame.denoise)[0]
            mean = self.mean(job)
            self.grown = float(((raised - mean) / (latent - mean)).mean())
            return raised

    host = made(Watched(steps=200), frames=2, unsample=True, denoise_seq=0.5, denoise_start=1.0)
    assert host.begins == host.sigmas(0.5)[0] == host.sigmas(1.0)[100]
    assert host.grown == pytest.approx(((0.25 + host.begins**2) / 0.25) ** 0.5, rel=0.02)
    assert_close(host.emitted[1], host.emitted[0], rtol=0, atol=1e-9)


def test_v1_the_mask_is_there_in_every_frame():
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    mask[..., :3] = 1.0
    init = torch.full((1, 4, 8, 8), 0.25, dtype=torch.float64)
    host = made(Gaussian(mask=mask), init=init, frames=5)
    for latent in host.emitted.values():
        assert bool((latent[..., 3:] == 0.25).all()) and bool((latent[..., :3] != 0.25).all())


def test_v1_a_fixed_seed_burns_in_and_the_default_does_not():
    """At the same noise again and again 1.46 times the std; with a new seed for each frame the plain sampler's."""
    right = plain_residue()
    moving, fixed = (made(frames=FRAMES, seed_mode=mode) for mode in ("increment", "fixed"))
    late = [sum(residue(host, index) for index in range(80, 100)) / 20.0 for host in (moving, fixed)]
    assert late[0] == pytest.approx(right, rel=0.06)
    assert late[1] > 1.25 * right


@pytest.mark.parametrize("mode", ["increment", "fixed"])
def test_v1_the_colour_anchor_holds_100_frames_of_a_fixed_seed_and_of_blend(mode):
    for interpolation in ("off", "blend"):
        host = made(frames=FRAMES, seed_mode=mode, latent_interpolation=interpolation, colour_anchor=1.0)
        std = [host.emitted[index].std(dim=(2, 3), correction=0) for index in (0, 99)]
        assert_close(std[1], std[0], rtol=1e-9, atol=0)


def test_v1_seeds_wrap_at_both_ends_in_every_mode():
    assert seeds(0, seed_mode="decrement", frames=3) == [0, 2**64 - 1, 2**64 - 2]
    assert seeds(2**64 - 1, frames=3) == [2**64 - 1, 0, 1]
    for keying in ("sine", "modulo"):
        assert all(0 <= seed < 2**64 for seed in seeds(2**64 - 1, seed_keying=keying))
    host = made(seed=2**64 - 1, frames=3, seed_mode="increment", host=Gaussian(batch=2))
    assert [job.seeds for job in host.jobs] == [(2**64 - 1, 0), (0, 1), (1, 2)]


def test_v2_the_seed_advances_once_per_frame():
    assert seeds(100) == [100, 101, 102, 103, 104, 105]
    assert seeds(100, seed_mode="decrement") == [100, 99, 98, 97, 96, 95]


def test_v2_sine_keying_gives_whole_seeds_that_a_sampler_takes():
    chosen = seeds(0, seed_keying="sine", seed_divisor=8)
    assert chosen == [0, 707, 1000, 707, 0, 2**64 - 707]
    assert all(type(seed) is int for seed in chosen)
    torch.Generator().manual_seed(chosen[-1])


def test_v2_alternate_values_are_read():
    assert seeds(100, alternate=True) != seeds(100) and seeds(100, alternate=True) == [100, 101] * 3


@pytest.mark.parametrize("strength, share", [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_v2_conditioning_slerp_does_what_it_says(strength, share):
    """Parallel tokens aside: two perpendicular ones at half way are their sum over the root of 2."""
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])

    class Two(Gaussian):
        def encode(self, prompt, negative):
            return Conditioning.of(b if prompt == "b" else a)

        def mean(self, job):
            return torch.zeros(self.size, dtype=torch.float64)

    host = made(Two(), prompts="0: a\n2: b", conditioning_slerp=True, conditioning_slerp_strength=strength, frames=4)
    angle = torch.tensor(share * torch.pi / 2.0)
    for index in (2, 3):
        expected = torch.stack([angle.cos(), angle.sin()])[None]
        assert_close(host.jobs[index].positive.parts[0].schedule[0][1], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("spacing", ["linear", "sinus", "sinus inverted", "half sinus", "half sinus inverted"])
def test_v2_every_spacing_gives_frames_from_0_to_the_end_and_the_first_prompt_is_seen(spacing):
    starts = spaced(spacing, 60, 5)
    assert starts[0] == 0 and all(a < b for a, b in pairwise(starts)) and 30 <= starts[-1] < 60
    settings = SequenceSettings(frames=60, prompts="a\nb\nc\nd\ne", keyframes=spacing, travel="off")
    shown = [str(frame.positive) for frame in plan(settings)]
    assert shown[0] == "a" and sorted(set(shown)) == list("abcde") and shown == sorted(shown)


def test_v2_injected_noise_follows_from_the_seed_alone():
    torch.manual_seed(1)
    one = made(inject_noise=True)
    torch.manual_seed(2)
    two = made(inject_noise=True)
    assert all(torch.equal(one.emitted[index], two.emitted[index]) for index in range(9))
    assert not torch.equal(one.emitted[3], made(inject_noise=True, seed=6).emitted[3])


def test_v2_what_the_caller_gave_stays_as_it_was():
    settings = SequenceSettings(frames=10, prompts="9: c\n3: b\n1: a")
    before = settings.to_dict()
    plan(settings)
    assert settings.to_dict() == before and settings.prompts.startswith("9: c")


def test_v1_blend_at_half_fades_as_the_nodes_does():
    """Half of two unlike frames has less contrast than either; 0.60 times the std in the node's own run.

    That is what Blend is; what holds the contrast is the colour anchor, of the test above.
    """
    host = made(frames=FRAMES, latent_interpolation="blend")
    late = sum(residue(host, index) for index in range(80, 100)) / 20.0
    assert 0.4 < late / plain_residue() < 0.75
