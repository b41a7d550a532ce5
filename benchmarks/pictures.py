"""Pictures of the small model at 2x and 3x, by each way of getting there, against what they should look like.

`python -m benchmarks.pictures --artwork FOLDER` draws 32 prompts with 2 seeds at the model's own size, enlarges them
with every method, and prints one line per method and scale. artwork: the npm package @iconify-json/fluent-emoji,
unpacked; the model was trained on it at its native size, and at 256 px and above it says what a right enlargement
is.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from benchmarks import picture_measures as measures
from benchmarks import picture_report as report
from itermix.mixing.settings import MixingSettings
from itermix.studio.pictures import picture_of, tensor_of
from itermix.studio.pipeline import Result, Studio
from itermix.studio.request import Request
from tools.small_model.artwork import BACKGROUNDS, NATIVE, SUBJECTS, Artwork, composition

Say = Callable[[str], None]
SCALES = (2, 3)
PROMPTS, SEEDS = 32, 2
REALS = 4  # real pictures for each drawn one
DIRECT = "direct"
HIRES_STRENGTHS = (0.3, 0.5, 0.7)
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


@dataclass(frozen=True)
class Method:
    """A way to the large picture: a hires pass, or none, where the picture is made at the large size directly."""

    name: str
    is_hires: bool = True
    strength: float = 1.0
    mixing: MixingSettings = MixingSettings()

    def request(self, native: Request, scale: int) -> Request:
        """What is asked for, for a picture scale times as large as the native one."""
        if not self.is_hires:
            return dataclasses.replace(native, width=scale * NATIVE, height=scale * NATIVE)
        return dataclasses.replace(native, hires=float(scale), hires_strength=self.strength, mixing=self.mixing)


METHODS = (
    Method(DIRECT, is_hires=False),
    *(Method(f"hires {strength}", strength=strength) for strength in HIRES_STRENGTHS),
    Method("DemoFusion", mixing=MixingSettings.from_dict({"preset": "DemoFusion paper", "enabled": True})),
    Method("itermix", mixing=MixingSettings(enabled=True)),
    *(Method(f"itermix {name}", mixing=MixingSettings.from_dict({"preset": name, "enabled": True}))
      for name in ("Faithful", "Creative")),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What is drawn, and from which seed."""

    subject: str
    background: str
    seed: int

    @property
    def prompt(self) -> str:
        return f"{self.subject} on {'an' if self.background[0] in 'aeiou' else 'a'} {self.background} background"


def cases(prompts: int = PROMPTS, seeds: int = SEEDS) -> list[Case]:
    """The same ones every time: subjects from all over the list, each on a background of another colour."""
    draw = random.Random("pictures")
    subjects = draw.sample(list(SUBJECTS), len(SUBJECTS)) * math.ceil(prompts / len(SUBJECTS))
    chosen: list[tuple[str, str]] = []
    for subject in subjects[:prompts]:
        free = [name for name in BACKGROUNDS if subject not in ALIKE[name] and (subject, name) not in chosen]
        chosen.append((subject, draw.choice(free)))
    return [Case(*pair, seed) for pair in chosen for seed in range(seeds)]


def real_pictures(artwork: Artwork, drawn: list[Case], side: int) -> Tensor:
    """What the cases' pictures look like at side x side pixels: REALS of each, placed at random. [B, 3, H, W]."""
    draw = random.Random(f"real {side}")
    made = [composition(draw, case.subject, case.background) for case in drawn for _ in range(REALS)]
    return torch.cat([tensor_of(artwork.picture(one, side)) for one in made])


