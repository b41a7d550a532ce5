import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from itermix.mixing.blend import BLENDS, blend, noise_variance

EVERY_BLEND = tuple(BLENDS)
SHAPES = [(1, 4, 16, 16), (3, 4, 8, 8), (1, 16, 12, 10), (2, 4, 9, 7), (1, 4, 1, 5), (2, 16, 3, 6, 5)]
WHOLE = (0.5, 0.5)  # the cutoff of a reference that knows everything
PAIRS = ["random", "identical", "opposite", "scaled", "l1zero", "l2zero", "bothzero", "batch2"]
PACK = {"linear": "addition", "slerp": "slerp", "norm only": "norm_only"}


def latents(shape=(2, 4, 8, 8), dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x, z = torch.randn((2, *shape), generator=generator, dtype=torch.float64)
    return x.to(dtype), z.to(dtype)


@pytest.mark.parametrize("dtype, tolerance", [("f64", 1e-9), ("f32", 1e-5)])
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", PACK)
def test_blend_is_the_node_packs_wherever_that_is_finite(oracle, name, pair, dtype, tolerance):
    """The pack's l1 is z, its l2 is x, and its weight is the share of x."""
    file = oracle("blend_functions")
    recorded = torch.from_numpy(file[f"out_it_{PACK[name]}_{pair}_{dtype}"])
    z, x = (torch.from_numpy(file[f"in_{pair}_{latent}"]).to(recorded.dtype) for latent in ("l1", "l2"))
    if name == "slerp" and pair == "opposite":
        tolerance = 3e-8  # the pack's arc cosine loses half of its digits at -1; see the closed form below
    for share_of_x, expected in zip(file["weights"].tolist(), recorded):
        if bool(expected.isfinite().all()):
            assert_close(blend(name, x, z, 1.0 - share_of_x), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["linear", "low-pass", "two bands", "slerp"])
def test_weight_0_gives_x_to_the_bit(name, shape):
    x, z = latents(shape)
    assert torch.equal(blend(name, x, z, 0.0), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", EVERY_BLEND)
def test_where_a_mask_is_0_x_stays_to_the_bit(name, dtype):
    """Low-pass and two bands are linear in the mask, so they, too, leave what it leaves out."""
    for seed in range(20):
        x, z = latents((2, 4, 8, 8), dtype, seed)
        mask = torch.zeros(1, 1, 8, 8)
        mask[..., :4] = 0.8
        mixed = blend(name, x, z, mask)
        assert torch.equal(mixed[..., 4:], x[..., 4:])
        assert not torch.equal(mixed[..., :4], x[..., :4])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["linear", "slerp", "norm only"])
def test_weight_1_gives_z(name, shape):
    x, z = latents(shape)
    assert_close(blend(name, x, z, 1.0), z, rtol=0, atol=1e-14)


def test_norm_only_at_weight_0_gives_x_at_the_length_of_z():
    x, z = latents((1, 4, 8, 8))
    assert_close(blend("norm only", x, z, 0.0), x * (z.norm() / x.norm()))


@pytest.mark.parametrize("weight", [0.1, 0.5, 0.9])
def test_linear_equals_its_formula(weight):
    x, z = latents()
    assert_close(blend("linear", x, z, weight), (1 - weight) * x + weight * z)


@pytest.mark.parametrize("weight", [0.1, 0.5, 0.9])
def test_slerp_equals_its_formula(weight):
    x, z = latents((1, 4, 8, 8))
    omega = math.acos(float((x * z).sum() / (x.norm() * z.norm())))
    a, b = math.sin((1 - weight) * omega) / math.sin(omega), math.sin(weight * omega) / math.sin(omega)
    assert_close(blend("slerp", x, z, weight), a * x + b * z)


def test_slerp_between_latents_of_one_length_keeps_the_length():
    x, z = latents((1, 4, 8, 8))
    z *= x.norm() / z.norm()
    assert_close(blend("slerp", x, z, 0.3).norm(), x.norm())


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("name", EVERY_BLEND)
def test_mixing_a_latent_into_itself_changes_nothing(name, weight):
    x, _ = latents()
    assert_close(blend(name, x, x.clone(), weight), x, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(4, 4, 9, 7), (3, 16, 3, 6, 5)])
@pytest.mark.parametrize("name", EVERY_BLEND)
def test_an_image_in_a_batch_is_blended_as_if_alone(name, shape):
    x, z = latents(shape, torch.float32)
    z[1] *= 3.0  # no image's length may reach another
    alone = [blend(name, x[i : i + 1], z[i : i + 1], 0.4) for i in range(len(x))]
    assert torch.equal(blend(name, x, z, 0.4), torch.cat(alone))


