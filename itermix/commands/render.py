"""python -m itermix render: pictures from a prompt, with JSON settings in and out and the parameters in the PNG."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from itermix.commands import arguments as command_line
from itermix.commands.progress import show
from itermix.mixing.settings import MOST_TRACED
from itermix.sequence.settings import INFOTEXT_KEY, SequenceSettings
from itermix.studio.errors import StudioError
from itermix.studio.request import Request, Resolved, read_json

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from itermix.mixing.mixer import MixingReport
    from itermix.studio.jobs import Source
    from itermix.studio.pipeline import Studio

EXAMPLES = """examples:
  python3 -m itermix render "red apple on a blue background" --out apple.png
  python3 -m itermix render "red apple" --hires 2 --mixing '{"alpha_1": 0.3}' --out apple.png
  python3 -m itermix render "a castle" --checkpoint sd15.safetensors --config sd15-folder --out castle.png
  python3 -m itermix render "a hat" --image man.png --mask head.png --strength 0.9 --out hat.png
  python3 -m itermix render "a castle" --settings run.json --seed 7 --save-settings run7.json --out castle.png
  python3 -m itermix render "red apple" --hires 2 --mixing {} --trace 4 --out apple.png
  python3 -m itermix render "a cat" --sequence morph.json --out morph.png

--mixing takes an object of Iterative Mixing's settings, {} for its defaults, {"preset": "Balanced"} for a preset.
--settings takes an object of the options' names (hires_strength for --hires-strength); options win over it.
--sequence takes a file with an object of Latent Sequence's settings: frames are written beside --out, then the video.
"""


def main(arguments: list[str]) -> int:
    """The exit code: 0, 2 for bad input, 130 where the run was interrupted."""
    return command_line.run("render", parser(), arguments, render)


def parser() -> command_line.Parser:
    made = command_line.Parser(
        "render",
        "Makes pictures from a prompt; with --hires and --mixing, larger ones that keep their composition.",
        EXAMPLES,
    )
    made.add_argument("prompt", help="what the picture shows")
    made.add_argument("--out", required=True, help="PNG file to write; with --count above 1 its name gets the seed")
    command_line.add_model(made)
    command_line.add_request(made)
    made.add_argument("--sequence", help="JSON file with Latent Sequence's settings: makes its frames and the video")
    made.add_argument(
        "--trace", type=int, default=0, metavar="STEPS",
        help=f"save a strip of so many steps beside each mixed picture, up to {MOST_TRACED} (default 0)",
    )  # fmt: skip
    made.add_argument("--save-settings", help="JSON file to write the run's settings to")
    return made


def render(options: argparse.Namespace) -> None:
    """Makes the pictures and writes them, each as soon as it is done. Raises StudioError and SettingsError."""
    request = Request.from_dict(command_line.values_of(options))
    if options.save_settings:
        command_line.write_json("save-settings", Path(options.save_settings), request.to_dict())
    if not 0 <= options.trace <= MOST_TRACED:
        raise StudioError(f"trace: {options.trace} is not allowed; it takes a whole number from 0 to {MOST_TRACED}")
    command_line.require_writable(Path(options.out))
    from itermix.studio import loading, pictures  # torch and diffusers take seconds to import
    from itermix.studio.jobs import Source, results_of

    sequence = SequenceSettings.from_dict(read_json(options.sequence)) if options.sequence else None
    source = Source.read(options.image, options.mask)
    studio = command_line.open_studio(options)
    request = studio.network.resolved(request)
    studio.traced_steps = options.trace
    if sequence is not None:
        return render_sequence(studio, request, sequence, source, options)
    for result, infotext in results_of(studio, request, source, loading.name_of(options.checkpoint), show):
        path = Path(options.out)
        if request.count > 1:
            path = path.with_name(f"{path.stem}-{result.seed}{path.suffix}")
        pictures.write_png(path, result.picture, infotext)
        for name, report in result.reports.items():
            if report.steps:
                weights = f"weight {report.first:.3f} to {report.last:.3f}"
                print(f"{name}: mixed {report.steps} steps, {weights}", file=sys.stderr)
            if report.trace is not None:
                print(save_trace(studio, path, name, report))
        print(path)


def save_trace(studio: Studio, path: Path, name: str, report: MixingReport) -> Path:
    """Saves the trace of a pass beside its picture; returns the file."""
    from PIL import ImageFont

    from itermix.pictures import trace_sheet

    def decode(latent: Tensor) -> Image.Image:
        return studio.picture(latent[None].to(studio.network.device))

    title, fonts = f"{path.name}, {name}", ImageFont.load_default
    strip = trace_sheet.picture(report.trace, report.weights, 0, title, decode, fonts)
    file = path.with_name(f"{path.stem}-trace-{name.replace(' ', '-')}.png")
    strip.save(file)
    return file


def render_sequence(
    studio: Studio, request: Resolved, settings: SequenceSettings, source: Source, options: argparse.Namespace
) -> None:
    """Writes each frame as it comes, then the video. Raises StudioError."""
    from itermix.pictures import films as media
    from itermix.pictures.fit import fitted
    from itermix.sequence.state import StateError
    from itermix.studio import loading, pictures
    from itermix.studio.sequence import make_sequence

    out, model = Path(options.out), loading.name_of(options.checkpoint)
    init, files = None, []
    if source.image is not None:
        picture = fitted(source.image, (request.height, request.width))
        init = studio.network.encode(pictures.tensor_of(picture))
    if source.mask is not None:
        raise StudioError("mask: a sequence takes none here; the WebUI's script does")

    def keep(frame, result) -> None:
        text = request.infotext(result.seed, (result.picture.height, result.picture.width), model, str(source))
        path = out.with_name(f"{out.stem}-{frame.index:05}{out.suffix or '.png'}")
        written = json.dumps(settings.to_infotext())
        pictures.write_png(
            path, result.picture, f"{text}, {INFOTEXT_KEY}: {written}, {INFOTEXT_KEY} frame: {frame.index}"
        )
        files.append(path)
        print(path)

    try:
        make_sequence(studio, request, settings, keep, init, out.with_suffix(".state"), show)
    except StateError as error:
        raise StudioError(f"resume: {error}") from None
    timing = media.Timing(settings.fps, settings.hold_first, settings.hold_last, settings.ping_pong)
    film = media.save_film(files, out.with_suffix(""), settings.video_format, timing)
    for line in film.messages:
        print(line, file=sys.stderr)
    for path in film.files:
        print(path)
