"""python -m itermix render: pictures from a prompt, with JSON settings in and out and the parameters in the PNG."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from itermix.settings import SettingsError
from itermix.studio.errors import Cancelled, StudioError
from itermix.studio.request import UPSCALERS, Request

EXAMPLES = """examples:
  python -m itermix render "red apple on a blue background" --out apple.png
  python -m itermix render "red apple" --width 128 --height 128 --hires 2 --mixing '{"alpha_1": 0.3}' --out apple.png
  python -m itermix render "a castle" --checkpoint sd15.safetensors --config sd15-folder --out castle.png
  python -m itermix render "a hat" --image man.png --mask head.png --strength 0.9 --out hat.png
  python -m itermix render "a castle" --settings run.json --seed 7 --save-settings run7.json --out castle.png

--mixing takes an object of Iterative Mixing's settings, {} for its defaults, {"preset": "Balanced"} for a preset.
--settings takes an object of the options' names (hires_strength for --hires-strength); options win over it.
"""
# Options whose values go into the request as they are: name, type, help.
PLAIN = (
    ("negative", str, "what the picture must not show"),
    ("width", int, "pixels, a multiple of 8"),
    ("height", int, "pixels, a multiple of 8"),
    ("steps", int, "sampling steps"),
    ("sampler", str, '"Euler", "Euler a", "DPM++ 2M", "Heun", "DDIM", or for Flux "Flow Euler"'),
    ("schedule", str, "noise schedule: karras or uniform"),
    ("guidance", float, "CFG scale; 1 is none"),
    ("seed", int, "of the first picture"),
    ("count", int, "pictures, each with the next seed"),
    ("strength", float, "denoising strength with --image"),
    ("hires", float, "enlarge so many times in a second pass"),
    ("hires-strength", float, "denoising strength of that pass without mixing"),
    ("hires-steps", int, "steps of that pass; 0 is as many as steps"),
    ("hires-upscaler", str, " or ".join(UPSCALERS)),
)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> None:
        raise StudioError(message)


def main(arguments: list[str]) -> int:
    """The exit code: 0, 2 for bad input, 130 where the run was interrupted."""
    try:
        options = parser().parse_args(arguments)
        render(options, request_of(options))
    except (StudioError, SettingsError) as error:
        print(f"itermix render: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except (Cancelled, KeyboardInterrupt):
        print("\nitermix render: interrupted", file=sys.stderr)
        return 130
    return 0


def parser() -> Parser:
    made = Parser(
        prog="python -m itermix render",
        description="Makes pictures from a prompt; with --hires and --mixing, larger ones that keep their composition.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("prompt", help="what the picture shows")
    made.add_argument("--out", required=True, help="PNG file to write; with --count above 1 its name gets the seed")
    made.add_argument("--checkpoint", help="diffusers folder or .safetensors file; without it itermix's small model")
    made.add_argument("--config", help="diffusers folder with the configurations of a single-file checkpoint")
    made.add_argument("--device", help="cpu, cuda, mps; without it a GPU where there is one")
    defaults = Request()
    for name, kind, help in PLAIN:
        default = getattr(defaults, name.replace("-", "_"))
        made.add_argument(f"--{name}", type=kind, help=f"{help} (default {default!r})" if default != "" else help)
    made.add_argument("--image", help="picture to start from")
    made.add_argument("--mask", help="with --image: a picture, white where it is made anew")
    made.add_argument("--mixing", help="Iterative Mixing's settings as a JSON object; without it nothing is mixed")
    made.add_argument("--settings", help="JSON file with the run's settings")
    made.add_argument("--save-settings", help="JSON file to write the run's settings to")
    return made


def request_of(options: argparse.Namespace) -> Request:
    """The request of a settings file and the options, which win. Raises StudioError and SettingsError."""
    values = _read_json(options.settings) if options.settings else {}
    values["prompt"] = options.prompt
    for name, _, _ in PLAIN:
        key = name.replace("-", "_")
        if getattr(options, key) is not None:
            values[key] = getattr(options, key)
    if options.mixing is not None:
        try:
            values["mixing"] = json.loads(options.mixing)
        except ValueError:
            raise StudioError(f"mixing: {options.mixing[:60]!r} is not allowed; it takes a JSON object") from None
    if options.mask and not options.image:
        raise StudioError("mask: there is nothing to keep without --image")
    return Request.from_dict(values)


def render(options: argparse.Namespace, request: Request) -> None:
    """Makes the pictures and writes them, each as soon as it is done."""
    if options.save_settings:
        _write(Path(options.save_settings), json.dumps(request.to_dict(), indent=2) + "\n")
    from itermix.studio import loading, pictures
    from itermix.studio.pipeline import Studio  # torch and diffusers take seconds to import

    loading.silence()
    studio = Studio.open(options.checkpoint, options.device, options.config)
    if options.image:
        mask = pictures.read_picture(options.mask) if options.mask else None
        results = studio.image_to_image(request, pictures.read_picture(options.image), mask, _show)
    else:
        results = studio.text_to_image(request, _show)
    for result in results:
        path = Path(options.out)
        if request.count > 1:
            path = path.with_name(f"{path.stem}-{result.seed}{path.suffix}")
        size = result.picture.height, result.picture.width
        pictures.write_png(path, result.picture, request.infotext(result.seed, size))
        for name, report in result.reports.items():
            if report.steps:
                weights = f"weight {report.first:.3f} to {report.last:.3f}"
                print(f"{name}: mixed {report.steps} steps, {weights}", file=sys.stderr)
        print(path)


def _show(name: str, done: int, steps: int) -> None:
    """A progress bar on one line, where somebody is looking."""
    if sys.stderr.isatty():
        bar = "#" * (30 * done // steps)
        print(f"\r{name:10} [{bar:30}] {done}/{steps}", end="\n" if done == steps else "", file=sys.stderr, flush=True)


def _read_json(path: str) -> dict[str, Any]:
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudioError(f"settings: {path} cannot be read as JSON: {error}") from None
    if not isinstance(values, dict):
        raise StudioError(f"settings: {path} holds no JSON object")
    return values


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StudioError(f"save-settings: {path} cannot be written: {error.strerror}") from None