@pytest.mark.parametrize("name", EVERY_BLEND)
def test_every_channel_and_frame_of_any_size_is_mixed(name):
    for shape in SHAPES:
        x, z = latents(shape)
        mixed = blend(name, x, z, 0.5)
        assert mixed.shape == x.shape
        assert bool((mixed != x).flatten(2).any(dim=-1).all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", EVERY_BLEND)
def test_half_precision_is_rounded_once_at_the_end(name, dtype):
    """Within half a unit in the last place of the float64 result, and float32's own rounding."""
    x, z = latents(dtype=dtype)
    exact = blend(name, x.double(), z.double(), 0.37)
    mixed = blend(name, x, z, 0.37)
    assert mixed.dtype == dtype
    half_a_place = torch.finfo(dtype).eps / 2 * 2.0 ** exact.abs().log2().floor()
    assert bool(((mixed.double() - exact).abs() <= half_a_place + 2e-6).all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", EVERY_BLEND)
def test_x_and_z_are_left_as_they_were(name, dtype):
    x, z = latents(dtype=dtype)
    before = x.clone(), z.clone()
    blend(name, x, z, 0.5)
    assert torch.equal(x, before[0]) and torch.equal(z, before[1])


@pytest.mark.parametrize("name", EVERY_BLEND)
def test_memory_layout_does_not_matter(name):
    x, z = latents((2, 4, 8, 6))
    strided = [tensor.contiguous(memory_format=torch.channels_last) for tensor in (x, z)]
    assert_close(blend(name, *strided, 0.4), blend(name, x, z, 0.4))


@pytest.mark.parametrize("shape", [(), (2, 1, 1, 1), (1, 1, 8, 8), (8, 8), (2, 4, 8, 8)])
@pytest.mark.parametrize("name", EVERY_BLEND)
def test_a_weight_tensor_of_one_value_is_that_number(name, shape):
    x, z = latents()
    weight = torch.full(shape, 0.3, dtype=torch.float64)
    assert_close(blend(name, x, z, weight), blend(name, x, z, 0.3))


@pytest.mark.parametrize("name", EVERY_BLEND)
def test_a_weight_per_image_is_each_images_own(name):
    x, z = latents()
    weight = torch.tensor([0.2, 0.9], dtype=torch.float64).view(2, 1, 1, 1)
    expected = torch.cat([blend(name, x[:1], z[:1], 0.2), blend(name, x[1:], z[1:], 0.9)])
    assert_close(blend(name, x, z, weight), expected)


@pytest.mark.parametrize("name", EVERY_BLEND)
def test_a_mask_mixes_each_pixel_by_its_own_weight(name):
    x, z = latents()
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    mask[..., :4] = 0.7
    mixed = blend(name, x, z, mask)
    assert_close(mixed[..., :4], blend(name, x, z, 0.7)[..., :4])
    assert_close(mixed[..., 4:], x[..., 4:])


@pytest.mark.parametrize("name", EVERY_BLEND)
def test_a_half_precision_mask_costs_no_precision_but_its_own(name):
    x, z = latents(dtype=torch.float32)
    mask = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1)).half()
    exact = blend(name, x.double(), z.double(), mask.double())
    assert_close(blend(name, x, z, mask).double(), exact, rtol=0, atol=2e-6)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_noise_variance_is_what_linear_mixing_leaves_of_two_unit_noises(weight, correlation):
    x, other = latents((1, 1, 500, 500))
    z = correlation * x + math.sqrt(1 - correlation**2) * other
    assert float(blend("linear", x, z, weight).var()) == pytest.approx(noise_variance(weight, correlation), rel=0.02)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 4, 8, 8\).*\(1, 4, 8, 9\)"):
        blend("linear", torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 8, 9), 0.5)


def test_an_unknown_blend_is_refused_by_name():
    with pytest.raises(KeyError, match="average"):
        blend("average", torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 8, 8), 0.5)


numbers = st.floats(-1e6, 1e6, width=32)


@given(
    name=st.sampled_from(EVERY_BLEND),
    values=st.lists(numbers, min_size=32, max_size=32),
    weight=st.floats(0.0, 1.0),
    cutoff=st.floats(0.01, 0.5),
)
def test_finite_latents_give_finite_latents(name, values, weight, cutoff):
    x, z = torch.tensor(values).view(2, 1, 2, 2, 4)
    assert bool(blend(name, x, z, weight, (cutoff, cutoff)).isfinite().all())
