"""How a picture gets another size, and how many times that enlarges it. Sizes are (height, width)."""

from __future__ import annotations

from PIL import Image

FITS = ("crop", "stretch", "fill")
# crop: as large as covers the size, its middle kept; fill: as large as lies within it; stretch: each side by itself.


def fitted(picture: Image.Image, size: tuple[int, int], fit: str = "crop") -> Image.Image:
    """The picture at a size, its mode kept; fit: "crop" or "stretch"."""
    height, width = size
    if picture.size == (width, height):
        return picture
    box = crop_box(picture.size, (width, height)) if fit == "crop" else None
    return picture.resize((width, height), Image.Resampling.LANCZOS, box=box)


def crop_box(whole: tuple[int, int], target: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest part of a picture, in its middle, that has the target's shape; both (width, height).

    Returns left, top, right, bottom, never outside the picture by rounding, which Pillow refuses.
    """
    scale = max(new / old for new, old in zip(target, whole))
    spans = [_middle(old, min(new / scale, old)) for new, old in zip(target, whole)]
    (left, right), (top, bottom) = spans
    return left, top, right, bottom


def enlargement(picture: tuple[int, int], size: tuple[int, int], fit: str) -> tuple[float, float]:
    """How many times a picture of a size is enlarged when it is fitted to another: (height, width), at least 1.

    All sizes (height, width). fit: one of FITS.
    """
    factors = tuple(new / old for new, old in zip(size, picture))
    if fit != "stretch":
        factors = ((max if fit == "crop" else min)(factors),) * 2
    return max(factors[0], 1.0), max(factors[1], 1.0)


def _middle(whole: int, part: float) -> tuple[float, float]:
    start = (whole - part) / 2
    return start, min(start + part, float(whole))
