"""Whole sequences of the two ComfyUI nodes with a real sampler (Euler, 20 Karras steps) on the denoiser in closed form.

The recorded runs are float32, ours float64: what is left between them is the rounding of theirs. Where the recorded
run shows a bug of the node, it is read here as what it is, and ours is held to the closed form of the ODE instead.
"""

import json
import math
from functools import lru_cache
from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from benchmarks.solvers import euler, karras
from itermix.sequence.conditioning import Conditioning
from itermix.sequence.plan import plan
from itermix.sequence.run import run
from itermix.sequence.settings import SequenceSettings
from tests.oracle_arrays import ORACLE, Arrays
from tests.sequence.hosts import Log
from tests.sequence.recorded import V1, V2

STEPS, FRAMES, STD = 20, 12, 0.5
ROUNDING = 5e-6  # of 12 frames in float32, one after the other


@lru_cache(maxsize=1)
def arrays():
    arrays = Arrays("sequence_end_to_end")
    return {name: torch.from_numpy(array).double() for name, array in arrays.items() if name != "README"}


def recorded_frames(case):
    """A recorded case's frames, and which of all they are."""
    frames = arrays()[case]
    return frames, list(range(FRAMES)) if len(frames) == FRAMES else arrays()["kept_frames"].int().tolist()


@lru_cache(maxsize=1)
def log():
    return {row["case"]: row for row in json.loads((ORACLE / "sequence_end_to_end.json").read_text())["log"]}


def sigmas(denoise):
    """The last 20 steps of int(20 / denoise), as ComfyUI has it."""
    return karras(int(STEPS / denoise))[-STEPS - 1 :]


class ClosedForm(Log):
    """ComfyUI's sampler on N(mu, 1/4). levels: each noise level at which the denoiser was asked, frame by frame."""

    def __init__(self, **more):
        super().__init__(**more)
        self.mu, self.levels, self.raised = arrays()["mu"], {}, {}

    def encode(self, prompt, negative):
        return Conditioning.of(torch.zeros(1, 1, dtype=torch.float64))

    def denoise(self, x, sigma):
        self.levels.setdefault(self.sampling, []).append(sigma)
        return (STD**2 * x + sigma**2 * self.mu) / (STD**2 + sigma**2)

    def sample(self, job, latent, noised):
        self.noted(job)
        if job.frame.denoise == 0.0:
            return latent
        schedule = sigmas(job.frame.denoise)
        highest = float(schedule[0])
        whole = math.isclose(highest, float(karras(STEPS)[0]))  # pure noise: then the scale of signal plus noise
        scale = 0.0 if noised else math.sqrt(1.0 + highest**2) if whole else highest
        return euler(self.denoise, latent + scale * self.noise(job.seeds, latent), schedule)

    def unsample(self, job, latent, steps):
        """Explicit Euler upwards in many steps: near the closed form of the ODE."""
        self.sampling = job.frame.index
        self.raised[job.frame.index] = (job, latent, steps)
        return risen(latent, float(sigmas(job.frame.denoise)[0]))

    def noise(self, seeds, like):
        return drawn(seeds[0]).to(like)


class Injecting(ClosedForm):
    """Injected noise as the node's, which goes on where the noise of the frame before has left the generator."""

    def noise(self, seeds, like):
        if self.sampling is None or self.jobs[-1].seeds == seeds:
            return super().noise(seeds, like)
        return drawn(self.jobs[-1].seeds[0], 2).to(like)


def drawn(seed, count=1):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 4, 16, 16, generator=generator) for _ in range(count)][-1].double()


def risen(clean, sigma):
    """The ODE's solution upwards: x - mu grows with the std of the noised prior."""
    mu = arrays()["mu"]
    return mu + (clean - mu) * math.sqrt(STD**2 + sigma**2) / STD


def made(settings, host=None):
    values = {"frames": FRAMES, "prompts": "0: a", **settings}
    host = host or ClosedForm()
    run(host, SequenceSettings(**values), plan(SequenceSettings(**values), 0), torch.zeros_like(arrays()["x0"]))
    return host, torch.cat([host.emitted[index] for index in range(values["frames"])])


