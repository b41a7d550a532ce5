"""Four numbers for pictures whose right larger version is known: structure, truth, sharpness, number of objects.

Pictures are float32 tensors [B, 3, H, W] in [0, 1].
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

PATCH, PATCHES = 7, 128  # side in pixels; how many of each picture and level
DIRECTIONS = 512
SMALLEST_LEVEL = 32  # pixels
IS_OBJECT = 36 / 255  # difference from the background, in the channel where it is largest
SMALLEST_OBJECT = 0.006  # of the picture


def structure(result: Tensor, native: Tensor) -> float:
    """Mean correlation of each result with its native picture in the lower half of the native one's frequencies."""
    side = native.shape[-1] // 2
    a, b = (interpolate(p, size=(side, side), mode="area").flatten(1) for p in (result, native))
    a, b = (p - p.mean(dim=1, keepdim=True) for p in (a, b))
    return float(torch.nn.functional.cosine_similarity(a, b, dim=1).mean())


def laplacian(pictures: Tensor) -> list[Tensor]:
    """The pictures' Laplacian pyramid: differences, finest first, then what is left."""
    levels = []
    while pictures.shape[-1] > SMALLEST_LEVEL:
        smaller = avg_pool2d(pictures, 2)
        levels.append(pictures - interpolate(smaller, size=pictures.shape[-2:], mode="bilinear"))
        pictures = smaller
    return [*levels, pictures]


def sharpness(results: Tensor, real: Tensor) -> float:
    """Power in the finest Laplacian level over that of the real pictures; below 1 is blur, above 1 too much."""
    return float(laplacian(results)[0].square().mean() / laplacian(real)[0].square().mean())


def wasserstein(results: Tensor, real: Tensor, seed: int = 0) -> list[float]:
    """Sliced Wasserstein distance of 7 x 7 patches, per Laplacian level, finest first; 0 is the same pictures.

    As in Karras et al., Progressive Growing of GANs (arXiv 1710.10196, section 5), but both sets are divided by the
    real pictures' deviation: each set's own would hide blur. The real set may be larger than the other.
    """
    distances = []
    for level, (a, b) in enumerate(zip(laplacian(results), laplacian(real))):
        mean, std = b.mean(dim=(0, 2, 3), keepdim=True), b.std(dim=(0, 2, 3), keepdim=True)
        generator = torch.Generator().manual_seed(1000 * seed + level)
        a, b = (_patches((p - mean) / std, generator) for p in (a, b))
        directions = torch.randn(a.shape[1], DIRECTIONS, generator=generator)
        directions = directions / directions.norm(dim=0)
        a, b = (_quantiles(p @ directions) for p in (a, b))
        distances.append(float((a - b).abs().mean()))
    return distances


def _patches(level: Tensor, generator: torch.Generator) -> Tensor:
    """[B PATCHES, 3 PATCH^2]: as many of each picture, at random places."""
    every = level.unfold(2, PATCH, 1).unfold(3, PATCH, 1)  # a view: all patches of 256 pictures would be 10 GB
    high, wide = every.shape[2:4]
    places = torch.randint(high * wide, (level.shape[0], PATCHES), generator=generator)
    picture = torch.arange(level.shape[0])[:, None]
    return every[picture, :, places // wide, places % wide].flatten(0, 1).flatten(1)


def _quantiles(values: Tensor, count: int = 1001) -> Tensor:
    """Evenly spaced quantiles of each column, so that sets of different sizes can be compared."""
    ordered = values.sort(dim=0).values
    places = torch.linspace(0, len(ordered) - 1, count)
    low = places.floor().long()
    share = (places - low)[:, None]
    return ordered[low] * (1.0 - share) + ordered[(low + 1).clamp(max=len(ordered) - 1)] * share


def objects(picture: Tensor) -> int:
    """How many separate things stand before the plain background. picture: [3, H, W]."""
    values = picture.numpy()
    border = np.concatenate([values[:, 0], values[:, -1], values[:, :, 0], values[:, :, -1]], axis=1)
    background = np.median(border, axis=1)[:, None, None]
    is_object = np.abs(values - background).max(axis=0) > IS_OBJECT
    width = max(round(picture.shape[-1] / 64), 1)
    is_object = ndimage.binary_opening(is_object, iterations=width)
    labels, count = ndimage.label(ndimage.binary_dilation(is_object, iterations=width))
    if not count:
        return 0
    areas = ndimage.sum_labels(is_object, labels, range(1, count + 1))
    return int((np.asarray(areas) >= SMALLEST_OBJECT * is_object.size).sum())
