import math

import pytest
import torch
from torch.testing import assert_close

from itermix.sequence.colour import anchored
from itermix.sequence.conditioning import Conditioning, Part, between, mixed

METHODS = ["slerp", "linear"]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sdxl(tokens, seed):
    sizes = torch.linspace(0.1, 0.9, 8, dtype=torch.float64)  # the same in both, as SDXL's picture sizes are
    return {"crossattn": random(tokens, 6, seed=seed), "vector": torch.cat([random(10, seed=seed + 50), sizes])}


def attended(query, tokens):
    return torch.softmax(query @ tokens.T, dim=-1) @ tokens


@pytest.mark.parametrize("method", METHODS)
def test_both_ends_are_the_conditionings_themselves(method):
    a, b = Conditioning.of(sdxl(77, 1)), Conditioning.of(sdxl(154, 2))
    assert between(a, b, 0.0, method) is a
    assert between(a, b, 1.0, method) is b


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("counts", [(77, 154), (231, 77), (154, 231)])
def test_different_token_counts_meet_without_a_jump(method, counts):
    """What attention reads of a prompt is the same just after its keyframe as on it, and just before the next one."""
    a, b = random(counts[0], 6), random(counts[1], 6, seed=1)
    query = random(4, 6, seed=2)
    for weight, end in ((1e-9, a), (1.0 - 1e-9, b)):
        assert_close(attended(query, mixed(a, b, weight, method)), attended(query, end), rtol=0, atol=1e-6)


def test_token_counts_without_a_small_common_multiple_meet_at_the_longer_one():
    assert mixed(random(250, 6), random(257, 6), 0.5, "linear").shape == (257, 6)


def test_linear_is_the_weighted_mean():
    a, b = random(5, 6), random(5, 6, seed=1)
    assert_close(mixed(a, b, 0.3, "linear"), 0.7 * a + 0.3 * b)


def test_slerp_turns_every_token_by_its_share_and_a_parallel_one_by_none():
    a, b = (torch.nn.functional.normalize(random(5, 6, seed=seed), dim=-1) for seed in (0, 1))
    b[3] = 3.0 * a[3]
    moved = mixed(a, b, 0.25, "slerp")
    angle = torch.acos((a * b).sum(-1)[:3])
    assert_close(torch.acos((a * moved).sum(-1)[:3]), 0.25 * angle)
    assert_close(moved[3], 1.5 * a[3])


@pytest.mark.parametrize("method", METHODS)
def test_sdxl_travels_in_every_key_and_its_picture_sizes_stay(method):
    a, b = sdxl(5, 1), sdxl(5, 2)
    moved = mixed(a, b, 0.5, method)
    assert moved.keys() == a.keys()
    assert torch.equal(moved["vector"][10:], a["vector"][10:])
    alone = mixed({"vector": a["vector"][:10]}, {"vector": b["vector"][:10]}, 0.5, method)["vector"]
    assert_close(moved["vector"][:10], alone)
    assert not torch.equal(moved["crossattn"], a["crossattn"])


@pytest.mark.parametrize("method", ["slerp", "linear", "step"])
def test_a_number_of_a_prompt_travels_and_stays_a_number(method):
    """Flux's distilled guidance: a host stacks those of a batch."""
    same = mixed({"guidance": torch.tensor(3.5)}, {"guidance": torch.tensor(3.5)}, 0.25, method)["guidance"]
    assert same.shape == () and float(same) == 3.5
    moved = mixed({"guidance": torch.tensor(3.0)}, {"guidance": torch.tensor(5.0)}, 0.25, method)["guidance"]
    assert moved.shape == () and float(moved) == (3.0 if method == "step" else 3.5)


def test_schedules_change_wherever_one_of_them_does():
    """[a:b:10] on the way to [c:d:15] of 20 steps."""
    a, b, c, d = (torch.full((1, 1), value) for value in (0.0, 10.0, 4.0, 20.0))
    start = Conditioning((Part(1.0, ((10, a), (20, b))),))
    goal = Conditioning((Part(1.0, ((15, c), (20, d))),))
    schedule = between(start, goal, 0.5, "linear").parts[0].schedule
    assert [(step, float(value)) for step, value in schedule] == [(10, 2.0), (15, 7.0), (20, 15.0)]


def test_a_part_without_a_partner_fades_by_its_weight():
    one, two = torch.ones(1, 4), torch.full((1, 4), 2.0)
    a = Conditioning((Part(1.0, ((20, one),)),))
    b = Conditioning((Part(0.6, ((20, one),)), Part(0.8, ((20, two),))))
    moved = between(a, b, 0.25, "linear")
    assert [part.weight for part in moved.parts] == pytest.approx([0.9, 0.2])
    assert torch.equal(moved.parts[1].schedule[0][1], two)


@pytest.mark.parametrize(
    "a, b",
    [
        (torch.zeros(3, 4), torch.zeros(3, 5)),
        (torch.zeros(3, 4), {"crossattn": torch.zeros(3, 4)}),
        ({"crossattn": torch.zeros(3, 4)}, {"vector": torch.zeros(4)}),
    ],
)
def test_conditionings_of_two_models_are_refused(a, b):
    with pytest.raises(ValueError, match="cannot be interpolated"):
        mixed(a, b, 0.5, "slerp")


@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_colour_anchor_moves_mean_and_spread_by_its_strength(strength):
    latent, first = 2.0 * random(2, 4, 8, 8) + 3.0, 0.5 * random(2, 4, 8, 8, seed=1) - 1.0
    held = anchored(latent, first, strength)
    for measure in (torch.mean, lambda t, dim: t.std(dim=dim, correction=0)):
        before, wanted, after = (measure(t, dim=(2, 3)) for t in (latent, first, held))
        assert_close(after, (1.0 - strength) * before + strength * wanted)


def test_colour_anchor_off_is_the_latent_itself_and_a_flat_channel_stays_finite():
    latent = random(1, 4, 8, 8)
    assert anchored(latent, latent + 1.0, 0.0) is latent
    flat = anchored(torch.ones(1, 4, 8, 8), random(1, 4, 8, 8).float(), 1.0)
    assert bool(flat.isfinite().all()) and math.isclose(float(flat.std(dim=(2, 3)).max()), 0.0, abs_tol=1e-6)
