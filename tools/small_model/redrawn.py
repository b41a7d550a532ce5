"""What the decoder learns from beside encoded latents: such that the UNet has drawn, whose right picture is known.

A drawn latent is never an encoded one. Its surfaces are mottled and its edges soft, and a decoder that has seen
encoded ones alone shows it. So real latents are noised to a timestep t and denoised again by the UNet: what it changes
there are its own faults, and the picture that they come from is the one to decode to.

    x_t = sqrt(abar_t) z + sqrt(1 - abar_t) n,   then DDIM (Song et al., arXiv 2010.02502, eq. 12), eta 0 or 1, to t = 0

with the guidance that pictures are drawn with: what guidance does to a latent is one of its faults, too.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from tools.small_model import checkpoints
from tools.small_model.artwork import BACKGROUNDS, NATIVE
from tools.small_model.denoiser import ENCODED, Latents, alphas
from tools.small_model.export import GUIDANCE
from tools.small_model.renders import corners
from tools.small_model.text import Ids

STEP = 50  # timesteps: a run of 20 steps has such
# Where a picture begins again. From at most half of the way it stays the picture it was: its latent differs from the
# real one by as much as the drawn ones' faults, and hardly in what it shows. From further up it shows the same subject,
# with other edges; then the right picture says what edges are like, and no longer where they are.
NEAR, FAR = (50, 100, 150, 200, 300, 400, 500), (700, 850, 950)
NEAR_COUNTS, FAR_COUNTS = {NATIVE: 2048, 256: 288, 512: 48}, {NATIVE: 512}  # pixels a side: how many pictures
CELL = 8  # pixels of the picture that a latent pixel stands for


class Redrawn:
    """Pictures at one size, their latents drawn again by the UNet, [N, 16, H, W], half precision, once.

    starts: the timesteps that they begin again at, one for each batch.
    """

    def __init__(
        self, latents: Latents, unet: UNet2DConditionModel, text: CLIPTextModel, ids: Ids, path: Path,
        starts: Sequence[int] = NEAR, say=print,
    ):  # fmt: skip
        self.starts = starts
        self.renders, self.drawn, self.made = latents.renders, latents.drawn, latents.made
        saved = checkpoints.load(path)
        self.values = saved["latents"] if saved else self._values(latents, unet, text, ids, say)
        if not saved:
            checkpoints.save(path, dict(latents=self.values))
        self.values = self.values.to(self.renders.device)

    def _values(self, latents: Latents, unet: UNet2DConditionModel, text: CLIPTextModel, ids: Ids, say) -> Tensor:
        found, said, draw = [], time.monotonic(), random.Random(f"redrawn {self.renders.side}")
        at_once = max(ENCODED * NATIVE**2 // self.renders.side**2, 1)
        for first in range(0, len(self.made), at_once):
            values = latents.values[first : first + at_once].float()
            captions = [made.caption() for made in self.made[first : first + at_once]]
            generator = torch.Generator(values.device).manual_seed(first)
            start, eta = draw.choice(self.starts), draw.choice((0.0, 1.0))
            with torch.inference_mode():
                states = text(ids(captions + [""] * len(captions)))[0]
                found.append(redrawn(unet, values, states, start, eta, generator).half().cpu())
            if time.monotonic() - said > checkpoints.SAYING or first + at_once >= len(self.made):
                said = time.monotonic()
                say(f"drawn again {first + len(values)} of {len(self.made)} at {self.renders.side} px", flush=True)
        return torch.cat(found)

    @property
    def is_far(self) -> bool:
        """Whether the edges are no longer where they were."""
        return min(self.starts) > max(NEAR)

    def views(self, draw: random.Random, count: int, crop: int) -> tuple[Tensor, Tensor]:
        """Latents [count, 16, crop / 8, crop / 8] and the pictures to decode them to, [count, 3, crop, crop]."""
        indices = [draw.randrange(len(self.made)) for _ in range(count)]
        cells = crop // CELL
        room = self.values.shape[-1] - cells
        starts = corners(draw, count, room)
        latents = torch.stack(
            [self.values[i, :, y : y + cells, x : x + cells] for i, (x, y) in zip(indices, starts)]
        ).float()
        subjects, names, mirrored = zip(*(self.drawn[index] for index in indices))
        # A mirrored render is cut before it is mirrored.
        places = [(CELL * (room - x if is_mirrored else x), CELL * y) for (x, y), is_mirrored in zip(starts, mirrored)]
        colours = [BACKGROUNDS[name] for name in names]
        return latents, self.renders.pictures(list(subjects), colours, list(mirrored), places, crop)


def redrawn(
    unet: UNet2DConditionModel, latents: Tensor, states: Tensor, start: int, eta: float, generator: torch.Generator
) -> Tensor:
    """Latents [B, 16, H, W] noised to timestep `start` and denoised again in steps of STEP.

    states: of the captions and of as many empty ones, [2 B, L, C].
    """
    signal, noise_level = (values.to(latents.device) for values in alphas())
    x = signal[start] * latents + noise_level[start] * _noise(latents, generator)
    for t in range(start, 0, -STEP):
        cond, uncond = unet(torch.cat([x, x]), t, encoder_hidden_states=states, return_dict=False)[0].chunk(2)
        v = uncond + GUIDANCE * (cond - uncond)
        denoised, noise = signal[t] * x - noise_level[t] * v, noise_level[t] * x + signal[t] * v
        after = max(t - STEP, 0)
        if not after:
            return denoised
        fresh = eta * noise_level[after] / noise_level[t] * (1.0 - (signal[t] / signal[after]).square()).sqrt()
        kept = (noise_level[after].square() - fresh.square()).sqrt()
        x = signal[after] * denoised + kept * noise + fresh * _noise(latents, generator)
    return x


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device)
