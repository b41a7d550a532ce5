"""The recorded runs beyond the grid: each is reproduced, or shows a bug of the node and is put right here."""

import pytest
import torch

from itermix.sequence.conditioning import Conditioning
from itermix.sequence.plan import plan
from itermix.sequence.run import run
from itermix.sequence.settings import SequenceSettings
from tests.sequence import recorded
from tests.sequence.hosts import Recorder
from tests.sequence.recorded import V1, V2

K1, K2 = "KSamplerSeq", "KSamplerSeq2"


def keyed(*frames, words=("pos", "neg")):
    """Both tables with their prompts 0, 1, 2 ... at these frames."""
    names = zip(("prompts", "negative_prompts"), words)
    return {name: "\n".join(f"{frame}: {word}{i}" for i, frame in enumerate(frames)) for name, word in names}


AT_5 = dict(prompts="0: own\n5: pos1", negative_prompts="0: own\n5: neg1")
ONE = dict(frames=6, node_seeds=V1, **keyed(0, 5))
TWO = dict(frames=6, node_seeds=V2, **keyed(0, 2, 4))

REPRODUCED = {
    (K1, "slerp over 12 loops"): {**ONE, "frames": 12, "conditioning_slerp": True, **keyed(0, 5, 10)},
    (K1, "seed max, increment"): ONE,
    (K1, "steps=1 unsample"): {**ONE, "unsample": True},
    (K1, "denoise_seq=1"): {**ONE, "unsample": True, "denoise_seq": 1.0},
    (K1, "denoise_seq=0"): {**ONE, "unsample": True, "denoise_seq": 0.0},
    **{(K1, f"alternate seed={n}"): {**ONE, "frames": 8, "alternate": True} for n in (0, 1, 2, 3, 4, 5, 6, 9, 12)},
    **{
        (K2, f"interp {name}"): {**TWO, "latent_interpolation": own}
        for name, own in (("Blend", "blend"), ("Slerp", "slerp"), ("Cosine Interp", "cosine"))
    },
    (K2, "alternate_values off"): TWO,
    (K2, "cond_keyframes empty list"): {**TWO, "frames": 4, **keyed(0)},
    (K2, "frame_count 0"): {**TWO, "frames": 4, **keyed(0, 2)},
    (K2, "single cond, int keyframe"): {**TWO, **keyed(0)},
    (K2, "shorter negative"): {**TWO, "negative_prompts": "0: neg0"},
    (K2, "decrement from 0"): {**TWO, "seed_mode": "decrement"},
    (K2, "seed 2^64-1 increment"): TWO,
    (K2, "sine keying seed 0"): {**TWO, "seed_keying": "sine"},
    (K2, "sine keying 2^63"): {**TWO, "seed_keying": "sine"},
    (K2, "modulo keying seed max"): {**TWO, "seed_keying": "modulo"},
    (K2, "denoise_sine max<start"): {**TWO, "denoise_sine": True, "denoise_seq": 0.9, "denoise_max": 0.3},
    (K2, "unsorted keyframe list"): {**TWO, **keyed(0, 1, 3)},
}
# The node's conditioning is wrong or missing there, or it fails; its seeds, and its frames where it has any, are ours.
BUGS = {
    (K1, "first keyframe at 5 (nothing at loop 0)"): {**ONE, **AT_5},
    (K1, "same + slerp"): {**ONE, **AT_5, "conditioning_slerp": True},
    (K1, "positive has keyframe 0, negative only 5, slerp"): {
        **ONE,
        "negative_prompts": AT_5["negative_prompts"],
        "conditioning_slerp": True,
    },
    (K1, "no pooled_output, slerp"): {**ONE, "conditioning_slerp": True},
    (K1, "different token counts, slerp"): {**ONE, "conditioning_slerp": True},
    (K1, "empty sequences"): {**ONE, "prompts": "", "negative_prompts": ""},
    (K2, "cond_keyframes default int 0"): {**TWO, **keyed(0)},
    (K2, "empty positive_seq"): {**TWO, "prompts": ""},
    (K2, "caller's keyframe list after the call (passed [9,3,1])"): TWO,
}


def row(key):
    return next(r for r in recorded.rows() if (r["node"], r["cfg"].get("edge")) == key)


def driven(key, settings, values=None):
    """Our host after that run; without conditionings of its own, "own" is the host's prompt."""
    calls = [call for call in row(key).get("calls") or [] if call["fn"] == "ksampler"]
    settings = SequenceSettings(**settings)
    first = row(key)["cfg"].get("seed", 0 if key[0] == K1 else 100)
    frames = plan(settings, first, "own", "own")
    seeds = [float(c["seed"][11:-1]) if "float" in c["seed"] else float(int(c["seed"])) for c in calls]
    known = values or {**recorded.conditionings(recorded.latents()), "own": recorded_own()}
    seed_of = (lambda job: seeds[job.frame.index]) if len(seeds) == len(frames) else (lambda job: job.seeds[0])
    host = Recorder(known, seed_of=seed_of)
    run(host, settings, frames, torch.from_numpy(recorded.latents()["L0"]))
    return host, calls


