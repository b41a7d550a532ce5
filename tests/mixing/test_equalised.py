import pytest
import torch
from torch.nn.functional import interpolate
from torch.testing import assert_close

from itermix.mixing.lowpass import cosine_basis
from itermix.mixing.reference import equalised

MODES = ("bilinear", "bicubic", "nearest", "nearest-exact")


def wave(order, size):
    """The order-th cosine of a latent, along the width: [1, 1, size, size]."""
    return cosine_basis(size)[order].expand(1, 1, size, size)


def amplitude(latent, order):
    size = latent.shape[-1]
    return float((latent[0, 0] @ cosine_basis(size)[order]).mean())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("new", [32, 40, 64])
@pytest.mark.parametrize("order", [0, 3, 8])
def test_a_wave_has_its_own_amplitude_back_after_enlarging(mode, new, order):
    size = 16
    enlarged = interpolate(wave(order, size), size=(new, new), mode=mode)
    kept = amplitude(wave(order, size), order) * (new / size) ** 0.5
    assert amplitude(equalised(enlarged, (size, size), mode), order) == pytest.approx(kept, rel=1e-9)


def test_bilinear_doubling_takes_what_its_kernel_says():
    """cos(pi f) 3/4 + cos(3 pi f) 1/4 at f cycles per new pixel: the kernel (1, 3, 3, 1) / 4 over half-pixel shifts."""
    order, size = 10, 16
    f = order / (2 * 2 * size)
    enlarged = interpolate(wave(order, size), scale_factor=2, mode="bilinear")
    taken = 0.75 * torch.cos(torch.tensor(torch.pi * f)) + 0.25 * torch.cos(torch.tensor(3 * torch.pi * f))
    assert amplitude(enlarged, order) / 2**0.5 == pytest.approx(float(taken), rel=1e-6)
    assert amplitude(equalised(enlarged, (size, size), "bilinear"), order) / 2**0.5 == pytest.approx(1.0, rel=1e-9)


def test_a_latent_that_was_not_enlarged_stays_as_it_is():
    latent = torch.randn(2, 4, 12, 9, dtype=torch.float64)
    assert_close(equalised(latent, (12, 9), "bilinear"), latent)


def test_height_and_width_are_equalised_by_themselves():
    small = torch.randn(1, 4, 8, 6, dtype=torch.float64)
    wide = interpolate(small, size=(8, 12), mode="bilinear")
    tall = interpolate(small, size=(16, 6), mode="bilinear")
    assert equalised(wide, (8, 6), "bilinear").shape == wide.shape
    assert_close(
        equalised(wide, (8, 6), "bilinear").mean(-2),
        equalised(wide.mean(-2, keepdim=True), (1, 6), "bilinear")[..., 0, :],
    )
    assert_close(
        equalised(tall, (8, 6), "bilinear").mean(-1), equalised(tall.mean(-1, keepdim=True), (8, 1), "bilinear")[..., 0]
    )
