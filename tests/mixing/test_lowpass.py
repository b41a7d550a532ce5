import math
from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.blend import BLENDS, blend, edge_of, low_pass
from itermix.mixing.lowpass import SHARP, SOFT, LowPass, gain


def cosine(frequency, size=32):
    """A wave of so many cycles per pixel along the width, mirrored at both borders: [1, 1, size, size]."""
    position = torch.arange(size, dtype=torch.float64) + 0.5
    return torch.cos(2 * math.pi * frequency * position).expand(1, 1, size, size)


def filtered(latent, cutoff):
    return LowPass.of_cutoff((cutoff, cutoff)).filter_(latent.clone())


def random(shape=(2, 4, 12, 10), seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("cycles", [0, 1, 2, 4])
def test_passes_waves_up_to_half_the_cutoff_unchanged(cycles):
    low = cosine(cycles / 32)
    assert_close(filtered(low, 0.25), low, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cycles", [8, 9, 12, 15.5])
def test_stops_waves_from_the_cutoff_on(cycles):
    high = cosine(cycles / 32)
    assert_close(filtered(high, 0.25), torch.zeros_like(high), rtol=0, atol=1e-12)


def test_passes_half_of_a_wave_in_the_middle_of_the_edge():
    middle = cosine(0.175, size=40)  # halfway from 0.5 to 0.9 of the cutoff
    assert_close(filtered(middle, 0.25), 0.5 * middle, rtol=0, atol=1e-12)


def test_height_and_width_have_their_own_cutoffs():
    along_width = cosine(6 / 32)
    along_height = along_width.transpose(-1, -2)
    both = along_width + along_height
    assert_close(LowPass.of_cutoff((0.5, 0.1)).filter_(both), along_height, rtol=0, atol=1e-12)


def test_is_linear():
    a, b = random(seed=0), random(seed=1)
    assert_close(filtered(2 * a - 3 * b, 0.2), 2 * filtered(a, 0.2) - 3 * filtered(b, 0.2))


def test_filters_every_plane_by_itself():
    planes = random((2, 4, 3, 12, 10))
    assert_close(filtered(planes, 0.2)[1, 2, 1], filtered(planes[1, 2, 1], 0.2))


@pytest.mark.parametrize("cutoff", [0.125, 0.25])
def test_nothing_comes_in_from_the_opposite_border(cutoff):
    """A point at the left border leaves in its own corner a hundred times what reaches the right border."""
    impulse = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    impulse[..., 32, 0] = 1.0
    response = filtered(impulse, cutoff).abs()
    assert float(response[..., -4:].max()) < 0.01 * float(response.max())


def test_a_constant_stays_the_same_at_the_borders():
    constant = torch.full((1, 4, 9, 7), 3.0, dtype=torch.float64)
    assert_close(filtered(constant, 0.1), constant)


def test_a_cutoff_of_half_a_cycle_per_pixel_makes_lowpass_linear():
    x, z = random(seed=0), random(seed=1)
    assert_close(blend("low-pass", x, z, 0.3, (0.5, 0.5)), blend("linear", x, z, 0.3))


def test_weight_1_takes_the_low_waves_of_z_and_the_high_ones_of_x():
    low_x, low_z, high_x, high_z = cosine(1 / 32), cosine(2 / 32), cosine(10 / 32), cosine(14 / 32)
    mixed = blend("low-pass", low_x + high_x, low_z + high_z, 1.0, (0.25, 0.25))
    assert_close(mixed, low_z + high_x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weight, high", [(1.0, 1.0), (0.7, 0.49), (0.4, 0.0)])
def test_two_bands_give_each_its_own_weight(weight, high):
    low_x, low_z, high_x, high_z = cosine(1 / 32), cosine(2 / 32), cosine(10 / 32), cosine(14 / 32)
    mixed = blend("two bands", low_x + high_x, low_z + high_z, weight, (0.25, 0.25), high / weight)
    expected = (1 - weight) * low_x + weight * low_z + (1 - high) * high_x + high * high_z
    assert_close(mixed, expected, rtol=0, atol=1e-12)


def test_two_bands_go_from_lowpass_to_linear():
    x, z = random(seed=0), random(seed=1)
    soft = low_pass(x, z.clone(), 0.3, LowPass.of_cutoff((0.25, 0.25), SOFT))
    assert_close(blend("two bands", x, z, 0.3, rest=0.0), soft)
    assert_close(blend("two bands", x, z, 0.3, rest=1.0), blend("linear", x, z, 0.3))


def test_gain_falls_from_1_at_half_the_cutoff_to_0_a_little_below_it():
    frequency = torch.tensor([0.0, 0.1, 0.125, 0.175, 0.225, 0.25, 0.5])
    assert_close(gain(frequency, 0.25), torch.tensor([1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.0]))


def test_the_low_passs_own_edge_is_sharp():
    """It holds what is below .8 of the cutoff to the end, where two bands let go from half of it on."""
    frequency = torch.tensor([0.0, 0.125, 0.2, 0.225, 0.25, 0.5])
    assert_close(gain(frequency, 0.25, edge_of("low-pass")), torch.tensor([1.0, 1.0, 1.0, 0.5, 0.0, 0.0]))
    x, z = random(seed=0), random(seed=1)
    sharp = low_pass(x, z.clone(), 0.3, LowPass((2.0, 2.0), edge=SHARP))
    assert_close(blend("low-pass", x, z, 0.3, (0.25, 0.25)), sharp)
    assert [edge_of(name) for name in BLENDS if name != "low-pass"] == [SOFT] * (len(BLENDS) - 1)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_smallest_latents_keep_their_mean(size):
    latent = random((1, 4, size, size))
    assert_close(filtered(latent, 0.125).mean(dim=(-2, -1)), latent.mean(dim=(-2, -1)))


@pytest.mark.parametrize(
    "name, rest, power", [("low-pass", 0.0, 0.81), ("two bands", 0.81, 0.81), ("linear", 0.0, 0.81)]
)
def test_a_reference_that_hardly_needed_fitting_is_mixed_as_one_that_fits(name, rest, power):
    """White noise, weight .9: .81 of its power. Of the split alone .353 and .670 were left at a scale of 1.0001."""
    x, z = torch.zeros(1, 4, 64, 64, dtype=torch.float64), random((1, 4, 64, 64))
    found = [
        float(blend(name, x, z, 0.9, (0.5 / scale, 0.5 / scale), rest).square().mean() / z.square().mean())
        for scale in (1.0, 1.0001, 1.01)
    ]
    assert found == pytest.approx([0.81] * 3, abs=0.01)


@pytest.mark.parametrize("name", ["low-pass", "two bands"])
def test_nothing_jumps_while_a_reference_is_enlarged_more_and_more(name):
    """By a thousandth each time, up to double size: nowhere does the blend change by more than 3 % of the reference."""
    x, z = random((1, 1, 32, 32), 0), random((1, 1, 32, 32), 1)
    scales = [1.0 + i / 1000 for i in range(1001)]
    blends = [blend(name, x, z, 0.9, (0.5 / scale, 0.5 / scale), 0.3) for scale in scales]
    steps = [float((after - before).norm() / (z - x).norm()) for before, after in pairwise(blends)]
    assert max(steps) < 0.03


@pytest.mark.parametrize("scale", [1.25, 1.5, 2.0, 4.0])
def test_from_a_quarter_more_on_the_edge_is_that_of_the_cutoff_alone(scale):
    """Half a cosine from .5 to .9 of 1 / (2 scale), written out."""
    frequency = torch.linspace(0.0, 0.5, 101, dtype=torch.float64)
    cutoff = 0.5 / scale
    edge = ((0.9 * cutoff - frequency) / (0.4 * cutoff)).clamp(0.0, 1.0)
    assert_close(gain(frequency, cutoff), (1.0 - torch.cos(math.pi * edge)) / 2.0, rtol=0, atol=1e-12)


def test_the_less_a_reference_was_enlarged_the_more_of_it_passes():
    frequency = torch.linspace(0.0, 0.5, 101, dtype=torch.float64)
    gains = [gain(frequency, 0.5 / scale) for scale in (1.0, 1.0001, 1.05, 1.1, 1.2, 1.25, 1.5, 2.0)]
    assert all(bool((more >= less - 1e-12).all()) for more, less in pairwise(gains))
    assert_close(gains[1], torch.ones_like(frequency), rtol=0, atol=1e-4)


LAYOUTS = {
    "channels last": lambda t: t.to(memory_format=torch.channels_last),
    "transposed": lambda t: t.transpose(-1, -2).contiguous().transpose(-1, -2),
    "every second row": lambda t: t.repeat_interleave(2, dim=-2)[..., ::2, :],
    "expanded": lambda t: t[:1].expand(t.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["low-pass", "two bands"])
@pytest.mark.parametrize("batch", [1, 2])
def test_the_layout_of_a_latent_in_memory_is_nothing_to_the_blend(name, layout, batch):
    x, z = random((batch, 4, 12, 10), 0), random((batch, 4, 12, 10), 1)
    if layout == "expanded":
        x, z = x[:1].repeat(batch, 1, 1, 1), z[:1].repeat(batch, 1, 1, 1)
    change = LAYOUTS[layout]
    expected = blend(name, x, z, 0.7, (0.2, 0.3), 0.4)
    for pair in ((change(x), z), (x, change(z)), (change(x), change(z))):
        assert_close(blend(name, *pair, 0.7, (0.2, 0.3), 0.4), expected, rtol=0, atol=1e-13)
