"""Enlarged pictures made sharp again, before they are encoded as a reference."""

from __future__ import annotations

from PIL import Image, ImageFilter

RADIUS, PERCENT = 0.5, 100  # of the mask: its deviation in pixels of the small picture, and its strength


def sharpened(picture: Image.Image, scale: float) -> Image.Image:
    """A picture that was enlarged `scale` times, by an unsharp mask as wide as the edges that this has made.

    p + (p - G p), G a Gaussian of half a pixel of the small picture. Lanczos leaves an edge as wide as it was, and what
    a reference has not, mixing holds back (docs/methods.md). DiffuseHigh (arXiv 2406.18459) sharpens likewise. The
    picture's mode is kept.
    """
    return picture.filter(ImageFilter.UnsharpMask(RADIUS * scale, PERCENT, 0))
