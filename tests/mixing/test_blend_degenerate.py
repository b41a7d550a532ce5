"""Where two latents have no angle between them, or no great circle: zero, parallel and opposite ones."""

import math

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.blend import BLENDS, blend, slerp_weights

EVERY_BLEND = tuple(BLENDS)
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
# A step of 1e-4 of its length in a latent may move the result by this share of the latent's length. Slerp turns
# fastest near opposite latents, within an angle of 1e-2: by about 1 / 1e-2 times as much as they.
SMALL_STEP, SMALL_CHANGE = 1e-4, 2e-2


@pytest.fixture
def latent():
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.fixture
def other(latent):
    """As long as the latent and perpendicular to it."""
    random = torch.randn(latent.shape, generator=torch.Generator().manual_seed(4), dtype=latent.dtype)
    random -= latent * (random * latent).sum() / (latent * latent).sum()
    return random * (latent.norm() / random.norm())


def largest_change(name, path, weight):
    """The largest distance between the blends of neighbours on a path of pairs (x, z)."""
    blends = [blend(name, x, z, weight) for x, z in path]
    return max(float((after - before).norm()) for before, after in zip(blends, blends[1:]))


@pytest.mark.parametrize("weight", WEIGHTS)
def test_slerp_of_opposite_latents_is_the_cosine_of_the_turn(latent, weight):
    assert_close(blend("slerp", latent, -latent, weight), math.cos(math.pi * weight) * latent, rtol=0, atol=1e-9)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_slerp_of_parallel_latents_is_linear(latent, weight):
    assert_close(blend("slerp", latent, 2 * latent, weight), (1 + weight) * latent, rtol=0, atol=1e-9)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_slerp_with_a_zero_latent_is_a_quarter_turn(latent, weight):
    zero = torch.zeros_like(latent)
    assert_close(blend("slerp", latent, zero, weight), math.cos(weight * math.pi / 2) * latent)
    assert_close(blend("slerp", zero, latent, weight), math.sin(weight * math.pi / 2) * latent)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_norm_only_with_a_zero_x_is_the_share_of_z(latent, weight):
    assert_close(blend("norm only", torch.zeros_like(latent), latent, weight), weight * latent)


@pytest.mark.parametrize("name", EVERY_BLEND)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_two_zero_latents_give_zero(latent, name, weight):
    zero = torch.zeros_like(latent)
    assert torch.equal(blend(name, zero, zero, weight), zero)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("name", EVERY_BLEND)
def test_every_degenerate_pair_is_finite(latent, name, weight, dtype):
    latent = latent.to(dtype)
    zero = torch.zeros_like(latent)
    for z in (latent, -latent, 2 * latent, -1e-3 * latent, zero):
        for pair in ((latent, z), (z, latent)):
            assert bool(blend(name, *pair, weight).isfinite().all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("name", EVERY_BLEND)
def test_nothing_jumps_while_a_latent_grows_out_of_nothing(latent, name, weight, dtype):
    """Sizes 0, then from 1e-9 to 1, each 2 % above the last: nowhere does the result change by more than 2 % of 1."""
    latent = latent.to(dtype)
    sizes = [0.0, *torch.logspace(-9, 0, 1048, dtype=torch.float64).tolist()]
    for path in ([(latent, size * latent) for size in sizes], [(size * latent, latent) for size in sizes]):
        assert largest_change(name, path, weight) < 0.021 * float(latent.norm())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("name", EVERY_BLEND)
@pytest.mark.parametrize("start", [1.0, -1.0], ids=["parallel", "opposite"])
def test_nothing_jumps_on_the_way_through_parallel_and_opposite(latent, other, start, name, weight, dtype):
    latent, other = latent.to(dtype), other.to(dtype)
    path = [(latent, start * latent + SMALL_STEP * k * other) for k in range(-300, 301)]
    assert largest_change(name, path, weight) < SMALL_CHANGE * float(latent.norm())


@pytest.mark.parametrize("weight", WEIGHTS)
def test_slerp_weights_near_opposite_agree_with_far_ones_at_the_edge_of_the_fade(weight):
    """At an angle of 0.3 from opposite the fade begins; just outside of it slerp is exact."""
    omega = math.pi - 0.30001
    a, b = slerp_weights(omega, weight)
    assert a == pytest.approx(math.sin((1 - weight) * omega) / math.sin(omega), abs=1e-9)
    assert b == pytest.approx(math.sin(weight * omega) / math.sin(omega), abs=1e-9)


@pytest.mark.parametrize("ratio", [1.0, 0.9, 0.5, 0.1])
def test_slerp_of_nearly_opposite_latents_stays_within_a_few_of_their_lengths(ratio):
    for distance in torch.logspace(-8, 0, 200, dtype=torch.float64).tolist():
        omega = math.pi - distance
        x = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
        z = ratio * torch.tensor([[math.cos(omega), math.sin(omega)]], dtype=torch.float64)
        assert float(blend("slerp", x, z, 0.5).norm()) < 4.0
