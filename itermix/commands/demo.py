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
from itermix.commands.parser import Parser, number, path, run, say, whole
from itermix.commands.progress import Bar
from itermix.mixing.settings import MixingSettings
from itermix.studio.request import Request, Resolved

if TYPE_CHECKING:
    from PIL import Image

    from itermix.studio.pipeline import Studio

OUT = Path("out/demo.png")
MODEL = Path(__file__).parents[1] / "studio" / "model"
SUBJECTS = (
    "red apple on a blue background",
    "yellow duck on a green background",
    "orange cat on a white background",
    "blue fish on a yellow background",
)
SHOWN, SHOWN_QUICKLY = 4, 2  # subjects where none are named, with --full and without
IN_TIME = 90.0  # seconds from the start in which a further subject has to be done, where nobody has asked for it
SCALE = 2
STRENGTHS = (0.4, 0.7)
ALPHAS = (0.1, MixingSettings().alpha_1, 2.0)

TITLE = "A picture at twice the size that the model was trained for"
SENTENCE = (
    "Asked for a large picture directly, a model repeats or breaks things; a plain second pass either stays soft or "
    "changes the picture; iterative mixing keeps the composition of the small picture and lets new detail grow, "
    "the more freely the larger alpha_1 is."
)
EXAMPLES = """examples:
  python3 -m itermix demo
  python3 -m itermix demo --full
  python3 -m itermix demo --no-browser --out sheet.png
  python3 -m itermix demo --subjects "red apple on a blue background" "a yellow duck" --seed 7
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
        "--out", type=path, default=OUT, help=f".png, .jpg or .webp file for the sheet (default {OUT.as_posix()})"
    )
    made.add_argument("--full", action="store_true", help="more subjects and more values: some minutes instead of one")
    made.add_argument("--no-browser", action="store_true", help="only save the sheet")
    made.add_argument("--subjects", nargs="+", metavar="PROMPT", help="what the pictures show, a row each")
    made.add_argument("--seed", type=whole, default=0, help="of all pictures (default 0)")
    made.add_argument("--steps", type=whole, default=20, help="sampling steps (default 20)")
    made.add_argument("--guidance", type=number, default=0.0, help="CFG scale; 0 is the model's own (default 0)")
    command_line.add_model(made)
    return made


def demo(options: argparse.Namespace) -> None:
    """Makes the sheet, and writes it after each row of it. Raises StudioError."""
    started = time.monotonic()
    requests = requests_of(options)
    command_line.require_writable(options.out)
    command_line.require_model(options)
    print("loading the model", file=sys.stderr, flush=True)
    studio = command_line.open_studio(options)
    resolved = [studio.network.resolved(request) for request in requests]
    bar = Bar([work for request in resolved for work in work_of(request, options.full)])
    rows: list[list[Image.Image]] = []
    for request in resolved:
        begun = time.monotonic()
        rows.append(pictures_of(studio, request, bar, options.full))
        save(options.out, resolved[: len(rows)], rows, options.full)
        if len(rows) < len(resolved) and not is_in_time(options, time.monotonic() - started, time.monotonic() - begun):
            print("\nthis machine is busy or slow, so the sheet ends here", file=sys.stderr, flush=True)
            break
        if len(rows) == 1 < len(resolved) and not sys.stderr.isatty():
            print(f"the first row is in {options.out.absolute()}", file=sys.stderr, flush=True)
    print(f"the sheet is {options.out.absolute()}")
    if not options.full:
        print("`python3 -m itermix demo --full` makes more of it: more subjects, and more values of alpha_1")


def is_in_time(options: argparse.Namespace, passed: float, row: float) -> bool:
    """Whether the next row is to be made, which takes as long as the one before it, in seconds."""
    return bool(options.full or options.subjects) or passed + row <= IN_TIME


def requests_of(options: argparse.Namespace) -> list[Request]:
    """What the rows show. Raises StudioError."""
    subjects = options.subjects or default_subjects()[: SHOWN if options.full else SHOWN_QUICKLY]
    return [
        Request(prompt=prompt, seed=options.seed, steps=options.steps, guidance=options.guidance) for prompt in subjects
    ]


def save(path: Path, requests: list[Resolved], rows: list[list[Image.Image]], is_full: bool) -> None:
    """Writes the sheet of the rows that are made. Raises StudioError."""
    from itermix.pictures import sheet
    from itermix.studio import pictures

    groups = [sheet.Group(label, len(variants), colour) for label, colour, variants in ways(requests[0], is_full)]
    columns = [name for _, _, variants in ways(requests[0], is_full) for name, _ in variants]
    made = sheet.composed(TITLE, SENTENCE, columns, [request.prompt for request in requests], rows, groups)
    size = requests[0].height, requests[0].width
    for line in pictures.write_sheet(path, made, requests[0].infotext(requests[0].seed, size)):
        say(line)


def work_of(request: Resolved, is_full: bool) -> list[float]:
    """How much work the pictures of a row are: their pixels times the steps."""
    made = [
        dataclasses.replace(request, **change) for _, _, variants in ways(request, is_full) for _, change in variants
    ]
    return [changed.width * changed.height * changed.hires**2 * changed.steps for changed in made]


def ways(request: Resolved, is_full: bool = True) -> list[tuple[str, str, list[tuple[str, dict[str, Any]]]]]:
    """The ways to the picture, in groups: the group's label and colour, each way's label and what it changes in the
    request. is_full: more than one way of a kind."""
    strengths, alphas = (STRENGTHS, ALPHAS) if is_full else (STRENGTHS[-1:], ALPHAS[1:2])
    large = f"{request.width * SCALE} x {request.height * SCALE}"
    hires = [(f"{large}, denoising strength {s:g}", {"hires": float(SCALE), "hires_strength": s}) for s in strengths]
    mixed = [
        (
            f"{large}, alpha_1 = {alpha:g}",
            {"hires": float(SCALE), "mixing": MixingSettings(enabled=True, alpha_1=alpha)},
        )
        for alpha in alphas
    ]
    direct = {"width": request.width * SCALE, "height": request.height * SCALE}
    return [
        ("native", "#6b6b6b", [(f"{request.width} x {request.height}", {})]),
        ("direct", "#a33b2a", [(large, direct)]),
        ("plain second pass (hires fix)", "#a33b2a", hires),
        ("iterative mixing", "#1f6f43", mixed),
    ]


def pictures_of(studio: Studio, request: Resolved, bar: Bar, is_full: bool) -> list[Image.Image]:
    """One row of the sheet. All second passes start from the one native picture."""
    from itermix.studio import pictures

    made, native = [], None  # the first way is the native picture
    for group, _, variants in ways(request, is_full):
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

    return list(defaults_of(MODEL).get("prompts", SUBJECTS)[:SHOWN])


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
