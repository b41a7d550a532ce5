"""Mixing masks: a weight map of the user's, which multiplies the weight of the reference for each latent pixel.

1 holds the picture to its reference, 0 frees it. The map comes beside the inpainting mask, which says what is sampled
at all. It softens and weighs once: where it is 0.5, half of the reference is mixed (the node pack applied it twice).
"""

from __future__ import annotations

import torch
from torch import Tensor

from itermix.mixing.settings import BANDS, FREQUENCY_BLENDS, INPAINT_MASK, MixingSettings

COARSE = BANDS[1]
# A soft edge is as wide as four standard deviations of the Gaussian: there the middle 95 % of its rise lie.
DEVIATIONS = 4.0


def mixing_mask(mask: Tensor, settings: MixingSettings) -> Tensor:
    """The map as the settings want it: softened, then inverted.

    Arguments:
        mask: [B or 1, 1, H, W] in [0, 1], at the latent's size.
        settings: `mask_softness`, the width of an edge as a share of the shorter side, and `mask_invert`.

    Returns:
        Of the shape of mask, float32, on the CPU, in [0, 1].
    """
    mask = softened(mask.cpu().float(), settings.mask_softness * min(mask.shape[-2:])).clamp(0.0, 1.0)
    return 1.0 - mask if settings.mask_invert else mask


def softened(mask: Tensor, width: float) -> Tensor:
    """The mask with edges so many pixels wide, by a Gaussian that ends at the picture's borders: what is the same
    everywhere stays so. mask: [B, 1, H, W]."""
    if width == 0.0:
        return mask
    rows, columns = (_gaussian(size, width / DEVIATIONS).to(mask) for size in mask.shape[-2:])
    return rows @ mask @ columns.T


def of_run(
    settings: MixingSettings, painted: Tensor | None, mask: Tensor | None
) -> tuple[Tensor | None, tuple[Tensor, Tensor] | None]:
    """The weight map of all frequencies, and those of the low and of the high ones where the settings part them.

    A blend that does not mix frequencies apart has no bands. A mask that is the inpainting mask itself is not
    multiplied by that once more: soft edges would count twice.

    Arguments:
        painted: what inpainting samples, [1, 1, H, W], or None for all.
        mask: the user's own, [1, 1, H, W], as it was found, or None.
    """
    if mask is None:
        return painted, None
    mask = mixing_mask(mask, settings)
    if painted is not None:
        painted = painted.cpu().float()
        painted = (painted > 0.0).float() if settings.mask == INPAINT_MASK else painted
    if settings.mask_bands == BANDS[0] or settings.blend not in FREQUENCY_BLENDS:
        return mask if painted is None else painted * mask, None
    whole = torch.ones_like(mask)
    return painted, ((mask, whole) if settings.mask_bands == COARSE else (whole, mask))


def together(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Two weight maps as one, their product, on the CPU; a map that is alone is left as it is."""
    if one is None or other is None:
        return other if one is None else one
    return one.cpu().float() * other.cpu().float()


def _gaussian(size: int, deviation: float) -> Tensor:
    """[size, size], float64: each row the Gaussian around its pixel, adding up to 1."""
    position = torch.arange(size, dtype=torch.float64)
    kernel = torch.exp(-(((position[:, None] - position) / max(deviation, 1e-3)) ** 2) / 2.0)
    return kernel / kernel.sum(1, keepdim=True)
