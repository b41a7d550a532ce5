"""Pictures as tensors [1, 3, H, W] in [0, 1], masks [1, 1, H, W]; finished ones to files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from itermix.files import make_folder_of, reason_of
from itermix.pictures import limits
from itermix.pictures.saving import fitting, format_of, left_out, save_picture
from itermix.studio.errors import StudioError


def tensor_of(picture: Image.Image) -> Tensor:
    """A picture as [1, 3, H, W] in [0, 1], float32."""
    values = torch.from_numpy(np.array(picture.convert("RGB"), dtype=np.float32))
    return values.permute(2, 0, 1)[None] / 255.0


def mask_of(mask: Image.Image) -> Tensor:
    """A grey picture, white where it is painted: [1, 1, H, W]."""
    return torch.from_numpy(np.array(mask, dtype=np.float32))[None, None] / 255.0


def picture_of(values: Tensor) -> Image.Image:
    """The picture of values [1, 3, H, W] in [0, 1], rounded to 8 bits."""
    levels = (values[0] * 255.0).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return Image.fromarray(levels)


def write(path: Path, picture: Image.Image, infotext: str) -> list[str]:
    """Writes the picture whole or not at all, in the format that its name says. Raises StudioError.

    Returns how it differs from what was asked for, in lines.
    """
    try:
        make_folder_of(path)
        save_picture(path, picture, infotext)
    except OSError as error:
        raise StudioError(f"out: {path} cannot be written: {reason_of(error)}") from error
    return left_out(path, infotext)


def write_sheet(path: Path, sheet: Image.Image, infotext: str) -> list[str]:
    """The same for a sheet of pictures, which is made smaller where its format cannot hold it."""
    shown = fitting(path, sheet)
    made = f"{shown.width} x {shown.height} pixels"
    smaller = [f"{path} is made smaller, {made}: {limits.of_picture(format_of(path), sheet.size)}"]
    return [*(smaller if shown is not sheet else []), *write(path, shown, infotext)]
