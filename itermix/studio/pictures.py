"""Pictures in and out: files, tensors [1, 3, H, W] in [0, 1], masks [1, 1, H, W], PNG with infotext."""

from __future__ import annotations

import base64
import binascii
import io
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, PngImagePlugin
from torch import Tensor

from itermix.studio.errors import StudioError

LONGEST_PICTURE = 64 * 2**20  # characters of base64 text


def read_picture(path: str | Path) -> Image.Image:
    """A picture file, turned the right way up. Raises StudioError."""
    try:
        with Image.open(path) as picture:
            picture.load()
            return ImageOps.exif_transpose(picture)
    except FileNotFoundError:
        raise StudioError(f"picture: {path} is not there") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise StudioError(f"picture: {path} is no picture that can be read; it takes a PNG, JPEG or WebP") from None


def decoded(text: str) -> Image.Image:
    """A picture from base64 text, with or without a data URL's head. Raises StudioError."""
    text = text.partition(",")[2] if text.startswith("data:") else text
    if len(text) > LONGEST_PICTURE:
        raise StudioError(f"reference_image: {len(text)} characters are too many; at most {LONGEST_PICTURE} are read")
    try:
        return read_picture(io.BytesIO(base64.b64decode(text, validate=True)))
    except (binascii.Error, StudioError):
        raise StudioError("reference_image: is no picture; it takes a PNG, JPEG or WebP as base64 text") from None


def fitted(picture: Image.Image, size: tuple[int, int], fit: str = "crop") -> Image.Image:
    """The picture at size (height, width), cropped to its shape or stretched."""
    height, width = size
    if picture.size == (width, height):
        return picture
    if fit == "crop":
        return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def enlargement(picture: Image.Image, size: tuple[int, int], fit: str) -> tuple[float, float]:
    """How many times `fitted` enlarges the picture, (height, width)."""
    factors = size[0] / picture.height, size[1] / picture.width
    return (max(factors),) * 2 if fit == "crop" else factors


def tensor_of(picture: Image.Image) -> Tensor:
    values = torch.from_numpy(np.array(picture.convert("RGB"), dtype=np.float32))
    return values.permute(2, 0, 1)[None] / 255.0


def mask_of(picture: Image.Image) -> Tensor:
    """White is made anew, black is kept: [1, 1, H, W]."""
    return torch.from_numpy(np.array(picture.convert("L"), dtype=np.float32))[None, None] / 255.0


def picture_of(values: Tensor) -> Image.Image:
    levels = (values[0] * 255.0).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return Image.fromarray(levels)


def write_png(path: Path, picture: Image.Image, infotext: str) -> None:
    """Writes the picture whole or not at all, with its parameters where WebUIs look for them."""
    information = PngImagePlugin.PngInfo()
    if infotext.isascii():
        information.add_text("parameters", infotext)
    else:
        information.add_itxt("parameters", infotext)
    unfinished = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(unfinished, format="PNG", pnginfo=information)
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise StudioError(f"out: {path} cannot be written: {error.strerror or error}") from error