def recorded_own():
    return Conditioning.of({"crossattn": torch.full((1, 3, 8), 0.5), "vector": torch.full((1, 8), 0.25)})


def frames_are_recorded(host, key):
    for index, checks in enumerate(row(key).get("frames") or []):
        assert float(host.emitted[index].flatten()[0]) == pytest.approx(checks["first"], abs=1e-5)
        assert float(host.emitted[index].norm()) == pytest.approx(checks["l2"], abs=1e-5)


def sums(value):
    value = value.parts[0].schedule[0][1]
    return [float(value[name].double().sum()) for name in ("crossattn", "vector")]


@pytest.mark.parametrize("key", REPRODUCED, ids="-".join)
def test_an_edge_that_is_reproduced(key):
    host, calls = driven(key, REPRODUCED[key])
    assert host.calls == [call["fn"] for call in row(key)["calls"]]
    for job, call in zip(host.jobs, calls, strict=True):
        assert job.frame.seed == recorded.seed_of(call)
        assert job.frame.denoise == pytest.approx(call["denoise"], abs=1e-12)
        for own, node_s in ((job.positive, call["pos"]), (job.negative, call["neg"])):
            assert sums(own) == pytest.approx([node_s["sum"], node_s["pooled_sum"]], abs=1e-5)
    frames_are_recorded(host, key)


@pytest.mark.parametrize("key", [key for key in BUGS if "slerp" not in key[1] or "keyframe" in key[1]], ids="-".join)
def test_an_edge_with_a_bug_has_the_nodes_frames_and_the_right_conditioning(key):
    """Where nothing begins at frame 0 it is the host's own prompt; a list without keyframes begins with its first."""
    host, calls = driven(key, BUGS[key])
    for job, call in zip(host.jobs, calls):
        assert job.frame.seed == recorded.seed_of(call)
    wanted = {"5": "own", "empty": "own"}
    for job in host.jobs[: 2 if "caller" in key[1] else 5]:
        first = next((name for part, name in wanted.items() if part in key[1] and "positive has" not in key[1]), "pos0")
        assert sums(job.positive) == pytest.approx(sums(host.conditionings[first]), abs=1e-6)
        if "negative only 5" in key[1]:
            assert sums(job.negative) == pytest.approx(sums(host.conditionings["own"]), abs=1e-6)
    frames_are_recorded(host, key)


@pytest.mark.parametrize("name", ["no pooled_output, slerp", "different token counts, slerp"])
def test_conditionings_that_the_node_fails_at_are_slerped(name):
    assert not row((K1, name))["ok"]
    known = recorded.conditionings(recorded.latents())
    if name.startswith("no pooled"):
        known = {key: Conditioning.of(value.parts[0].schedule[0][1]["crossattn"]) for key, value in known.items()}
    else:
        longer = {key: value.parts[0].schedule[0][1] for key, value in known.items()}
        known["pos1"] = Conditioning.of({**longer["pos1"], "crossattn": longer["pos1"]["crossattn"].repeat(1, 2, 1)})
    settings = {**BUGS[K1, name], "conditioning_slerp_strength": 1.0}
    host, _ = driven((K1, name), settings, known)
    assert len(host.emitted) == 6
    assert host.jobs[4].positive is known["pos0"] and host.jobs[5].positive is known["pos1"]
    host, _ = driven((K1, name), BUGS[K1, name], known)
    value = host.jobs[5].positive.parts[0].schedule[0][1]
    tokens = value if isinstance(value, torch.Tensor) else value["crossattn"]
    assert tokens.shape[-2] == (3 if name.startswith("no pooled") else 6) and bool(tokens.isfinite().all())


def test_keyframes_in_any_order_are_one_plan():
    """The node sorts the list of its caller; a table here is text, and stays as it was written."""
    settings = SequenceSettings(frames=10, prompts="9: c\n3: b\n1: a")
    assert plan(settings) == plan(SequenceSettings(frames=10, prompts="1: a\n3: b\n9: c"))
    assert settings.prompts == "9: c\n3: b\n1: a"
    assert row((K2, "caller's keyframe list after the call (passed [9,3,1])"))["value"] == [1, 3, 9]


def test_every_recorded_row_is_accounted_for():
    """854: 816 of the grid (test_node_runs.py), 29 edges reproduced, 9 that show a bug."""
    edges = [(r["node"], r["cfg"]["edge"]) for r in recorded.rows() if "edge" in r["cfg"]]
    assert sorted(edges) == sorted([*REPRODUCED, *BUGS]) and len(edges) == len(set(edges)) == 38
    grid = sum(len(recorded.runs(node)) for node in (K1, K2))
    assert (grid, len(REPRODUCED), len(BUGS), grid + len(edges)) == (816, 29, 9, len(recorded.rows()))
