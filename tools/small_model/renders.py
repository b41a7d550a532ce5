"""Rendered subjects that training draws again and again: on disk, each exact at its size, without a background.

A cutout takes every background and may be mirrored, so each stands for twenty pictures.
"""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tools.small_model.artwork import SUBJECTS, Artwork, Composition, composition

# How many of each subject at each size, in pixels: about 25 s of rendering a line and one thread for every ten at
# 128 px. Small pictures change more with place and scale than large ones do.
COUNTS = {128: 96, 192: 32, 256: 24, 384: 12, 512: 8}
CPU = torch.device("cpu")


class Renders:
    """Cutouts [N, side, side, 4], uint8, at one size; each subject in turn. On the CPU they stay on disk.

    processes: that render; one is this one.
    """

    def __init__(
        self, artwork: Artwork, folder: Path, side: int, each: int, seed: int = 0, say=print, processes: int = 1,
        device: torch.device = CPU,
    ):  # fmt: skip
        draw = random.Random(f"renders {seed} {side}")
        self.side, self.device = side, device
        self.made = [composition(draw, name) for _ in range(each) for name in SUBJECTS]
        path = folder / f"{side}-{each}-{seed}.npy"
        if not path.is_file():
            self._render(artwork, path, say, processes)
        self.cutouts = torch.from_numpy(np.load(path, mmap_mode="c")).to(device)

    def _render(self, artwork: Artwork, path: Path, say, processes: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        shape = (len(self.made), self.side, self.side, 4)
        cutouts = np.lib.format.open_memmap(part, "w+", np.uint8, shape)
        artwork.load()  # not in each of the processes
        tasks = ([artwork] * len(self.made), self.made, [self.side] * len(self.made))
        if processes == 1:
            cutouts[:] = list(map(_cutout, *tasks))
        else:  # spawned: a forked process would take over the threads' locks and the device
            with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
                for index, cutout in enumerate(pool.map(_cutout, *tasks, chunksize=32)):
                    cutouts[index] = cutout
        cutouts.flush()
        part.replace(path)
        say(f"rendered {len(self.made)} at {self.side} px", flush=True)

    def pictures(
        self, indices: list[int], colours: list[tuple[int, int, int]], mirrored: list[bool],
        corners: list[tuple[int, int]] | None = None, crop: int | None = None,
    ) -> Tensor:  # fmt: skip
        """Cutouts on colours, [B, 3, crop, crop] in [-1, 1], float32, on the device.

        corners: (x, y) of each crop's upper left, in pixels; crop: its side. What is mirrored is so after the cut.
        """
        crop = crop or self.side
        chosen, mirror = torch.tensor(indices, device=self.device), torch.tensor(mirrored, device=self.device)
        start = torch.tensor(corners or [(0, 0)] * len(indices), device=self.device)
        span = torch.arange(crop, device=self.device)
        rows = start[:, 1:] + span
        columns = start[:, :1] + torch.where(mirror[:, None], crop - 1 - span, span)
        cutouts = self.cutouts[chosen[:, None, None], rows[:, :, None], columns[:, None, :]].float()
        ground = torch.tensor(colours, device=self.device, dtype=torch.float32)[:, None, None]
        values = torch.lerp(ground, cutouts[..., :3], cutouts[..., 3:] / 255.0)
        return values.permute(0, 3, 1, 2) / 127.5 - 1.0

    def composition(self, index: int, background: str, colour: tuple[int, int, int], is_mirrored: bool) -> Composition:
        """What a picture of the whole cutout shows."""
        made = self.made[index]
        x, y = made.corner
        if is_mirrored:
            x = 1.0 - x - made.scale
        return replace(
            made, background=background, colour=colour, corner=(x, y), is_flipped=made.is_flipped != is_mirrored
        )


def corners(draw: random.Random, count: int, room: int) -> list[tuple[int, int]]:
    """Where parts of pictures begin, (x, y) from 0 to room: towards the middle, where the subject is, and anywhere at
    times, as borders and plain ground must come out, too."""
    return [(round(room * draw.triangular(0.0, 1.0)), round(room * draw.triangular(0.0, 1.0))) for _ in range(count)]


def _cutout(artwork: Artwork, made: Composition, side: int) -> np.ndarray:
    return np.asarray(artwork.cutout(made, side))
