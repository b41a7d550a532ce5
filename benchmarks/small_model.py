"""Whether the small model draws well: its VAE, its native pictures, and that direct large ones fail.

`python -m benchmarks.small_model --artwork FOLDER --json FILE` measures on compositions that no training has seen, and
writes {"vae": {side: {"psnr", "power"}}, "native": {"recognised", "background", "distance", "floor"}, "direct_fails",
"classifier": {"subjects", "broken"}}. artwork: the npm package @iconify-json/fluent-emoji, unpacked.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from benchmarks import picture_measures as measures
from benchmarks.cases import Case
from benchmarks.recognition import Recogniser, accuracy, trained
from benchmarks.registration import edge_colour, nearest
from itermix.studio.networks import Network
from itermix.studio.pictures import picture_of, tensor_of
from itermix.studio.pipeline import Studio
from itermix.studio.request import Request
from tools.small_model.artwork import BACKGROUNDS, NATIVE, SUBJECTS, Artwork, composition, held_back

SIDES = (128, 256, 512)
COMPOSITIONS = 48  # that the VAE is measured on
PROMPTS, SEEDS = 64, 4
REALS = 4  # real pictures for each drawn one
LARGE = 2  # times the native side, of direct pictures
COLUMNS = 8  # of the sheet


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    say = partial(print, file=sys.stderr, flush=True)
    artwork, studio = Artwork(options.artwork), Studio.open(options.checkpoint)
    found: dict[str, Any] = {"vae": vae(studio.network, artwork, options.sides, options.compositions)}
    say(found)
    if options.prompts:
        with tempfile.TemporaryDirectory() as folder:
            recogniser = trained(artwork, Path(folder))
        found["classifier"] = accuracy(recogniser, artwork)
        say(found["classifier"])
        drawn = cases(options.prompts, options.seeds)
        pictures = native(studio, drawn, say)
        if options.sheet:
            sheet(pictures[:: options.seeds], options.sheet)
        found["native"] = judged(pictures, drawn, recogniser, studio.network, artwork)
        say(found["native"])
        found["direct_fails"] = direct_fails(studio, drawn[:: options.seeds], recogniser, artwork)
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks.small_model", description=__doc__.split("\n\n")[0])
    made.add_argument("--artwork", required=True, help="the unpacked npm package @iconify-json/fluent-emoji")
    made.add_argument("--checkpoint", help="diffusers folder; without it the small model that comes along")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    made.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw a native picture of each prompt")
    made.add_argument("--prompts", type=int, default=PROMPTS, help="0: only the VAE")
    made.add_argument("--seeds", type=int, default=SEEDS)
    made.add_argument("--sides", type=int, nargs="+", default=SIDES)
    made.add_argument("--compositions", type=int, default=COMPOSITIONS)
    return made


def cases(prompts: int, seeds: int) -> list[Case]:
    """The same ones every time: pairs of subject and background, each subject as often as the others."""
    draw = random.Random("small model")
    pairs = [(subject, draw.sample(list(BACKGROUNDS), len(BACKGROUNDS))) for subject in SUBJECTS]
    order = [(subject, names[turn]) for turn in range(len(BACKGROUNDS)) for subject, names in pairs]
    return [Case(subject, background, seed) for subject, background in order[:prompts] for seed in range(seeds)]


def vae(network: Network, artwork: Artwork, sides: tuple[int, ...], count: int) -> dict[str, dict[str, float]]:
    """By side: PSNR of the mean squared error in dB, and power of the finest Laplacian level over the real one's."""
    found = {}
    for side in sides:
        errors, powers = [], []
        for made in held_back(count):
            real = tensor_of(artwork.picture(made, side))
            decoded = network.decode(network.encode(real))
            errors.append(float((decoded - real).square().mean()))
            powers.append([float(measures.laplacian(one)[0].square().mean()) for one in (decoded, real)])
        ours, theirs = (sum(column) for column in zip(*powers))
        found[str(side)] = {"psnr": -10.0 * math.log10(sum(errors) / count), "power": ours / theirs}
    return found


def native(studio: Studio, drawn: list[Case], say=print) -> Tensor:
    """The cases' pictures with the model's own settings, [B, 3, 128, 128]."""
    pictures = []
    for number, case in enumerate(drawn):
        if number % 32 == 0:
            say(f"{number} of {len(drawn)}: {case.prompt}")
        pictures.append(asked(studio, case, NATIVE))
    return torch.cat(pictures)


def asked(studio: Studio, case: Case, side: int) -> Tensor:
    """With the model's own sampler and guidance, [1, 3, side, side]."""
    request = studio.network.resolved(Request(prompt=case.prompt, width=side, height=side, seed=case.seed))
    return tensor_of(next(iter(studio.text_to_image(request))).picture)


def judged(
    pictures: Tensor, drawn: list[Case], recogniser: Recogniser, network: Network, artwork: Artwork
) -> dict[str, float]:
    """Shares with the right subject and background, distance to real pictures, and that of others sent through the
    VAE, which no drawn picture can be below."""
    names, grounds = recogniser(pictures), [background(picture) for picture in pictures]
    real, others = real_pictures(artwork, drawn, REALS, "real"), real_pictures(artwork, drawn, 1, "others")
    through = torch.cat([network.decode(network.encode(picture[None])) for picture in others])
    return {
        "recognised": share(name == case.subject for name, case in zip(names, drawn)),
        "background": share(name == case.background for name, case in zip(grounds, drawn)),
        "distance": distance(pictures, real),
        "floor": distance(through, real),
    }


def real_pictures(artwork: Artwork, drawn: list[Case], each: int, seed: str) -> Tensor:
    """What the cases' pictures look like, placed at random: so many of each."""
    draw = random.Random(f"small model {seed}")
    made = [composition(draw, case.subject, case.background) for case in drawn for _ in range(each)]
    return torch.cat([tensor_of(artwork.picture(one)) for one in made])


def direct_fails(studio: Studio, drawn: list[Case], recogniser: Recogniser, artwork: Artwork) -> float:
    """Share of pictures made at twice the native size directly that are not recognised, or have another number of
    objects than the real picture."""
    failed = []
    for case in drawn:
        picture = asked(studio, case, LARGE * NATIVE)
        real = composition(random.Random(case.prompt), case.subject, case.background)
        wanted = measures.objects(tensor_of(artwork.picture(real, LARGE * NATIVE))[0])
        is_right = recogniser(picture)[0] == case.subject and measures.objects(picture[0]) == wanted
        failed.append(not is_right)
    return share(failed)


def background(picture: Tensor) -> str:
    """The name of the colour along the edges of [3, H, W]."""
    return nearest(edge_colour(picture))


def distance(pictures: Tensor, real: Tensor) -> float:
    levels = measures.wasserstein(pictures, real)
    return sum(levels) / len(levels)


def share(values) -> float:
    values = list(values)
    return sum(values) / len(values)


def sheet(pictures: Tensor, path: Path) -> None:
    """Pictures [B, 3, S, S] side by side."""
    side, rows = pictures.shape[-1], math.ceil(len(pictures) / COLUMNS)
    canvas = Image.new("RGB", (COLUMNS * side, rows * side), "white")
    for index, picture in enumerate(pictures):
        canvas.paste(picture_of(picture[None]), (index % COLUMNS * side, index // COLUMNS * side))
    canvas.save(path)


if __name__ == "__main__":
    main()
