"""How much of the reference's structure, and of a sampled picture's detail, is left by each way of mixing.

`python -m benchmarks.quality` runs every method on pictures whose denoiser is known exactly (`fields`), for every
scale, schedule, number of steps and sampler (a cell), and prints one line per method. With `--flow` it runs the
defaults on flow models' schedules and prints one line per schedule and number of steps.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import torch

from benchmarks import fields, flow_schedules, measures, report
from benchmarks.field_methods import FIELD
from benchmarks.fields import Size, SizeError
from benchmarks.methods import DEFAULT, FAITHFUL, METHODS, Evaluations, Task
from benchmarks.solvers import SAMPLERS, SCHEDULES
from itermix.mixing.noising import VE, Flow

SCALES = (2, 4)
STEPS = (10, 20, 40)
CHANNELS = 4
FLOW_STEPS = (4, 8, 20)
FLOW_STRENGTHS = (1.0, 0.7)  # a whole run, and the defaults' hires pass


@dataclass(frozen=True)
class Cell:
    """One condition under which all methods are compared."""

    scale: int
    schedule: str
    steps: int
    sampler: str
    strength: float = 1.0  # denoising strength of a hires pass; 1 is a whole run


CELLS = tuple(Cell(*values) for values in product(SCALES, SCHEDULES, STEPS, SAMPLERS))
# Stable Diffusion's schedules at 20 steps beside them, to be held against.
FLOW_CELLS = tuple(
    Cell(*values)
    for schedules, steps in ((SCHEDULES, (20,)), (flow_schedules.SCHEDULES, FLOW_STEPS))
    for values in product(SCALES, schedules, steps, SAMPLERS, FLOW_STRENGTHS)
)
FIELD_CELLS = tuple(Cell(*values) for values in product(SCALES, SCHEDULES, (20,), ("Euler", "DPM++ 2M")))

Row = dict[str, Any]
ALL = {**METHODS, **FIELD}


def run(
    methods: Iterable[str] = tuple(METHODS),
    cells: Iterable[Cell] = CELLS,
    size: Size = (64, 64),
    exponent: float = 2.0,
    seed: int = 0,
    images: int = 4,
) -> list[Row]:
    """One row for every method in every cell: method, the cell's fields, structure, detail {band: value}, known,
    evaluations. Evaluations of the network are counted over those of the plain sampler.

    size: (height, width) of the latent. exponent: power falls as 1 / f^exponent. images: how many
    pictures are measured together; with 4 of 64x64 chance moves detail by 0.01. Raises SizeError.
    """
    cells = tuple(cells)
    for cell in cells:
        fields.check_size(size, cell.scale)
    rows = []
    for cell in cells:
        task = make_task(cell, size, exponent, seed, images)
        plain = ALL["plain"](task)
        wanted = task.evaluations.count
        for method in methods:
            task.evaluations.count = 0.0
            result = ALL[method](task)
            rows.append(
                {
                    "method": method,
                    **vars(cell),
                    "structure": measures.structure(result, task.reference, cell.scale),
                    "detail": measures.detail(result, plain, cell.scale),
                    "known": measures.known(result, task.picture, plain, cell.scale),
                    "evaluations": task.evaluations.count / wanted,
                }
            )
    return rows


def make_task(cell: Cell, size: Size, exponent: float, seed: int, images: int) -> Task:
    """The cell's run; every cell has the same pictures and noise."""
    generator = torch.Generator().manual_seed(seed)
    shape = (images, CHANNELS, *size)
    white, noise = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    power, evaluations = fields.power_spectrum(size, exponent), Evaluations(size[0] * size[1])
    picture = fields.draw(white, power)
    is_flow = cell.schedule in flow_schedules.SCHEDULES
    levels = (flow_schedules.SCHEDULES if is_flow else SCHEDULES)[cell.schedule]
    return Task(
        sample=SAMPLERS[cell.sampler],
        denoise=evaluations.counted(partial(fields.denoise_flow if is_flow else fields.denoise, power=power)),
        sigmas=flow_schedules.hires(levels, cell.steps, cell.strength),
        reference=fields.enlarged_from(picture, cell.scale),
        noise=noise,
        scale=cell.scale,
        seeds=tuple(range(seed, seed + images)),
        noising=Flow() if is_flow else VE(),
        whole=levels(cell.steps),
        picture=picture,
        small=fields.reduced_from(picture, cell.scale),
        prior=cache(partial(fields.reduced_power, exponent=exponent, of=size)),
        evaluations=evaluations,
    )


def parse_size(text: str) -> Size:
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; it takes HEIGHTxWIDTH, such as 64x64")
    return int(sides[0]), int(sides[1])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write one object per method and cell")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw structure against detail")
    parser.add_argument("--field", action="store_true", help="the whole of what others do, beside our presets")
    parser.add_argument("--flow", action="store_true", help="the defaults on flow models' schedules")
    parser.add_argument("--full", action="store_true", help="print every cell, too")
    parser.add_argument("--exponent", type=float, default=2.0, help="power falls as 1/f^exponent (default 2)")
    parser.add_argument("--size", type=parse_size, default=(64, 64), help="HEIGHTxWIDTH of the latent (default 64x64)")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures and the noise (default 0)")
    parser.add_argument("--images", type=int, default=4, help="how many pictures are measured together (default 4)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the arrays are small: more threads only wait for each other
    chosen = ((DEFAULT,), FLOW_CELLS) if options.flow else (tuple(METHODS), CELLS)
    if options.field:
        chosen = ("plain", DEFAULT, FAITHFUL, *FIELD), FIELD_CELLS
    try:
        rows = run(*chosen, size=options.size, exponent=options.exponent, seed=options.seed, images=options.images)
    except SizeError as error:
        parser.error(str(error))
    if options.full:
        print(report.every_cell(rows), end="\n\n")
    print(report.by_schedule(rows) if options.flow else report.table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    if options.plot:
        report.draw(rows, options.plot)


if __name__ == "__main__":
    main()
