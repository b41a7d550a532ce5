"""Pictures in and out: files, tensors [1, 3, H, W] in [0, 1], masks [1, 1, H, W], PNG with infotext."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from itermix.studio.errors import StudioError


def tensor_of(picture: Image.Image) -> Tensor:
    values = torch.from_numpy(np.array(picture.convert("RGB"), dtype=np.float32))
    return values.permute(2, 0, 1)[None] / 255.0


def mask_of(mask: Image.Image) -> Tensor:
    """A grey picture, white where it is painted: [1, 1, H, W]."""
    return torch.from_numpy(np.array(mask, dtype=np.float32))[None, None] / 255.0


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
