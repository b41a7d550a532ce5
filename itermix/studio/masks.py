"""The user's mixing mask for a picture of the studio."""

from __future__ import annotations

from torch import Tensor

from itermix.mixing.settings import INPAINT_MASK, NO_MASK, UPLOADED_MASK, MixingSettings
from itermix.pictures.masks import weight_map
from itermix.pictures.uploads import Uploads
from itermix.studio.errors import StudioError


def of_picture(
    mixing: MixingSettings, uploads: Uploads, size: tuple[int, int], reduction: int, painted: Tensor | None = None
) -> Tensor | None:
    """The weight map, [1, 1, H, W], for a picture of a size (height, width) in pixels; None without one.

    uploads: the studio's, which decode a mask once. reduction: pixels per latent pixel. painted: what inpainting
    samples. Raises StudioError where the settings name a mask that is not there.
    """
    if not mixing.enabled or mixing.mask == NO_MASK:
        return None
    if mixing.mask == INPAINT_MASK:
        if painted is None:
            raise StudioError(f'mixing: mask: there is no mask to inpaint; add --mask, or set it to "{UPLOADED_MASK}"')
        return painted
    if mixing.mask_image is None:
        raise StudioError('mixing: mask: there is no picture of it; set mask_image, or mask to "none"')
    mask = uploads.of(mixing.mask_image).mask()
    return weight_map(mask, size, tuple(side // reduction for side in size), mixing.reference_fit)
