"""python -m itermix demo: the difference that mixing makes, as a sheet of pictures side by side, then the page."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itermix.commands import arguments as command_line
from itermix.commands.parser import Parser, file, number, run, say, whole
from itermix.commands.progress import Bar
from itermix.mixing.settings import MixingSettings
from itermix.studio.errors import StudioError
from itermix.studio.request import Request, Resolved

if TYPE_CHECKING:
    from PIL import Image

    from itermix.studio.pipeline import Studio

OUT = Path("out/demo.png")
MODEL = Path(__file__).parents[1] / "studio" / "model"
SHOWN, SHOWN_QUICKLY = 4, 2  # subjects where none are named, with --full and without
IN_TIME = 90.0  # seconds from the start in which a further subject has to be done, where nobody has asked for it
SCALE, OTHERS_SCALE = 4, 2  # of the model that comes along, which is small, and of other checkpoints
STRENGTHS = (0.3, 0.5, 0.7)
PRESETS = ("Close", "Balanced", "Creative")
CELL = 256  # pixels of the sheet: a picture's longer side at most, and that of the part of it

TITLE = "A picture at {} times the size that the model was trained for"
SENTENCE = (
    "Asked for a large picture directly, a model repeats or breaks things; a plain second pass either stays soft or "
    "changes the picture; iterative mixing keeps the composition of the small picture and lets new detail grow, "
    "how much is the preset's. Below each picture the part of it where the small one has the most edges."
)
EXAMPLES = """examples:
  python3 -m itermix demo
  python3 -m itermix demo --full
  python3 -m itermix demo --no-browser --out sheet.png
  python3 -m itermix demo --subjects "fox on a blue background" "a castle" --seed 7
  python3 -m itermix demo --checkpoint sd15.safetensors --config sd15-folder --subjects "a castle on a hill"
"""


def main(arguments: list[str]) -> int:
    """The exit code: 0, 2 for bad input, 130 where the run was interrupted."""
    code = run("demo", parser(), arguments, demo)
    return code or open_page(parser().parse_args(arguments))


def parser() -> Parser:
    made = Parser(
        "demo",
        "Renders the same prompts natively, larger by the usual ways and larger by iterative mixing, saves one "
        "labelled sheet of them, and opens the page.",
        EXAMPLES,
    )
    made.add_argument(
        "--out", type=file, default=OUT, help=f".png, .jpg or .webp file for the sheet (default {OUT.as_posix()})"
    )
    made.add_argument(
        "--full", action="store_true", help="more subjects, strengths and presets: some minutes instead of one"
    )
    made.add_argument("--no-browser", action="store_true", help="only save the sheet")
    made.add_argument("--subjects", nargs="+", metavar="PROMPT", help="what the pictures show, a row each")
    made.add_argument(
        "--scale", type=whole, help=f"how many times larger, from 2 to 8 (default {SCALE}; other checkpoints: 2)"
    )
    made.add_argument("--seed", type=whole, default=0, help="of all pictures (default 0)")
    made.add_argument("--steps", type=whole, default=20, help="sampling steps (default 20)")
    made.add_argument("--guidance", type=number, default=0.0, help="CFG scale; 0 is the model's own (default 0)")
    command_line.add_model(made)
    return made


def demo(options: argparse.Namespace) -> None:
    """Makes the sheet, and writes it after each row of it. Raises StudioError."""
    started = time.monotonic()
    requests, scale = requests_of(options), scale_of(options)
    command_line.require_writable(options.out)
    command_line.require_model(options)
    studio = command_line.open_studio(options)
    resolved = [studio.network.resolved(request) for request in requests]
    bar = Bar([work for request in resolved for work in work_of(request, options.full, scale)])
    rows: list[list[Image.Image]] = []
    for request in resolved:
        begun = time.monotonic()
        rows.append(pictures_of(studio, request, bar, options.full, scale))
        save(options.out, resolved[: len(rows)], rows, options.full, scale)
        if len(rows) < len(resolved) and not is_in_time(options, time.monotonic() - started, time.monotonic() - begun):
            print("\nthis machine is busy or slow, so the sheet ends here", file=sys.stderr, flush=True)
            break
        if len(rows) == 1 < len(resolved) and not sys.stderr.isatty():
            print(f"the first row is in {options.out.absolute()}", file=sys.stderr, flush=True)
    print(f"the sheet is {options.out.absolute()}")
    if not options.full:
        print("`python3 -m itermix demo --full` makes more of it: more subjects, strengths and presets")


def is_in_time(options: argparse.Namespace, passed: float, row: float) -> bool:
    """Whether the next row is to be made, which takes as long as the one before it, in seconds."""
    return bool(options.full or options.subjects) or passed + row <= IN_TIME


def requests_of(options: argparse.Namespace) -> list[Request]:
    """What the rows show. Raises StudioError."""
    subjects = options.subjects or default_subjects()[: SHOWN if options.full else SHOWN_QUICKLY]
    return [
        Request(prompt=prompt, seed=options.seed, steps=options.steps, guidance=options.guidance) for prompt in subjects
    ]


def scale_of(options: argparse.Namespace) -> int:
    """How many times larger the pictures get. Raises StudioError."""
    if options.scale is None:
        return OTHERS_SCALE if options.checkpoint else SCALE
    if not 2 <= options.scale <= 8:
        raise StudioError(f"scale: '{options.scale}' is not allowed; it takes a whole number from 2 to 8")
    return options.scale


def save(path: Path, requests: list[Resolved], rows: list[list[Image.Image]], is_full: bool, scale: int) -> None:
    """Writes the sheet of the rows that are made. Raises StudioError."""
    from itermix.pictures import sheet
    from itermix.studio import pictures

    every = ways(requests[0], is_full, scale)
    groups = [sheet.Group(label, len(variants), colour) for label, colour, variants in every]
    columns = [name for _, _, variants in every for name, _ in variants]
    labels = [label for request in requests for label in (request.prompt, "")]
    lines = [line for row in rows for line in lines_of(row)]
    made = sheet.composed(TITLE.format(scale), SENTENCE, columns, labels, lines, groups)
    size = requests[0].height, requests[0].width
    for line in pictures.write_sheet(path, made, requests[0].infotext(requests[0].seed, size)):
        say(line)


def lines_of(row: list[Image.Image]) -> tuple[list[Image.Image], list[Image.Image]]:
    """The pictures of a row as the sheet shows them: whole, and a part of each, of the largest at its own size."""
    from PIL.Image import Resampling

    from itermix.pictures import detail

    longest = max(max(picture.size) for picture in row)
    box = detail.busiest(row[0], min(CELL / longest, 1.0))
    whole = [picture.resize(reduced(picture.size), Resampling.LANCZOS) for picture in row]
    return whole, [detail.part(picture, box, min(CELL, longest)) for picture in row]


def reduced(size: tuple[int, int]) -> tuple[int, int]:
    """A picture's size in the sheet."""
    share = min(CELL / max(size), 1.0)
    return tuple(max(round(side * share), 1) for side in size)


