"""Pictures drawn from a Gaussian field, whose denoiser is known in closed form.

The power of natural pictures falls about as 1/f^2 (Field, "Relations between the statistics of natural images and
the response properties of cortical cells", JOSA A 4, 1987); so does the power S(f) of this field. With the exact
denoiser a sampler's result can be compared with what the prior says, and what is missing is the method's fault.

Pictures are [B, C, H, W], float64, periodic, each channel by itself; frequencies in cycles per latent pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

NYQUIST = 0.5
INTERPOLATION = "bicubic"  # how a picture is enlarged

Size = tuple[int, int]


class SizeError(ValueError):
    """A size that the benchmark cannot use. The message names it and what is allowed."""


def check_size(size: Size, scale: int) -> None:
    """Raises SizeError where a picture cannot be reduced by the scale, or is too small to measure then."""
    shown = f"size: {size[0]}x{size[1]} is not allowed"
    if any(side % scale for side in size):
        raise SizeError(f"{shown}; both sides must be divisible by the scale, which is {scale}")
    smallest = 8 * scale  # below it no frequency is low enough to measure structure, or a band of detail is empty
    if min(size) < smallest:
        raise SizeError(f"{shown}; at scale {scale} both sides must be {smallest} or more")


def frequencies(size: Size) -> tuple[Tensor, Tensor]:
    """|f| along the height and along the width, for every point of a two-dimensional FFT: twice [H, W]."""
    along = [torch.fft.fftfreq(side, dtype=torch.float64).abs() for side in size]
    return torch.meshgrid(*along, indexing="ij")


def power_spectrum(size: Size, exponent: float, of: Size | None = None) -> Tensor:
    """S(f) ~ |f|^-exponent with a mean of 1, so that a pixel's variance is 1: [H, W // 2 + 1], as of rfft2.

    The mean of the picture has the power of its lowest frequency. of: the size at which the mean is 1, where it is
    another: a part of a larger picture has that one's power at each frequency.
    """
    mean = _power(of or size, exponent).mean()
    return (_power(size, exponent) / mean)[:, : size[1] // 2 + 1]


def reduced_power(part: Size, whole: Size, exponent: float, of: Size) -> Tensor:
    """S of a part of a picture of the size `whole`, which is `reduced_from` one of the size `of` and of power 1.

    With s = the ratio of the sides, f is s times as high there, and S(f) is that of f / s over s^2.
    """
    return power_spectrum(part, exponent, of) * (of[0] / whole[0]) ** (exponent - 2.0)


def draw(white: Tensor, power: Tensor) -> Tensor:
    """A picture of the prior, from unit white noise of its shape."""
    return _filtered(white, power.sqrt())


def denoise(x: Tensor, sigma: float, power: Tensor) -> Tensor:
    """D(x, sigma) = S / (S + sigma^2) x: the mean of the clean pictures that x = x0 + sigma n can have come from."""
    return _filtered(x, power / (power + sigma**2))


def denoise_flow(x: Tensor, sigma: float, power: Tensor) -> Tensor:
    """D(x, sigma) = (1 - sigma) S / ((1 - sigma)^2 S + sigma^2) x: the same for x = (1 - sigma) x0 + sigma n."""
    signal = 1.0 - sigma
    return _filtered(x, signal * power / (signal**2 * power + sigma**2))


def enlarged_from(picture: Tensor, scale: int) -> Tensor:
    """The picture as it comes from a `scale` times smaller one (`reduced_from`), enlarged bicubically."""
    return interpolate(reduced_from(picture, scale), size=picture.shape[-2:], mode=INTERPOLATION)


def reduced_from(picture: Tensor, scale: int) -> Tensor:
    """The picture `scale` times smaller, its spectrum cut.

    So it is a picture of the same prior at the smaller size, as a first pass gives it to a second one. The picture's
    size is divisible by scale (`check_size`).
    """
    size = tuple(picture.shape[-2:])
    small = [side // scale for side in size]
    spectrum = torch.fft.fft2(picture)
    for axis, (side, wanted) in enumerate(zip(size, small), start=-2):
        kept = (torch.fft.fftfreq(wanted) * wanted).round().long() % side
        spectrum = spectrum.index_select(axis, kept)
    return torch.fft.ifft2(spectrum).real / scale**2


def prediction(picture: Tensor, sigma: float, power: Tensor) -> Tensor:
    """The denoiser's prediction at sigma on the exact way to the picture.

    The way is x(sigma) = sqrt((S + sigma^2) / S) x(0) at each frequency; D(x(sigma)) = sqrt(S / (S + sigma^2)) x(0).
    """
    return _filtered(picture, (power / (power + sigma**2)).sqrt())


def _power(size: Size, exponent: float) -> Tensor:
    radius = torch.hypot(*frequencies(size))
    radius[0, 0] = 1.0 / max(size)
    return radius**-exponent


def _filtered(x: Tensor, gain: Tensor) -> Tensor:
    return torch.fft.irfft2(torch.fft.rfft2(x) * gain, s=x.shape[-2:])