REPRODUCED = {
    "v1_interp_None": dict(node_seeds=V1),
    "v1_interp_Blend": dict(node_seeds=V1, latent_interpolation="blend"),
    "v1_interp_Slerp": dict(node_seeds=V1, latent_interpolation="slerp"),
    "v1_interp_Cosine Interp": dict(node_seeds=V1, latent_interpolation="cosine"),
    "v1_decrement_from0": dict(node_seeds=V1, seed_mode="decrement"),
    "v1_fixed": dict(node_seeds=V1, seed_mode="fixed"),
    "v1_fixed_slerp_interp": dict(node_seeds=V1, seed_mode="fixed", latent_interpolation="slerp"),
    "v1_denoise0": dict(node_seeds=V1, denoise_seq=0.0),
    "v2_plain": dict(node_seeds=V2),
    "v2_denoise_sine": dict(node_seeds=V2, denoise_sine=True),
    "v2_sine_euler": dict(node_seeds=V2, seed_keying="sine"),
    "v2_modulo": dict(node_seeds=V2, seed_keying="modulo"),
}


@pytest.mark.parametrize("case", REPRODUCED)
def test_the_node_s_frames_come_again(case):
    host, frames = made(REPRODUCED[case])
    node_s, kept = recorded_frames(case)
    assert_close(frames[kept], node_s, rtol=0, atol=ROUNDING)
    assert sum(map(len, host.levels.values())) == log()[case]["model_calls"]
    later = [level for index, levels in host.levels.items() if index for level in levels]
    assert max(later, default=0.0) == pytest.approx(log()[case]["max_sigma_after_frame0"] or 0.0, rel=1e-6)


def test_injected_noise_is_the_node_s_where_the_host_draws_it_as_the_node_did():
    """The node draws it from the process's generator, where the sampler left it: here that is written out."""
    _, frames = made(dict(node_seeds=V2, inject_noise=True), Injecting())
    node_s, kept = recorded_frames("v2_inject")
    assert_close(frames[kept], node_s, rtol=0, atol=ROUNDING)


def climbed(clean, steps, end):
    """The node's own unsampling: explicit Euler upwards, from 0.0001, in float32 as it ran (its slope loses digits)."""
    schedule = karras(steps).flip(0)[: max(steps - end, 1) + 1].clone()
    schedule[0] = 1e-4
    mu = arrays()["mu"].to(clean.dtype)
    return euler(lambda x, sigma: (STD**2 * x + sigma**2 * mu) / (STD**2 + sigma**2), clean, schedule)