class Store:
    """The pictures that are made, as PNG in a folder (or nowhere): a long run goes on where it was stopped.

    A picture is kept with what it was asked for, and made again where that has changed. It is rounded to 8 bits whether
    it is kept or not.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def get(self, name: str, asked: Request, make_it: Callable[[], Tensor]) -> Tensor:
        """The picture of that name, [1, 3, H, W]; made if it is not there."""
        mixing = asked.mixing.to_dict() if asked.mixing.enabled else None  # else a new default would make all again
        text = json.dumps({**asked.to_dict(), "mixing": mixing})
        path = self.folder / f"{name}.png" if self.folder else None
        if path and path.exists():
            with Image.open(path) as picture:
                if picture.text.get("asked") == text:
                    return tensor_of(picture)
        picture = picture_of(make_it())
        if path:
            note = PngInfo()
            note.add_text("asked", text)
            half = path.with_suffix(f".{os.getpid()}")
            picture.save(half, "PNG", pnginfo=note)
            half.replace(path)
        return tensor_of(picture)


def make(
    studio: Studio,
    drawn: list[Case],
    methods: tuple[Method, ...],
    scales: tuple[int, ...],
    kept: Store,
    say: Say,
) -> dict[tuple[str, int], Tensor]:
    """The pictures by method and scale, and the native ones by ("native", 1). [B, 3, H, W] each."""
    made: dict[tuple[str, int], list[Tensor]] = {}
    for number, case in enumerate(drawn):
        request = studio.network.resolved(Request(prompt=case.prompt, width=NATIVE, height=NATIVE, seed=case.seed))
        native = Native(studio, request)
        name = f"{number:03}"
        made.setdefault(("native", 1), []).append(kept.get(f"{name} native", request, native.picture))
        for scale in scales:
            for method in methods:
                asked = method.request(request, scale)
                make_it = partial(enlarged, studio, asked, native)
                picture = kept.get(f"{name} {scale}x {method.name}", asked, make_it)
                made.setdefault((method.name, scale), []).append(picture)
        say(f"{number + 1} of {len(drawn)}: {case.prompt}")
    return {key: torch.cat(pictures) for key, pictures in made.items()}


class Native:
    """A picture at the model's own size, made when it is first asked for."""

    def __init__(self, studio: Studio, request: Request):
        self.studio, self.request = studio, request

    @cached_property
    def result(self) -> Result:
        return next(iter(self.studio.text_to_image(self.request)))

    def picture(self) -> Tensor:
        return tensor_of(self.result.picture)


def enlarged(studio: Studio, asked: Request, native: Native) -> Tensor:
    """One picture as it is asked for: with a hires pass from the native one, or directly. [1, 3, H, W]"""
    if asked.hires == 1.0:
        return tensor_of(next(iter(studio.text_to_image(asked))).picture)
    latent, _ = studio.hires(asked, asked.seed, native.result.latent)
    return studio.network.decode(latent)


def rows(made: dict[tuple[str, int], Tensor], real: dict[int, Tensor]) -> list[dict[str, Any]]:
    """One row per method and scale."""
    native = made["native", 1]
    wanted = [measures.objects(picture) for picture in native]
    found = []
    for (name, scale), pictures in made.items():
        if name == "native":
            continue
        counts = [measures.objects(picture) for picture in pictures]
        direct = [measures.objects(picture) for picture in made[DIRECT, scale]]
        broken = [i for i in range(len(wanted)) if direct[i] != wanted[i]]
        levels = measures.wasserstein(pictures, real[scale])
        found.append({
            "method": name, "scale": scale,
            "structure": measures.structure(pictures, native),
            "distance": sum(levels) / len(levels), "distances": levels,
            "sharpness": measures.sharpness(pictures, real[scale]),
            "objects": sum(a == b for a, b in zip(counts, wanted)) / len(wanted),
            "mended": sum(counts[i] == wanted[i] for i in broken) / max(len(broken), 1), "broken": len(broken),
        })  # fmt: skip
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__.split("\n\n")[0])
    parser.add_argument("--artwork", required=True, help="the unpacked npm package @iconify-json/fluent-emoji")
    parser.add_argument("--checkpoint", help="diffusers folder; without it the small model that comes along")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw some of the pictures")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the pictures there, and go on with them")
    parser.add_argument("--scales", type=int, nargs="+", default=SCALES)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args(arguments)
    artwork, drawn = Artwork(options.artwork), cases(options.prompts, options.seeds)
    studio = Studio.open(options.checkpoint)
    say = partial(print, file=sys.stderr, flush=True)
    made = make(studio, drawn, METHODS, tuple(options.scales), Store(options.keep), say)
    real = {scale: real_pictures(artwork, drawn, scale * NATIVE) for scale in options.scales}
    for scale in options.scales:  # the best that this VAE could do
        made["the VAE's best", scale] = through_vae(studio, real[scale][::REALS])
    found = rows(made, real)
    print(report.table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.sheet:
        report.sheet(made, [case.prompt for case in drawn[:: options.seeds]], options.seeds, options.sheet)


def through_vae(studio: Studio, pictures: Tensor) -> Tensor:
    return torch.cat([studio.network.decode(studio.network.encode(picture[None])) for picture in pictures])


if __name__ == "__main__":
    main()
