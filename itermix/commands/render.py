"""python -m itermix render: pictures from a prompt, with JSON settings in and out and the parameters in the PNG."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from itermix.commands import arguments as command_line
from itermix.commands import beside, frames
from itermix.commands.parser import Parser, file, run, say, whole
from itermix.commands.progress import show
from itermix.mixing.settings import MOST_TRACED
from itermix.sequence import gallery
from itermix.studio.errors import StudioError
from itermix.studio.request import Request, Resolved

if TYPE_CHECKING:
    from itermix.sequence.settings import SequenceSettings
    from itermix.studio.pipeline import Studio
    from itermix.studio.source import Source

EXAMPLES = """examples:
  python3 -m itermix render "fox on a blue background" --out fox.png
  python3 -m itermix render "fox" --hires 2 --mixing '{"alpha_1": 0.3}' --out fox.png
  python3 -m itermix render "a castle" --checkpoint sd15.safetensors --config sd15-folder --out castle.png
  python3 -m itermix render "a hat" --image man.png --mask head.png --strength 0.9 --out hat.png
  python3 -m itermix render "a castle" --settings run.json --seed 7 --save-settings run7.json --out castle.png
  python3 -m itermix render "fox" --hires 2 --mixing {} --trace 4 --out fox.png
  python3 -m itermix render "a cat" --sequence mine.json --out mine.png
  python3 -m itermix render --sequence morph --out morph.png

--mixing takes an object of Iterative Mixing's settings, {} for its defaults, {"preset": "Balanced"} for a preset.
--settings takes an object of the options' names (hires_strength for --hires-strength); options win over it.
The prompt may be among them: render --settings run.json --out castle.png
--sequence takes a file with an object of Latent Sequence's settings: frames are written beside --out, then the video.
"""


def main(arguments: list[str]) -> int:
    """The exit code: 0, 2 for bad input, 130 where the run was interrupted."""
    return run("render", parser(), arguments, render)


def parser() -> Parser:
    made = Parser(
        "render",
        "Makes pictures from a prompt; with --hires and --mixing, larger ones that keep their composition.",
        EXAMPLES,
    )
    made.add_argument(
        "prompt", nargs="?", help="what the picture shows; --settings and a --sequence may have prompts of their own"
    )
    made.add_argument(
        "--out",
        required=True,
        type=file,
        help="file to write, .png, .jpg or .webp; with --count above 1 its name gets the seed",
    )
    command_line.add_model(made)
    command_line.add_request(made)
    made.add_argument(
        "--sequence",
        help="makes frames and a video: a JSON file with Latent Sequence's settings, or an example of itermix's own: "
        + ", ".join(gallery.NAMES),
    )
    made.add_argument("--resume", action="store_true", help="go on with a --sequence that was interrupted")
    made.add_argument(
        "--trace", type=whole, default=0, metavar="STEPS",
        help=f"save a strip of so many steps beside each mixed picture, up to {MOST_TRACED} (default 0)",
    )  # fmt: skip
    made.add_argument("--save-settings", help="JSON file to write the run's settings to")
    return made


def render(options: argparse.Namespace) -> None:
    """Makes the pictures and writes them, each as soon as it is done. Raises StudioError and SettingsError."""
    request, sequence = checked(options)
    from itermix.studio.source import Source

    source = Source.read(options.image, options.mask)
    command_line.require_model(options)
    if options.save_settings:
        command_line.write_json("save-settings", Path(options.save_settings), request.to_dict())
    studio = command_line.open_studio(options)
    studio.traced_steps = options.trace
    resolved = studio.network.resolved(request)
    command_line.note_unused(options, resolved)
    command_line.note_size(request, resolved, source)
    if sequence is not None:
        frames.render(studio, resolved, sequence, source, options)
    else:
        render_pictures(studio, resolved, source, options)


def checked(options: argparse.Namespace) -> tuple[Request, SequenceSettings | None]:
    """What is asked for. Raises StudioError and SettingsError."""
    values = command_line.values_of(options)
    if "prompt" not in values and not options.sequence:
        raise StudioError("prompt: it is missing; the command needs prompt")
    request = Request.from_dict(values)
    if not 0 <= options.trace <= MOST_TRACED:
        raise StudioError(f"trace: {options.trace} is not allowed; it takes a whole number from 0 to {MOST_TRACED}")
    sequence = frames.settings_of(options)
    if sequence is not None:
        frames.require_suitable(request, sequence, options)
    command_line.require_size(options.out, request)
    require_files(options, request, sequence)
    return request, sequence


def require_files(options: argparse.Namespace, request: Request, sequence: SequenceSettings | None) -> None:
    """Refuses files that the run could not write, or would write over. Raises StudioError and SettingsError."""
    out = Path(options.out)
    command_line.require_writable(out, longest_addition(options, request))
    command_line.require_json_writable(options.save_settings, "save-settings")
    if options.save_settings:
        others = ("out", "image", "mask", "sequence", "checkpoint")
        command_line.require_own_file(options, "save-settings", Path(options.save_settings), others)
    if sequence is None:
        beside.require(options, beside.of_pictures(options, request))
    else:
        beside.require(options, beside.of_sequence(out, sequence))
        beside.require_own_state(out)


def render_pictures(studio: Studio, request: Resolved, source: Source, options: argparse.Namespace) -> None:
    """Writes each picture and its traces, and says what was mixed."""
    from itermix.studio import loading, pictures
    from itermix.studio.jobs import results_of, why_unmixed
    from itermix.studio.traces import save_trace

    for result, infotext in results_of(studio, request, source, loading.name_of(options.checkpoint), show):
        path = Path(options.out)
        if request.count > 1:
            path = beside.picture_file(path, result.seed)
        for line in pictures.write(path, result.picture, infotext):
            say(line)
        for name, report in result.reports.items():
            if report.steps:
                say(f"{name}: mixed {report.counted()}, {report}")
            if report.trace is not None:
                print(save_trace(studio, path, name, report))
        if request.mixing.enabled and not result.is_mixed:
            say(f"nothing was mixed: {why_unmixed(request, source)}")
        elif options.trace and not request.mixing.enabled:
            say("note: trace is not used: there is no --mixing")
        print(path)


def longest_addition(options: argparse.Namespace, request: Request) -> str:
    """The longest text that names made from --out have beyond it."""
    seed = f"-{request.seed + request.count}" if request.count > 1 else ""
    return seed + ("-trace-hires-pass.png" if options.trace else "-00000.state" if options.sequence else "")
