"""A picture as a weight map at the size of a latent."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from itermix.pictures.fit import crop_box

Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


def weight_map(
    mask: Image.Image, picture: tuple[int, int], size: tuple[int, int], fit: str, part: Box = WHOLE
) -> Tensor:
    """A grey picture, white as 1, laid over another one: each pixel of the map is the mask's mean there.

    Arguments:
        mask: mode L, of any size.
        picture: what it is laid over, (height, width).
        size: of the map, (height, width).
        fit: "crop", which keeps the mask's proportions, or "stretch".
        part: of the picture that the map is of: left, top, right, bottom as shares of its sides.

    Returns:
        [1, 1, H, W], float32, in [0, 1].
    """
    height, width = picture
    box = crop_box(mask.size, (width, height)) if fit == "crop" else (0.0, 0.0, *map(float, mask.size))
    left, top = box[0], box[1]
    across, down = box[2] - left, box[3] - top
    box = (left + part[0] * across, top + part[1] * down, left + part[2] * across, top + part[3] * down)
    shrinks = (box[2] - box[0]) >= size[1] and (box[3] - box[1]) >= size[0]
    how = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    resized = mask.convert("F").resize((size[1], size[0]), how, box=box)
    return torch.from_numpy(np.array(resized, dtype=np.float32))[None, None].div(255.0).clamp(0.0, 1.0)
