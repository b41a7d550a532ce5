"""Pictures of the small model at 2x, 3x and 4x, by each way of getting there, against what they should look like.

`python -m benchmarks.pictures --artwork FOLDER` draws prompts at the model's own size, lays the known artwork onto
each picture, enlarges it with every method, and prints one line per method and scale, measured against the artwork at
that size. artwork: the npm package @iconify-json/fluent-emoji, unpacked, which the model was trained on.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import picture_measures as measures
from benchmarks import picture_report as report
from benchmarks import picture_rows, recognition
from benchmarks.cases import HALVES, PROMPTS, SEEDS, Case, cases
from benchmarks.enlargements import METHODS, STEPS, Drawn, Method, Native, Store
from benchmarks.evaluations import Counted
from benchmarks.picture_rows import CEILING
from benchmarks.recognition import Recogniser
from benchmarks.registration import Registration
from itermix.studio.pictures import picture_of, tensor_of
from itermix.studio.pipeline import Studio
from tools.small_model.artwork import NATIVE, Artwork, held_back

SCALES = (2, 3, 4)
REALS = 48  # compositions whose levels' deviations are the unit of the distance


class Bench:
    """Draws and measures a prompt at a time, so that no more than one prompt's pictures are held."""

    def __init__(self, options: argparse.Namespace, recogniser: Recogniser):
        torch.set_num_threads(1)
        self.artwork, self.recogniser, self.options = Artwork(options.artwork), recogniser, options
        self.studio = Studio(Counted(Studio.open(options.checkpoint).network))
        self.registration = Registration(self.artwork)
        self.kept = Store(options.keep, self.studio.network.fingerprint)
        self.methods = [method for method in METHODS if not options.rows or method.name in options.rows]
        self.deviations = {scale: self._deviations(scale * NATIVE) for scale in options.scales}

    def __call__(self, drawn: list[Case]) -> dict[str, Any]:
        """What was measured of a prompt: {"prompt", "drawn", "native", "rows", "shown", "seconds"}.

        Pictures that do not show the prompt's subject at the native size are left out: what they should look like when
        enlarged is not known. rows: {(method, scale): measures}; none where every seed is left out.
        """
        began = time.process_time()
        natives = [Native(self.studio, case, self.options.steps, self.kept) for case in drawn]
        names = self.recogniser(torch.cat([native.picture() for native in natives]))
        right = [native for native, name in zip(natives, names) if name == native.case.subject]
        made = [self.registration(native.picture()[0], native.case.subject) for native in right]
        found = {"prompt": drawn[0].prompt, "drawn": len(drawn), "native": {}, "rows": {}, "shown": {}}
        if right:
            small = torch.cat([native.picture() for native in right])
            found["native"] = {"recognised": len(right), "ssim": measures.ssim(small, self._exact(made, 1))}
            found["shown"]["native", 1] = picture_of(small)
            for scale in self.options.scales:
                self._scale(scale, right, small, self._exact(made, scale), found)
        return {**found, "seconds": time.process_time() - began}

    def _scale(self, scale: int, natives: list[Native], small: Tensor, exact: Tensor, found: dict[str, Any]) -> None:
        """Adds the rows and the first seed's pictures at that scale."""
        network = self.studio.network
        wanted = [measures.objects(picture) for picture in exact]
        ways = {method.name: partial(_enlarged, natives, method, scale) for method in self.methods}
        ways[CEILING] = lambda: [Drawn(network.decode(network.encode(one[None]))) for one in exact]
        is_shown = self.options.sheet is not None and scale == self.options.scales[0]
        shown = {("exact", scale): exact[:1]}
        for name, make in ways.items():
            drawn = make()
            pictures = torch.cat([one.picture for one in drawn])
            distances = measures.wasserstein(pictures, exact, 0, self.deviations[scale], is_paired=True)
            names = self.recogniser(pictures)
            shown[name, scale] = pictures[:1]
            found["rows"][name, scale] = {
                "ssim": measures.ssim(pictures, exact),
                "edges": measures.edges(pictures, exact, scale),
                "structure": measures.structure(pictures, small),
                "distance": sum(distances) / len(distances),
                "sharpness": measures.sharpness(pictures, exact),
                "objects": sum(measures.objects(a) == b for a, b in zip(pictures, wanted)) / len(wanted),
                "recognised": sum(a == b.case.subject for a, b in zip(names, natives)) / len(natives),
                "calls": sum(one.pixels for one in drawn) / len(drawn) / (scale * NATIVE // network.reduction) ** 2,
                "distances": distances,
            }
        if is_shown:
            found["shown"] |= {key: picture_of(pictures) for key, pictures in shown.items()}

    def _exact(self, made: list, scale: int) -> Tensor:
        return torch.cat([tensor_of(self.artwork.picture(one, scale * NATIVE)) for one in made])

    def _deviations(self, side: int) -> list[Tensor]:
        real = torch.cat([tensor_of(self.artwork.picture(made, side)) for made in held_back(REALS)])
        return measures.deviations(real)


def _enlarged(natives: list[Native], method: Method, scale: int) -> list[Drawn]:
    return [native.enlarged(method, scale) for native in natives]


def measured(options: argparse.Namespace, drawn: list[list[Case]], recogniser: Recogniser) -> Iterator[dict[str, Any]]:
    """What each prompt gave, in their order; several processes, of one thread each, share the prompts."""
    if options.processes == 1:
        yield from map(Bench(options, recogniser), drawn)
        return
    with multiprocessing.get_context("spawn").Pool(options.processes, _begin, (options, recogniser)) as pool:
        yield from pool.imap(_measure, drawn)


def _begin(options: argparse.Namespace, recogniser: Recogniser) -> None:
    global _bench
    _bench = Bench(options, recogniser)


def _measure(drawn: list[Case]) -> dict[str, Any]:
    return _bench(drawn)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__.split("\n\n")[0])
    made.add_argument("--artwork", required=True, help="the unpacked npm package @iconify-json/fluent-emoji")
    made.add_argument("--checkpoint", help="diffusers folder; without it the small model that comes along")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    made.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw some of the pictures")
    made.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the pictures there, and go on with them")
    made.add_argument("--scales", type=int, nargs="+", default=SCALES)
    made.add_argument("--prompts", type=int, default=PROMPTS, help="of both halves together")
    made.add_argument("--half", choices=HALVES, default="odd", help="odd: to report; even: to choose settings on")
    made.add_argument("--seeds", type=int, default=SEEDS)
    made.add_argument("--steps", type=int, default=STEPS)
    made.add_argument("--rows", nargs="+", choices=[method.name for method in METHODS], metavar="NAME")
    made.add_argument("--processes", type=int, default=1, help="of one thread each; one for each core is fastest")
    return made


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    say, artwork = partial(print, file=sys.stderr, flush=True), Artwork(options.artwork)
    drawn, results = cases(options.prompts, options.seeds, options.half), []
    with tempfile.TemporaryDirectory() as folder:
        recogniser = recognition.kept(artwork, (options.keep or Path(folder)) / "recogniser")
    classifier = recognition.accuracy(recogniser, artwork)
    say(f"classifier: {classifier}")
    for result in measured(options, drawn, recogniser):
        results.append(result)
        say(f"{len(results)} of {len(drawn)}: {result['prompt']}, {result['seconds']:.0f} s of work")
    found = picture_rows.summary(results, options.half, classifier)
    print(report.text(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if options.sheet:
        report.sheet([result for result in results if result["shown"]], options.scales[0], options.sheet)


if __name__ == "__main__":
    main()
