"""What the studio's commands share on the command line: the model, the run's settings, one line for bad input."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itermix import files
from itermix.pictures.saving import as_text, format_of
from itermix.settings import SettingsError, json_object, read_json
from itermix.studio.errors import Cancelled, StudioError
from itermix.studio.request import SAMPLERS, SCHEDULES, UPSCALERS, Request

if TYPE_CHECKING:  # torch and diffusers take seconds to import
    from itermix.studio.pipeline import Studio

# Options whose values go into the request as they are: name, type, help.
PLAIN = (
    ("negative", str, "what the picture must not show"),
    ("width", int, "pixels, a multiple of 8; 0 is the model's own"),
    ("height", int, "pixels, a multiple of 8; 0 is the model's own"),
    ("steps", int, "sampling steps"),
    ("sampler", str, ", ".join(SAMPLERS) + "; Flow Euler is for Flux"),
    ("schedule", str, "noise schedule: " + " or ".join(SCHEDULES)),
    ("guidance", float, "CFG scale; 1 is none, 0 the model's own"),
    ("seed", int, "of the first picture"),
    ("count", int, "pictures, each with the next seed"),
    ("strength", float, "denoising strength with --image"),
    ("hires", float, "enlarge so many times in a second pass"),
    ("hires-strength", float, "denoising strength of that pass without mixing"),
    ("hires-steps", int, "steps of that pass; 0 is as many as steps"),
    ("hires-upscaler", str, " or ".join(UPSCALERS)),
)


class Parser(argparse.ArgumentParser):
    """Of one command. Says what is wrong in one line."""

    def __init__(self, command: str, description: str, epilog: str):
        super().__init__(
            prog=f"python3 -m itermix {command}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> None:
        raise StudioError(message)


def run(command: str, parser: Parser, arguments: list[str], action: Callable[[argparse.Namespace], None]) -> int:
    """The exit code of a command: 0, 2 for bad input, 130 where it was interrupted."""
    try:
        action(parser.parse_args(arguments))
    except (StudioError, SettingsError) as error:
        print(as_text(f"itermix {command}: {' '.join(str(error).split())}"), file=sys.stderr)
        return 2
    except (Cancelled, KeyboardInterrupt) as interrupt:
        print(f"\nitermix {command}: {interrupt or 'interrupted'}", file=sys.stderr)
        return 130
    except RuntimeError as error:
        if "out of memory" not in str(error):
            raise
        print(f"itermix {command}: out of memory; take a smaller size, or --device cpu", file=sys.stderr)
        return 2
    return 0


def add_model(parser: Parser) -> None:
    parser.add_argument("--checkpoint", help="diffusers folder or .safetensors file; without it itermix's small model")
    parser.add_argument("--config", help="diffusers folder with the configurations of a single-file checkpoint")
    parser.add_argument("--device", help="cpu, cuda, mps; without it a GPU where there is one")


def add_request(parser: Parser, without: tuple[str, ...] = ()) -> None:
    """The options of a run, but for the named ones."""
    defaults = Request()
    for name, kind, help in PLAIN:
        default = getattr(defaults, name.replace("-", "_"))
        if name not in without:
            parser.add_argument(f"--{name}", type=kind, help=f"{help} (default {default!r})" if default != "" else help)
    parser.add_argument("--image", help="picture to start from")
    parser.add_argument("--mask", help="with --image: a picture, white where it is made anew")
    parser.add_argument("--mixing", help="Iterative Mixing's settings as a JSON object; without it nothing is mixed")
    parser.add_argument("--settings", help="JSON file with the run's settings")


def values_of(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of a file and of the options, which win, as `Request.from_dict` takes them.

    Raises StudioError and SettingsError.
    """
    values = read_json(options.settings) if options.settings else {}
    values["prompt"] = options.prompt
    for name, _, _ in PLAIN:
        key = name.replace("-", "_")
        if getattr(options, key, None) is not None:
            values[key] = getattr(options, key)
    if options.mixing is not None:
        values["mixing"] = json_object(options.mixing, "mixing")
    if options.mask and not options.image:
        raise StudioError("mask: there is nothing to keep without --image")
    return values


def open_studio(options: argparse.Namespace) -> Studio:
    """The checkpoint that the options of `add_model` name. Raises StudioError."""
    from itermix.studio.pipeline import Studio

    return Studio.open(options.checkpoint, options.device, options.config)


def require_writable(path: Path, longest_addition: str = "") -> None:
    """Makes the folder of a picture that will be written after a long run. Raises SettingsError for a format that is
    not written, StudioError where the file cannot be.

    longest_addition: what the names that are made from this one have more than it.
    """
    format_of(path)
    try:
        files.require_writable(path, longest_addition)
    except OSError as error:
        raise StudioError(f"out: {path} cannot be written: {files.reason_of(error)}") from None


def write_json(name: str, path: Path, values: dict[str, Any]) -> None:
    """name: of the option that the path is from."""
    try:
        files.write_json(path, values)
    except OSError as error:
        raise StudioError(f"{name}: {path} cannot be written: {files.reason_of(error)}") from None
