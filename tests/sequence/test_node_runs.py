"""The recorded runs of the nodes: each call of theirs is a call of ours, with the same seed, denoise and latent."""

from random import Random

import pytest
import torch
from torch.testing import assert_close

from itermix.sequence.plan import plan
from itermix.sequence.run import run
from itermix.sequence.seeds import node_seeds_v2
from itermix.sequence.settings import SequenceSettings
from tests.sequence import recorded
from tests.sequence.hosts import Recorder

NODES = ["KSamplerSeq", "KSamplerSeq2"]


@pytest.fixture(scope="module")
def latents():
    return recorded.latents()


def planned(run_):
    return plan(run_.settings, run_.seed)


def driven(run_, latents):
    """The host after our run of a recorded one. The recorder's sampler took the node's seed as a float."""
    seeds = [call["seed"] for call in run_.calls]
    floats = [float(seed[11:-1]) if "float" in seed else float(int(seed)) for seed in seeds]
    host = Recorder(recorded.conditionings(latents), seed_of=lambda job: floats[job.frame.index])
    run(host, run_.settings, planned(run_), torch.from_numpy(latents["L0"]))
    return host


def test_the_grid_of_recorded_runs_is_all_there():
    assert [len(recorded.runs(node)) for node in NODES] == [384, 432]


@pytest.mark.parametrize("node", NODES)
def test_seeds_are_the_nodes(node):
    """The node draws random seeds from the whole process's generator, which was at its seed 0."""
    for run_ in recorded.runs(node):
        seeds = [frame.seed for frame in planned(run_)]
        if run_.settings.seed_mode == "random" and run_.seed != 0:
            seeds = [seed % 2**64 for seed in node_seeds_v2(run_.settings, run_.seed, Random(0))]
        assert seeds == [recorded.seed_of(call) for call in run_.calls], run_.row["cfg"]


@pytest.mark.parametrize("node", NODES)
def test_denoise_is_the_nodes(node):
    for run_ in recorded.runs(node):
        own = [frame.denoise for frame in planned(run_)]
        assert own == pytest.approx([call["denoise"] for call in run_.calls], rel=0, abs=1e-12)


@pytest.mark.parametrize("node", NODES)
def test_calls_conditionings_and_frames_are_the_nodes(node, latents):
    for run_ in recorded.runs(node):
        host = driven(run_, latents)
        assert host.calls == [call["fn"] for call in run_.row["calls"]], run_.row["cfg"]
        for job, call in zip(host.jobs, run_.calls, strict=True):
            for own, node_s in ((job.positive, call["pos"]), (job.negative, call["neg"])):
                value = own.parts[0].schedule[0][1]
                assert float(value["crossattn"].double().sum()) == pytest.approx(node_s["sum"], abs=1e-5)
                assert float(value["vector"].double().sum()) == pytest.approx(node_s["pooled_sum"], abs=1e-5)
        for index, checks in enumerate(run_.row["frames"]):
            frame = host.emitted[index]
            assert float(frame.flatten()[0]) == pytest.approx(checks["first"], abs=1e-5), run_.row["cfg"]
            assert float(frame.norm()) == pytest.approx(checks["l2"], abs=1e-5)


@pytest.mark.parametrize("node", NODES)
def test_latents_of_the_runs_of_5_frames_are_the_nodes(node, latents):
    compared = 0
    for run_ in recorded.runs(node):
        name = array_name(node, run_.row["cfg"])
        if name is not None and name in latents:
            own = torch.cat([*driven(run_, latents).emitted.values()])
            assert_close(own, torch.from_numpy(latents[name]), rtol=0, atol=1e-5)
            compared += 1
    assert compared == sum(file.startswith("v1_" if node == "KSamplerSeq" else "v2_") for file in latents)


def array_name(node, cfg):
    flags = f"un{cfg['unsample']:d}_sl{cfg['cond_slerp']:d}"
    if node == "KSamplerSeq":
        wanted = cfg["loops"] == 5
        name = f"v1_s{cfg['seed']}_{cfg['mode']}_alt{cfg['alternate']:d}_{cfg['interp']}_{flags}"
    else:
        wanted = cfg["frames"] == 5
        name = f"v2_{cfg['mode']}_{cfg['keying']}_ds{cfg['denoise_sine']:d}_inj{cfg['inject']:d}_{flags}"
    return name if wanted else None


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 6, 9, 12])
def test_alternating_seeds_of_the_edge_cases_are_the_nodes(seed):
    row = next(r for r in recorded.rows() if r["cfg"].get("edge") == f"alternate seed={seed}")
    settings = SequenceSettings(frames=8, alternate=True, node_seeds=recorded.V1)
    assert [frame.seed for frame in plan(settings, seed)] == [int(call["seed"]) for call in row["calls"]]


EDGES = {
    "decrement from 0": dict(seed_mode="decrement"),
    "seed 2^64-1 increment": {},
    "sine keying seed 0": dict(seed_keying="sine"),
    "denoise_sine max<start": dict(denoise_sine=True, denoise_seq=0.9, denoise_max=0.3),
}


@pytest.mark.parametrize("edge", EDGES)
def test_edge_cases_are_the_nodes_with_seeds_wrapped(edge):
    row = next(r for r in recorded.rows() if r["cfg"].get("edge") == edge)
    settings = SequenceSettings(frames=6, node_seeds=recorded.V2, **EDGES[edge])
    frames = plan(settings, row["cfg"].get("seed", 100))
    assert [frame.seed for frame in frames] == [recorded.seed_of(call) for call in row["calls"]]
    assert [frame.denoise for frame in frames] == pytest.approx([call["denoise"] for call in row["calls"]], abs=1e-12)


def test_a_wrapped_seed_draws_what_the_nodes_negative_seed_draws():
    drawn = [torch.randn(8, generator=torch.Generator().manual_seed(seed)) for seed in (-900, 2**64 - 900)]
    assert torch.equal(*drawn)
