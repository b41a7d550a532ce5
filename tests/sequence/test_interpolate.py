import math

import pytest
import torch
from torch.testing import assert_close

from itermix.sequence.interpolate import blend_latents, cosine_latents, slerp_conditioning, slerp_latents

LATENTS = {"blend_latents": blend_latents, "slerp_latents": slerp_latents, "cosine_interp_latents": cosine_latents}
PAIRS = ["random", "identical", "opposite", "scaled", "l1zero", "l2zero", "bothzero", "batch2"]
# Rows of these pairs are parallel or opposite: there the node's float32 rounding chooses its formula.
DEGENERATE = ("opposite", "scaled")


def vectors(count=2, tokens=5, channels=12):
    return torch.randn(count, 1, tokens, channels, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("dtype, tolerance", [("f64", 1e-9), ("f32", 1e-5)])
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", LATENTS)
def test_latents_are_the_nodes_wherever_those_are_finite(oracle, name, pair, dtype, tolerance):
    file = oracle("blend_functions")
    recorded = torch.from_numpy(file[f"out_was_{name}_{pair}_{dtype}"])
    a, b = (torch.from_numpy(file[f"in_{pair}_{latent}"]).to(recorded.dtype) for latent in ("l1", "l2"))
    if name == "slerp_latents" and pair == "opposite":
        tolerance = 3e-8  # the node's arc cosine loses half of its digits at -1
    for weight, expected in zip(file["weights"].tolist(), recorded):
        if bool(expected.isfinite().all()):
            assert_close(LATENTS[name](a, b, weight), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair not in DEGENERATE])
def test_conditioning_slerp_of_latents_by_rows_is_the_nodes(oracle, pair):
    """The node gives NaN for all float64 tensors, so this is float32 alone."""
    file = oracle("blend_functions")
    a, b = (torch.from_numpy(file[f"in_{pair}_{latent}"]).float() for latent in ("l1", "l2"))
    for strength, expected in zip(file["weights"].tolist(), file[f"out_was_slerp_{pair}_f32"]):
        assert_close(slerp_conditioning(a, b, strength), torch.from_numpy(expected), rtol=0, atol=1e-5)


def test_conditioning_slerp_of_a_parallel_row_is_the_nodes_where_it_finds_it_parallel(oracle):
    file = oracle("blend_functions")
    a, b = (torch.from_numpy(file[f"in_scaled_{latent}"]).float() for latent in ("l1", "l2"))
    for strength, recorded in zip(file["weights"].tolist(), file["out_was_slerp_scaled_f32"]):
        expected = torch.from_numpy(recorded)
        jumped = ((expected == a) | (expected == b)).all(dim=-1)
        assert int(jumped.sum()) >= 46
        assert torch.equal(slerp_conditioning(a, b, strength)[jumped], expected[jumped])


@pytest.mark.parametrize("token", [0, 2, 3, 4, 5, 6])
def test_conditioning_slerp_is_the_nodes(oracle, token):
    """Tokens: 0 identical, 2 to zero, 3 from zero, 4 parallel, 5 all but identical, 6 any."""
    file = oracle("blend_functions")
    a, b = (torch.from_numpy(file[f"in_cond_{end}"]).float() for end in ("from", "to"))
    for strength, expected in zip(file["cond_strengths"].tolist(), file["out_was_slerp_cond_f32"]):
        own = slerp_conditioning(a, b, strength)[:, token]
        assert_close(own, torch.from_numpy(expected)[:, token], rtol=0, atol=1e-5)


def test_conditioning_slerp_of_an_opposite_token_is_the_nodes_and_the_cosine_of_the_turn(oracle):
    """The node divides by a float32 sine of 3e-4, which costs it three digits."""
    file = oracle("blend_functions")
    a, b = (torch.from_numpy(file[f"in_cond_{end}"])[:, 1:2] for end in ("from", "to"))
    for strength, recorded in zip(file["cond_strengths"].tolist(), file["out_was_slerp_cond_f32"][:, :, 1:2]):
        own = slerp_conditioning(a, b, strength)
        assert_close(own, math.cos(math.pi * strength) * a, rtol=0, atol=1e-9)
        assert_close(own.float(), torch.from_numpy(recorded), rtol=0, atol=3e-4)


def test_conditioning_slerp_of_pooled_vectors_is_the_nodes(oracle):
    file = oracle("blend_functions")
    a, b = (torch.from_numpy(file[f"in_pooled_{end}"]).float() for end in ("from", "to"))
    for strength, expected in zip(file["cond_strengths"].tolist(), file["out_was_slerp_pooled_f32"]):
        assert_close(slerp_conditioning(a, b, strength), torch.from_numpy(expected), rtol=0, atol=1e-5)


@pytest.mark.parametrize("interpolate", [*LATENTS.values(), slerp_conditioning])
def test_weight_0_is_a_and_weight_1_is_b(interpolate):
    a, b = vectors()
    assert_close(interpolate(a, b, 0.0), a)
    assert_close(interpolate(a, b, 1.0), b)


@pytest.mark.parametrize("weight", [0.25, 0.5, 0.9])
def test_cosine_is_linear_in_the_cosine_of_the_weight(weight):
    a, b = vectors()
    share = (1 - math.cos(math.pi * weight)) / 2
    assert_close(cosine_latents(a, b, weight), (1 - share) * a + share * b)


def test_a_weight_tensor_of_one_value_is_that_number():
    a, b = vectors()
    weight = torch.full((1, 1, 1, 1), 0.3, dtype=torch.float64)
    for interpolate in LATENTS.values():
        assert_close(interpolate(a[None], b[None], weight), interpolate(a[None], b[None], 0.3))


@pytest.mark.parametrize("strength", [0.2, 0.5, 0.8])
def test_conditioning_slerp_turns_each_token_by_its_share_of_the_angle(strength):
    a, b = (torch.nn.functional.normalize(ends, dim=-1) for ends in vectors())
    whole = torch.acos((a * b).sum(dim=-1))
    turned = torch.acos((a * slerp_conditioning(a, b, strength)).sum(dim=-1))
    assert_close(turned, strength * whole, rtol=0, atol=1e-9)


def test_conditioning_slerp_changes_no_token_that_is_the_same_in_both():
    a, b = vectors()
    b[:, 2] = a[:, 2]
    assert torch.equal(slerp_conditioning(a, b, 0.4)[:, 2], a[:, 2])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_conditioning_slerp_is_rounded_once_at_the_end(dtype):
    a, b = vectors().to(dtype)
    exact = slerp_conditioning(a.double(), b.double(), 0.37)
    own = slerp_conditioning(a, b, 0.37)
    assert own.dtype == dtype
    assert_close(own.double(), exact, rtol=0.51 * torch.finfo(dtype).eps, atol=2e-6)


def test_conditionings_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 77, 8\).*\(1, 154, 8\)"):
        slerp_conditioning(torch.zeros(1, 77, 8), torch.zeros(1, 154, 8), 0.5)