@pytest.mark.parametrize("steps", [5, 10, 20])
def test_the_node_s_unsampling_is_euler_upwards_and_ours_the_ode_itself(steps):
    """Theirs is cut short: it ends at the share `end` of the steps, and one step at the least."""
    for end in (0, steps // 2, steps - 1, steps):
        recorded = arrays()[f"unsample_n{steps}_end{end}"]
        own = climbed(arrays()["x0"].double(), steps, end)
        assert float((own - recorded).abs().max()) < 5e-4 * float(recorded.abs().max())
    assert_close(own, arrays()["x0"], rtol=0, atol=0.15)  # the last step of the list is next to none


@pytest.mark.parametrize("case, step", [("v1_unsample", 1), ("v2_unsample", 2), ("v2_unsample_inject", 2)])
def test_the_node_s_sequences_that_unsample_are_one_step_up_and_half_the_steps_down_with_new_noise(case, step):
    """Read as such, every recorded frame follows from the one before: denoise 0.5 begins at sigma 0.21, not at 1.18."""
    frames, schedule = arrays()[case], sigmas(0.5)[STEPS // 2 :]
    assert log()[case]["max_sigma_after_frame0"] == pytest.approx(float(schedule[0]), rel=1e-6)
    assert log()[case]["model_calls"] == STEPS + (FRAMES - 1) * (1 + STEPS // 2)
    host = ClosedForm()
    for index, (before, after) in enumerate(pairwise(frames.split(1)), start=1):
        source = climbed(before, STEPS, STEPS)
        if case.endswith("inject"):
            source = source + 0.1 * drawn(step * (index - 1), 2)
        x = source + float(schedule[0]) * drawn(step * index)
        assert_close(euler(host.denoise, x, schedule), after, rtol=0, atol=5e-5)


@pytest.mark.parametrize("more", [dict(node_seeds=V1), dict(node_seeds=V2), dict(node_seeds=V2, inject_noise=True)])
def test_ours_unsamples_to_where_sampling_begins_and_adds_no_noise(more):
    host, frames = made(dict(unsample=True, **more))
    for index in range(1, FRAMES):
        assert host.levels[index][0] == pytest.approx(1.18174, rel=1e-5)
        assert len(host.levels[index]) == STEPS
        _, source, steps = host.raised[index]
        assert torch.equal(source[0], frames[index - 1]) and steps == 0
        seed = (0x9E3779B97F4A7C15 ^ host.jobs[index].seeds[0]) % 2**64
        noise = 0.1 * drawn(seed) if "inject_noise" in more else 0.0
        x = risen(source, 1.18174409866333) + noise
        expected = arrays()["mu"] + (x - arrays()["mu"]) * shrinking(sigmas(0.5))
        assert_close(frames[index : index + 1], expected, rtol=0, atol=1e-6)


def shrinking(schedule):
    """What Euler makes of x - mu over a whole schedule: the product of 1 + (s' - s) s / (1/4 + s^2)."""
    pairs = pairwise(schedule.tolist())
    return math.prod(1.0 + (following - sigma) * sigma / (STD**2 + sigma**2) for sigma, following in pairs)


def test_where_nothing_is_denoised_unsampling_leaves_the_frame_and_the_node_wanders():
    """`v1_unsample_denoise0`: its one step up stays, 1.7e-5 a frame."""
    recorded = arrays()["v1_unsample_denoise0"]
    assert float((recorded[11] - recorded[0]).abs().max()) > 1e-4
    settings = SequenceSettings(frames=FRAMES, unsample=True, denoise_seq=0.0, node_seeds=V1)
    host = Nothing()
    run(host, settings, plan(settings, 0), torch.zeros_like(arrays()["x0"]))
    assert float((host.emitted[11] - host.emitted[0]).abs().max()) < 1e-12
    assert_close(host.emitted[11], recorded[:1], rtol=0, atol=ROUNDING)


class Nothing(ClosedForm):
    """At denoise 0 sampling begins at sigma 0."""

    def unsample(self, job, latent, steps):
        return risen(latent, 0.0) if job.frame.denoise == 0.0 else super().unsample(job, latent, steps)


REFUSED_BY_THE_NODE = {
    "v1_decrement_sde": dict(node_seeds=V1, seed_mode="decrement"),
    "v1_seedmax_increment": dict(node_seeds=V1),
    "v1_first_key_at_5": dict(node_seeds=V1, prompts="5: a"),
    "v2_sine_euler_ancestral": dict(node_seeds=V2, seed_keying="sine"),
}


@pytest.mark.parametrize("case", REFUSED_BY_THE_NODE)
def test_what_the_node_fails_at_runs_here(case):
    assert "error" in log()[case]
    settings = SequenceSettings(frames=FRAMES, **REFUSED_BY_THE_NODE[case])
    first = 2**64 - 1 if "max" in case else 0
    host = ClosedForm()
    run(host, settings, plan(settings, first), torch.zeros_like(arrays()["x0"]))
    assert sorted(host.emitted) == list(range(FRAMES))
    assert all(isinstance(job.seeds[0], int) and 0 <= job.seeds[0] < 2**64 for job in host.jobs)
    assert all(bool(frame.isfinite().all()) for frame in host.emitted.values())


def test_every_recorded_row_is_in_a_test_of_this_file():
    unsampled = {"v1_unsample", "v2_unsample", "v2_unsample_inject", "v1_unsample_denoise0", "v2_inject"}
    whole = {*REPRODUCED, *REFUSED_BY_THE_NODE, *unsampled}
    rest = {case for case in log() if case not in whole}
    assert rest == {"real unsample", *(f"unsample normalize={value}" for value in ("False", "True"))} | {
        f"unsample normalize='{value}'" for value in ("enable", "disable")
    }
