"""Rendered subjects that training draws again and again: on disk, each exact at its size, without a background.

A cutout takes every background and may be mirrored, so each stands for twenty pictures.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tools.small_model.artwork import SUBJECTS, Artwork, Composition, composition

# How many of each subject at each size, in pixels: about 25 s of rendering a line and one thread for every ten at
# 128 px. Small pictures change more with place and scale than large ones do.
COUNTS = {128: 96, 192: 32, 256: 24, 384: 12, 512: 8}

Crop = tuple[slice, slice]  # rows, columns


class Renders:
    """Cutouts [N, side, side, 4], uint8, at one size; each subject in turn."""

    def __init__(self, artwork: Artwork, folder: Path, side: int, each: int, seed: int = 0, say=print):
        draw = random.Random(f"renders {seed} {side}")
        self.side = side
        self.made = [composition(draw, name) for _ in range(each) for name in SUBJECTS]
        path = folder / f"{side}-{each}-{seed}.npy"
        if not path.is_file():
            self._render(artwork, path, say)
        self.cutouts = np.load(path, mmap_mode="r")

    def _render(self, artwork: Artwork, path: Path, say) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        shape = (len(self.made), self.side, self.side, 4)
        cutouts = np.lib.format.open_memmap(part, "w+", np.uint8, shape)
        for index, made in enumerate(self.made):
            cutouts[index] = np.asarray(artwork.cutout(made, self.side))
        cutouts.flush()
        part.replace(path)
        say(f"rendered {len(self.made)} at {self.side} px", flush=True)

    def picture(
        self, index: int, colour: tuple[int, int, int], is_mirrored: bool = False, crop: Crop | None = None
    ) -> Tensor:
        """Cutout on a colour, [3, H, W] in [-1, 1], float32."""
        cutout = torch.from_numpy(np.array(self.cutouts[index][crop or slice(None)], dtype=np.float32))
        alpha = cutout[..., 3:] / 255.0
        values = cutout[..., :3] * alpha + torch.tensor(colour, dtype=torch.float32) * (1.0 - alpha)
        values = values.flip(1) if is_mirrored else values
        return values.permute(2, 0, 1) / 127.5 - 1.0

    def composition(self, index: int, background: str, colour: tuple[int, int, int], is_mirrored: bool) -> Composition:
        """What `picture` of the whole cutout shows."""
        made = self.made[index]
        x, y = made.corner
        if is_mirrored:
            x = 1.0 - x - made.scale
        return replace(
            made, background=background, colour=colour, corner=(x, y), is_flipped=made.is_flipped != is_mirrored
        )