def work_of(request: Resolved, is_full: bool, scale: int) -> list[float]:
    """How much work the pictures of a row are: their pixels times the steps."""
    every = ways(request, is_full, scale)
    made = [dataclasses.replace(request, **change) for _, _, variants in every for _, change in variants]
    return [changed.width * changed.height * changed.hires**2 * changed.steps for changed in made]


def ways(request: Resolved, is_full: bool, scale: int) -> list[tuple[str, str, list[tuple[str, dict[str, Any]]]]]:
    """The ways to the picture, in groups: the group's label and colour, each way's label and what it changes in the
    request. is_full: more than one way of a kind. scale: how many times larger."""
    strengths, presets = (STRENGTHS, PRESETS) if is_full else (STRENGTHS[1:2], PRESETS[:1])
    large = f"{request.width * scale} x {request.height * scale}"
    hires = [(f"{large}, denoising strength {s:g}", {"hires": float(scale), "hires_strength": s}) for s in strengths]
    mixed = [
        (
            f"{large}, preset {preset}",
            {"hires": float(scale), "mixing": MixingSettings.from_dict({"preset": preset, "enabled": True})},
        )
        for preset in presets
    ]
    direct = {"width": request.width * scale, "height": request.height * scale}
    return [
        ("native", "#6b6b6b", [(f"{request.width} x {request.height}", {})]),
        ("direct", "#a33b2a", [(large, direct)]),
        ("plain second pass (hires fix)", "#a33b2a", hires),
        ("iterative mixing", "#1f6f43", mixed),
    ]


def pictures_of(studio: Studio, request: Resolved, bar: Bar, is_full: bool, scale: int) -> list[Image.Image]:
    """One row of the sheet. All second passes start from the one native picture."""
    from itermix.studio import pictures

    made, native = [], None  # the first way is the native picture
    for group, _, variants in ways(request, is_full, scale):
        for label, changes in variants:
            bar.begin(f"{request.prompt}: {group}, {label}")
            changed = dataclasses.replace(request, **changes)
            if changed.hires > 1.0:
                latent, _ = studio.hires(changed, request.seed, native, bar.step)
                made.append(pictures.picture_of(studio.network.decode(latent)))
            else:
                result = next(studio.text_to_image(changed, bar.step))
                native = result.latent if native is None else native
                made.append(result.picture)
            bar.end()
    return made


def default_subjects() -> list[str]:
    """What the model that comes with itermix draws well."""
    from itermix.studio.loading import defaults_of

    return list(defaults_of(MODEL)["prompts"][:SHOWN])


def open_page(options: argparse.Namespace) -> int:
    """The exit code of the page; 0 where it is not wanted or cannot be shown."""
    if options.no_browser:
        return 0
    if not has_display():
        print("there is no display here to open the page on; `python3 -m itermix studio` serves it")
        return 0
    from itermix.commands import studio as page

    model = {name: getattr(options, name) for name in ("checkpoint", "config", "device")}
    return page.main([text for name, value in model.items() if value for text in (f"--{name}", value)])


def has_display() -> bool:
    """Whether a browser can be opened: not on a server, nor from afar."""
    if "SSH_CONNECTION" in os.environ:
        return False
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
