"""The training pictures: one subject of Microsoft's Fluent emoji (vectors, MIT) on a plain background, its caption.

A composition is a drawing in a unit square, so that its exact picture exists at every size: it is rendered again for
each and never enlarged. Rendering takes 10 to 50 ms at 128 px; `renders.py` keeps what training needs again.
"""

from __future__ import annotations

import io
import json
import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

# Unmistakable at 128 px, unlike each other, and each with something fine to show at larger sizes. The values are the
# package's names.
SUBJECTS = {
    "fox": "fox", "owl": "owl", "lion": "lion", "penguin": "penguin", "parrot": "parrot", "butterfly": "butterfly",
    "octopus": "octopus", "crab": "crab", "fish": "tropical-fish", "turtle": "turtle", "sunflower": "sunflower",
    "cactus": "cactus", "mushroom": "mushroom", "strawberry": "strawberry", "pineapple": "pineapple",
    "hamburger": "hamburger", "cupcake": "cupcake", "castle": "castle", "house": "house", "rocket": "rocket",
    "locomotive": "locomotive", "robot": "robot", "guitar": "guitar", "umbrella": "umbrella",
}  # fmt: skip
BACKGROUNDS = {
    "white": (246, 246, 246), "gray": (142, 146, 152), "black": (26, 26, 30), "red": (200, 58, 58),
    "orange": (242, 148, 58), "yellow": (248, 214, 84), "green": (88, 168, 96), "blue": (72, 124, 216),
    "purple": (132, 92, 196), "pink": (246, 168, 198),
}  # fmt: skip
# A subject of its background's colour has no edge to count by.
ALIKE = {
    "red": ("butterfly", "castle", "crab", "guitar", "locomotive", "mushroom", "parrot", "strawberry"),
    "orange": ("fox", "lion", "octopus", "pineapple", "hamburger", "house", "butterfly"),
    "yellow": ("sunflower", "lion", "pineapple", "fish"),
    "green": ("turtle", "cactus"),
    "pink": ("cupcake", "octopus", "crab", "parrot"),
    "white": ("robot", "castle", "penguin", "rocket"),
    "black": ("owl", "locomotive", "umbrella"),
    "gray": ("castle", "robot", "rocket"),
    "blue": ("fish",),
    "purple": ("umbrella", "butterfly", "penguin"),
}  # fmt: skip
NATIVE = 128  # pixels
UNITS = 32  # a side of the package's drawings
SMALLEST, LARGEST = 0.74, 0.88  # the drawing's share of the picture's side
OFF_CENTRE = 0.1  # of the side; the drawing never leaves the picture
# Share of captions in the one full form; the others leave out the background or say it in short.
FULL_CAPTIONS = 0.8


@dataclass(frozen=True)
class Composition:
    """One picture to be drawn, in units of its side.

    scale: the drawing's side; corner: (x, y) of the drawing's upper left; colour: the background's, 8 bit RGB.
    """

    subject: str
    background: str
    scale: float
    corner: tuple[float, float]
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
    subject = subject or draw.choice(list(SUBJECTS))
    background = background or draw.choice(list(BACKGROUNDS))
    scale = draw.uniform(SMALLEST, LARGEST)
    reach = min(OFF_CENTRE, (1.0 - scale) / 2.0)
    corner = tuple((1.0 - scale) / 2.0 + draw.uniform(-reach, reach) for _ in range(2))
    return Composition(subject, background, scale, corner, draw.random() < 0.5, BACKGROUNDS[background])


def held_back(count: int, seed: int = 0) -> list[Composition]:
    """Compositions that no training draws, each subject as often as the others."""
    draw, names = random.Random(f"held back {seed}"), list(SUBJECTS)
    return [composition(draw, names[index % len(names)]) for index in range(count)]


class Artwork:
    """The drawings of an unpacked `@iconify-json/fluent-emoji` package."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def load(self) -> None:
        """Reads the drawings, which happens by itself when the first one is made. Raises FileNotFoundError."""
        _ = self.bodies

    @cached_property
    def bodies(self) -> dict[str, str]:
        """SVG elements by the package's names, UNITS x UNITS.

        Raises FileNotFoundError with what to do where the package is not there.
        """
        path = self.folder / "icons.json"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there; unpack the npm package @iconify-json/fluent-emoji there")
        icons = json.loads(path.read_text(encoding="utf-8"))["icons"]
        return {name: icons[name]["body"] for name in SUBJECTS.values()}

    def picture(self, made: Composition, side: int = NATIVE) -> Image.Image:
        """The composition at side x side pixels, RGB."""
        canvas = Image.new("RGBA", (side, side), (*made.colour, 255))
        canvas.alpha_composite(self.cutout(made, side))
        return canvas.convert("RGB")

    def cutout(self, made: Composition, side: int = NATIVE) -> Image.Image:
        """The subject alone, in its place, at side x side pixels, RGBA."""
        from resvg_py import svg_to_bytes

        drawing = self.drawing(made, side)
        return Image.open(io.BytesIO(svg_to_bytes(svg_string=drawing, skip_system_fonts=True))).convert("RGBA")

    def drawing(self, made: Composition, side: int) -> str:
        """The subject alone as SVG."""
        unit, (x, y) = made.scale / UNITS, made.corner
        place = f"{-unit if made.is_flipped else unit} 0 0 {unit} {x + made.scale * made.is_flipped} {y}"
        size = f'width="{side}" height="{side}" viewBox="0 0 1 1"'
        body = self.bodies[SUBJECTS[made.subject]]
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><g transform="matrix({place})">{body}</g></svg>'


def tensor_of(pictures: list[Image.Image]) -> Tensor:
    """[B, 3, H, W] in [-1, 1], float32."""
    values = np.stack([np.asarray(picture) for picture in pictures])
    return torch.from_numpy(values).permute(0, 3, 1, 2).float() / 127.5 - 1.0
