"""Two numbers for a result: does it show the reference's picture, and does it have a sampled picture's detail?

Frequencies are taken as max(|fy|, |fx|), since enlarging cuts each axis by itself. A reference that was enlarged
s times knows them up to its cutoff, 1 / (2 s) cycles per latent pixel. Pictures are [B, C, H, W].
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from benchmarks.fields import NYQUIST, frequencies

BANDS_ABOVE = 3  # of equal ratio, from the cutoff up to the highest frequency

Band = tuple[float, float]


def structure(result: Tensor, reference: Tensor, scale: int) -> float:
    """Correlation of the result with the reference below *half* the reference's cutoff, the mean left out.

    The octave up to the cutoff is left out too: there the interpolation has weakened the reference, and with few
    steps the noise that the last step leaves behind is as strong as the picture, so a perfect method would fail.
    """
    frequency = _frequency(result)
    low = (frequency > 0.0) & (frequency < cutoff(scale) / 2.0)
    a, b = torch.fft.fft2(result)[..., low], torch.fft.fft2(reference)[..., low]
    product = (a * b.conj()).real.sum()
    return float(product / (_power(a) * _power(b)).sqrt())


def detail(result: Tensor, plain: Tensor, scale: int) -> dict[str, float]:
    """Power in each of `bands(scale)` over that of the plain sampler's result from the same noise; 1 is right."""
    frequency = _frequency(result)
    a, b = torch.fft.fft2(result), torch.fft.fft2(plain)
    ratios = {}
    for low, high in bands(scale):
        below = frequency <= high if high == NYQUIST else frequency < high
        within = (frequency >= low) & below
        ratios[band_name((low, high))] = float(_power(a[..., within]) / _power(b[..., within]))
    return ratios


def known(result: Tensor, picture: Tensor, plain: Tensor, scale: int) -> float:
    """Power in the octave below the reference's cutoff over what is right there, 1 is right.

    The reference knows that octave, so the picture that it was reduced from says what is right; but no more is asked
    for than what the sampler itself leaves of a picture's power, by its last steps. (A second-order sampler of few
    steps makes up to 1.14 of the right power there: over that a right result would not be 1.)
    """
    low, high = bands(scale)[0]
    frequency = _frequency(result)
    within = (frequency >= low) & (frequency < high)
    own, right, left = (float(_power(torch.fft.fft2(one)[..., within])) for one in (result, picture, plain))
    return own / min(right, left)


def bands(scale: int) -> list[Band]:
    """The octave below the reference's cutoff, then the bands above it, in cycles per latent pixel."""
    edge = cutoff(scale)
    inner = [edge * (NYQUIST / edge) ** (k / BANDS_ABOVE) for k in range(BANDS_ABOVE)]
    return list(pairwise([edge / 2.0, *inner, NYQUIST]))


def bands_above(scale: int) -> list[str]:
    """Names of the bands above the cutoff, of which the reference says nothing."""
    return [band_name(band) for band in bands(scale)[1:]]


def band_name(band: Band) -> str:
    return f"{band[0]:.3f}-{band[1]:.3f}"


def cutoff(scale: int) -> float:
    return NYQUIST / scale


def _frequency(picture: Tensor) -> Tensor:
    return torch.maximum(*frequencies(tuple(picture.shape[-2:])))


def _power(spectrum: Tensor) -> Tensor:
    return spectrum.abs().square().sum()
