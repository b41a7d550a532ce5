"""python -m itermix sweep: a labelled grid over one or two settings, on this machine or on a Ray cluster."""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

from itermix.commands import arguments as command_line
from itermix.commands import beside
from itermix.commands.parser import Parser, file, run, say
from itermix.commands.progress import Bar
from itermix.studio.axes import Axis, axis_of, cells_of, sentence, shown
from itermix.studio.errors import StudioError
from itermix.studio.request import Request

if TYPE_CHECKING:
    from PIL import Image

    from itermix.studio.source import Source

ANSWER_TIME = 2.0  # seconds that a cluster has
EXAMPLES = """examples:
  python3 -m itermix sweep "fox" --hires 2 --x alpha_1=0.02,0.3,1,3 --out grid.png
  python3 -m itermix sweep "fox" --hires 2 --x "alpha_1=0.5-3 [6]" --y curve=cosine,linear --out grid.png
  python3 -m itermix sweep "fox" --x sampler=Euler,Heun --y steps=10,20,40 --out grid.png
  python3 -m itermix sweep "fox" --hires 2 --mixing '{"blend": "linear"}' --x alpha_1=1,3 --y seed=1-4 --out g.png
  python3 -m itermix sweep "fox" --hires 2 --x alpha_1=0.1,1 --ray local --out grid.png

Beside grid.png come grid-cells/ROW-COLUMN.png, each with its own parameters, and grid.json with all settings. A value
of Iterative Mixing's settings switches mixing on. A value with a comma stands in double quotes.

--ray takes the address of a cluster (host:6379), auto for the one that this machine is part of, or local to start one
here; it wants the package ray, and the cluster's token where it asks for one (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN). The
pictures are the same as without it on machines of the same kind; --checkpoint and --config must be there on every
machine, under the same path.
"""


def main(arguments: list[str]) -> int:
    """The exit code: 0, 2 for bad input, 130 where the run was interrupted."""
    return run("sweep", parser(), arguments, sweep)


def parser() -> Parser:
    made = Parser("sweep", "Makes a grid of pictures over any one or two settings.", EXAMPLES)
    made.add_argument("prompt", help="what the pictures show")
    made.add_argument("--x", required=True, help="setting along the columns: NAME=VALUE,VALUE,... or NAME=LOW-HIGH [N]")
    made.add_argument("--y", help="setting along the rows")
    made.add_argument("--out", required=True, type=file, help=".png, .jpg or .webp file to write the grid to")
    made.add_argument("--ray", metavar="ADDRESS", help="make the cells on a Ray cluster; local starts one")
    command_line.add_model(made)
    command_line.add_request(made, without=("count",))
    return made


def sweep(options: argparse.Namespace) -> None:
    """Makes the cells and writes them as they come, then the grid. Raises StudioError and SettingsError."""
    x, y = axis_of("x", options.x), axis_of("y", options.y) if options.y else None
    requests = cells_of(command_line.values_of(options), x, y, options.image is not None)
    command_line.require_writable(options.out, "-cells")
    beside.require(options, beside.of_sweep(options.out, len(x.values), len(y.values) if y else 1))
    if options.ray is not None:
        require_cluster(options.ray)
    from itermix.studio.source import Source

    source = Source.read(options.image, options.mask)
    command_line.require_model(options)
    from itermix.pictures import sheet
    from itermix.studio import pictures

    rows = y.labels if y else [""]
    names = [f"{row}, {column}".removeprefix(", ") for row in rows for column in x.labels]
    bar, made, files = Bar([1.0] * len(requests)), [], []
    bar.begin(names[0])
    for number, (picture, infotext) in enumerate(_made(options, requests, source, bar)):
        files.append(beside.cell_file(options.out, *divmod(number, len(x.values))))
        pictures.write(files[-1], picture, infotext)
        made.append(picture)
        bar.end()
        if len(made) < len(names):
            bar.begin(names[len(made)])
    lines = [made[start : start + len(x.values)] for start in range(0, len(made), len(x.values))]
    grid = sheet.composed(options.prompt, sentence(x, y), x.labels, rows, lines)
    infotext = f"{requests[0].prompt}\nScript: itermix sweep, {_infotext(x, y)}"
    for line in pictures.write_sheet(options.out, grid, infotext):
        say(line)
    record = {
        "x": {"name": x.name, "values": x.values},
        "y": {"name": y.name, "values": y.values} if y else None,
        "cells": [
            {"file": file.relative_to(options.out.parent).as_posix(), "settings": request.to_dict()}
            for file, request in zip(files, requests)
        ],
    }
    command_line.write_json("out", beside.record_file(options.out), record)
    print(options.out)


def require_cluster(address: str) -> None:
    """Refuses the address of a machine that does not answer, which Ray tries for a minute. Raises StudioError."""
    host, colon, port = address.rpartition(":")
    if not colon or "://" in address or not port.isdecimal():
        return  # a word of Ray's own
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_TIME).close()
    except (OSError, OverflowError) as error:
        raise StudioError(f"ray: {address} cannot be reached: {error}; is the cluster up?") from None


def _made(
    options: argparse.Namespace, requests: list[Request], source: Source, bar: Bar
) -> Iterator[tuple[Image.Image, str]]:
    """Picture and infotext of each request, in their order, here or on the cluster."""
    if options.ray is not None:
        from itermix.commands import cluster

        yield from cluster.cells(options.ray, requests, source, options.checkpoint, options.device, options.config)
        return
    from itermix.studio import loading
    from itermix.studio.jobs import results_of

    studio = command_line.open_studio(options)
    for request in [studio.network.resolved(request) for request in requests]:
        ((result, infotext),) = results_of(studio, request, source, loading.name_of(options.checkpoint), bar.step)
        yield result.picture, infotext


def _infotext(x: Axis, y: Axis | None) -> str:
    axes = [("X", x), *([("Y", y)] if y else [])]
    values = [(name, axis.name, json.dumps(", ".join(map(shown, axis.values)))) for name, axis in axes]
    return ", ".join(f"{name} Type: {setting}, {name} Values: {listed}" for name, setting, listed in values)
