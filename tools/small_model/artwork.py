"""The training pictures: one subject of Microsoft's Fluent emoji (3D, MIT) on a plain background, and its caption."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

# Unmistakable at 128 px, and unlike each other. The names are the emoji's CLDR names, shortened.
SUBJECTS = {
    "red apple": "1f34e", "banana": "1f34c", "lemon": "1f34b", "strawberry": "1f353", "watermelon": "1f349",
    "pineapple": "1f34d", "carrot": "1f955", "mushroom": "1f344", "cat": "1f431", "dog": "1f436", "pig": "1f437",
    "frog": "1f438", "panda": "1f43c", "fox": "1f98a", "bear": "1f43b", "koala": "1f428", "monkey": "1f435",
    "chick": "1f424", "penguin": "1f427", "octopus": "1f419", "fish": "1f420", "turtle": "1f422", "snail": "1f40c",
    "ladybug": "1f41e", "butterfly": "1f98b", "red heart": "2764-fe0f", "star": "2b50", "sun": "1f31e",
    "moon": "1f319", "tree": "1f332", "cactus": "1f335", "tulip": "1f337", "sunflower": "1f33b", "clover": "1f340",
    "rocket": "1f680", "red car": "1f697", "bus": "1f68c", "house": "1f3e0", "balloon": "1f388", "gift": "1f381",
    "light bulb": "1f4a1", "key": "1f511", "bell": "1f514", "umbrella": "2602-fe0f", "guitar": "1f3b8",
    "soccer ball": "26bd", "burger": "1f354", "pizza": "1f355", "donut": "1f369", "cupcake": "1f9c1",
    "crown": "1f451", "top hat": "1f3a9", "robot": "1f916", "ghost": "1f47b", "snowman": "26c4", "pumpkin": "1f383",
}  # fmt: skip
BACKGROUNDS = {
    "white": (246, 246, 246), "gray": (142, 146, 152), "black": (26, 26, 30), "red": (200, 58, 58),
    "orange": (242, 148, 58), "yellow": (248, 214, 84), "green": (88, 168, 96), "blue": (72, 124, 216),
    "purple": (132, 92, 196), "pink": (246, 168, 198),
}  # fmt: skip
NATIVE = 128  # pixels
SMALLEST, LARGEST = 0.62, 0.88  # the subject's share of the picture's side
JITTER = 5  # of a background's colour, in 8-bit steps
# Share of captions in the one full form; the others leave out the background or say it in short.
FULL_CAPTIONS = 0.8


@dataclass(frozen=True)
class Composition:
    """One picture to be drawn. scale: the subject's share of the side; place: of the room left, 0 to 1."""

    subject: str
    background: str
    scale: float
    place: tuple[float, float]
    is_flipped: bool
    colour: tuple[int, int, int]

    def caption(self, form: float = 0.0) -> str:
        """form: a number from 0 to 1 that chooses the wording."""
        article = "an" if self.background[0] in "aeiou" else "a"
        if form < FULL_CAPTIONS:
            return f"{self.subject} on {article} {self.background} background"
        return self.subject if form > (1.0 + FULL_CAPTIONS) / 2.0 else f"{self.subject}, {self.background} background"


def composition(draw: random.Random, subject: str | None = None, background: str | None = None) -> Composition:
    """A random one, of a given subject or background where they are named."""
    background = background or draw.choice(list(BACKGROUNDS))
    return Composition(
        subject or draw.choice(list(SUBJECTS)),
        background,
        draw.uniform(SMALLEST, LARGEST),
        (draw.random(), draw.random()),
        draw.random() < 0.5,
        tuple(min(max(value + draw.randint(-JITTER, JITTER), 0), 255) for value in BACKGROUNDS[background]),
    )


class Artwork:
    """The emoji of an unpacked `@lobehub/fluent-emoji-3d` package, 256 x 256 RGBA."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    @cache  # noqa: B019 (one object for the whole run)
    def subject(self, name: str) -> Image.Image:
        """Raises FileNotFoundError with what to do where the package is not there."""
        path = self.folder / "assets" / f"{SUBJECTS[name]}.webp"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there; unpack the npm package @lobehub/fluent-emoji-3d there")
        return Image.open(path).convert("RGBA")

    def picture(self, made: Composition, side: int = NATIVE) -> Image.Image:
        """The composition at side x side pixels, RGB."""
        emoji = self.subject(made.subject)
        wide = round(made.scale * side)
        emoji = emoji.resize((wide, wide), Image.Resampling.LANCZOS)
        if made.is_flipped:
            emoji = emoji.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        canvas = Image.new("RGB", (side, side), made.colour)
        room = side - wide
        canvas.paste(emoji, (round(made.place[0] * room), round(made.place[1] * room)), emoji)
        return canvas


def tensor_of(pictures: list[Image.Image]) -> Tensor:
    """[B, 3, H, W] in [-1, 1], float32."""
    values = np.stack([np.asarray(picture) for picture in pictures])
    return torch.from_numpy(values).permute(0, 3, 1, 2).float() / 127.5 - 1.0
