"""Where in a picture most is to be seen: by a rule, so that nobody chooses what is shown."""

from __future__ import annotations

import numpy as np
from PIL import Image

STEP = 16  # places along a side that are looked at

Box = tuple[float, float, float, float]


def busiest(picture: Image.Image, share: float) -> Box:
    """(left, top, right, bottom) of the part with the most edges, in shares of the picture's sides.

    share: the part's sides, in those of the picture, above 0 and up to 1. Edges are counted by the length of the grey
    picture's gradient; of parts alike the first from the upper left is taken.
    """
    grey = np.asarray(picture.convert("L"), dtype=np.float64)
    edges = np.hypot(*np.gradient(grey))
    total = np.pad(edges.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    high, wide = (max(round(share * side), 1) for side in grey.shape)
    best, found = -1.0, (0, 0)
    for top in _places(grey.shape[0] - high):
        for left in _places(grey.shape[1] - wide):
            bottom, right = top + high, left + wide
            within = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
            if within > best:
                best, found = within, (top, left)
    top, left = found
    height, width = grey.shape
    return left / width, top / height, (left + wide) / width, (top + high) / height


def part(picture: Image.Image, box: Box, side: int) -> Image.Image:
    """A part of a picture, its longer side `side` pixels; enlarged or reduced where it has others (Lanczos)."""
    left, top, right, bottom = box
    edges = tuple(share * length for share, length in zip((left, top, right, bottom), 2 * picture.size))
    wide, high = edges[2] - edges[0], edges[3] - edges[1]
    scale = side / max(wide, high)
    size = tuple(max(round(length * scale), 1) for length in (wide, high))
    if size == (round(wide), round(high)) and all(edge == round(edge) for edge in edges):
        return picture.convert("RGB").crop(tuple(map(round, edges)))
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS, edges)


def _places(room: int) -> list[int]:
    return sorted({round(place * room / STEP) for place in range(STEP + 1)})
