"""Numbers for pictures whose right larger version is known: how near they are to it, how sharp, how many objects.

Pictures are float32 tensors [B, 3, H, W] in [0, 1].
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate

WINDOW, WINDOW_DEVIATION = 11, 1.5  # pixels, of SSIM
PATCH, PATCHES = 7, 128  # side in pixels; how many of each picture and level
DIRECTIONS = 512
SMALLEST_LEVEL = 32  # pixels
IS_OBJECT = 36 / 255  # difference from the background, in the channel where it is largest
SMALLEST_OBJECT = 0.006  # of the picture


def ssim(results: Tensor, exact: Tensor) -> float:
    """Mean structural similarity to the exact pictures (Wang et al. 2004, "Image quality assessment", eq. 13).

    ((2 m_a m_b + C1) (2 s_ab + C2)) / ((m_a^2 + m_b^2 + C1) (s_a^2 + s_b^2 + C2)) with means, variances and covariance
    under a Gaussian window of 11 x 11 pixels, its deviation 1.5, where it lies within the picture; C1 = 0.01^2, C2 =
    0.03^2; each colour by itself.
    """
    a, b = (p.flatten(0, 1)[:, None].double() for p in (results, exact))
    mean_a, mean_b, aa, bb, ab = (_windowed(p) for p in (a, b, a * a, b * b, a * b))
    c1, c2 = 0.01**2, 0.03**2
    light = (2.0 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    detail = (2.0 * (ab - mean_a * mean_b) + c2) / (aa - mean_a**2 + bb - mean_b**2 + c2)
    return float((light * detail).mean())


def _windowed(values: Tensor) -> Tensor:
    places = torch.arange(WINDOW, dtype=values.dtype) - WINDOW // 2
    weights = torch.exp(-0.5 * (places / WINDOW_DEVIATION) ** 2)
    weights = weights / weights.sum()
    return conv2d(conv2d(values, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))


def edges(results: Tensor, exact: Tensor, scale: int) -> float:
    """Error of the edges: 0 where they are the exact pictures', 1 where there are none.

    E = sum |g_a - g_b| / sum g_b, where g is the root of the gradient's mean square over two native pixels a side, at
    each native pixel. An edge that is half as steep has 1 / sqrt(2) of its g; one that lies less than a native pixel
    off keeps most of it, as the native picture does not say where it is any better. So blur costs, and grain and
    ripples do.
    """
    ours, theirs = (_edges(p, scale) for p in (results, exact))
    return float((ours - theirs).abs().sum() / theirs.sum().clamp(min=1e-9))


def _edges(pictures: Tensor, scale: int) -> Tensor:
    down, right = pictures.diff(dim=2)[..., :-1], pictures.diff(dim=3)[..., :-1, :]
    return avg_pool2d(down.square() + right.square(), 2 * scale, stride=scale).sqrt()


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


def wasserstein(
    results: Tensor, real: Tensor, seed: int = 0, deviations: list[Tensor] | None = None, is_paired: bool = False
) -> list[float]:
    """Sliced Wasserstein distance of 7 x 7 patches, per Laplacian level, finest first; 0 is the same pictures.

    As in Karras et al., Progressive Growing of GANs (arXiv 1710.10196, section 5), but both sets are divided by the
    real pictures' deviation: each set's own would hide blur. The real set may be larger than the other.

    Arguments:
        results, real: [B, 3, H, W].
        seed: of the patches' places and of the directions.
        deviations: of each level, [1, 3, 1, 1]; those of `real` where they are not given.
        is_paired: picture k of both shows the same thing, and its patches are taken at the same places.
    """
    distances = []
    for level, (a, b) in enumerate(zip(laplacian(results), laplacian(real))):
        std = deviations[level] if deviations else b.std(dim=(0, 2, 3), keepdim=True)
        mean = b.mean(dim=(0, 2, 3), keepdim=True)
        generator = torch.Generator().manual_seed(1000 * seed + level)
        at = generator.get_state()
        a = _patches((a - mean) / std, generator)
        if is_paired:
            generator.set_state(at)
        b = _patches((b - mean) / std, generator)
        directions = torch.randn(a.shape[1], DIRECTIONS, generator=generator)
        directions = directions / directions.norm(dim=0)
        a, b = (_quantiles(p @ directions) for p in (a, b))
        distances.append(float((a - b).abs().mean()))
    return distances


def deviations(pictures: Tensor) -> list[Tensor]:
    """Of each Laplacian level's colours, [1, 3, 1, 1] each."""
    return [level.std(dim=(0, 2, 3), keepdim=True) for level in laplacian(pictures)]


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
