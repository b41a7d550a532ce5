"""What the studio's commands share on the command line: the model, the run's settings, the files to write."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itermix import files
from itermix.commands.parser import Parser, number, say, whole
from itermix.pictures import limits
from itermix.pictures.saving import format_of
from itermix.sequence import gallery
from itermix.settings import json_object, read_json
from itermix.studio import loading
from itermix.studio.errors import StudioError
from itermix.studio.request import SAMPLERS, SCHEDULES, UPSCALERS, Request

if TYPE_CHECKING:  # torch and diffusers take seconds to import
    from itermix.studio.pipeline import Studio
    from itermix.studio.source import Source

ADDRESS = re.compile(r"[a-z]{2,}:/", re.IGNORECASE)  # of the net; one letter is a disk of Windows
# Options whose values go into the request as they are: name, type, help.
PLAIN = (
    ("negative", str, "what the picture must not show"),
    ("width", whole, "pixels, a multiple of 8; 0 is the model's own"),
    ("height", whole, "pixels, a multiple of 8; 0 is the model's own"),
    ("steps", whole, "sampling steps"),
    ("sampler", str, ", ".join(SAMPLERS) + "; Flow Euler is for Flux"),
    ("schedule", str, "noise schedule: " + " or ".join(SCHEDULES)),
    ("guidance", number, "CFG scale; 1 is none, 0 the model's own"),
    ("seed", whole, "of the first picture"),
    ("count", whole, "pictures, each with the next seed"),
    ("strength", number, "denoising strength with --image"),
    ("hires", number, "enlarge so many times in a second pass"),
    ("hires-strength", number, "denoising strength of that pass without mixing"),
    ("hires-steps", whole, "steps of that pass, of which the strength's share is made; 0 is as many as steps"),
    ("hires-upscaler", str, ", ".join(UPSCALERS) + "; both: coarse shapes of the latent, fine detail of the pixels"),
    ("hires-phases", whole, "passes that lead to the large size; 0 is as few as keep each at 2x"),
)


def add_model(parser: Parser) -> None:
    """The options that name a checkpoint and the device to run it on."""
    parser.add_argument("--checkpoint", help="diffusers folder or .safetensors file; without it itermix's small model")
    parser.add_argument("--config", help="diffusers folder with the configurations of a single-file checkpoint")
    parser.add_argument("--device", help="cpu, cuda, mps, xpu; without it cuda where there is one, else cpu")


def add_request(parser: Parser, without: tuple[str, ...] = ()) -> None:
    """The options of a run, but for the named ones."""
    defaults = Request()
    for name, kind, help in PLAIN:
        default = getattr(defaults, name.replace("-", "_"))
        if name not in without:
            parser.add_argument(f"--{name}", type=kind, help=f"{help} (default {default!r})" if default != "" else help)
    parser.add_argument("--image", help="picture to start from")
    parser.add_argument("--mask", help="with --image: a picture, white where that is to change")
    parser.add_argument("--mixing", help="Iterative Mixing's settings as a JSON object; without it nothing is mixed")
    parser.add_argument("--settings", help="JSON file with the run's settings")


def require_size(out: str, request: Request) -> None:
    """Refuses a picture that its file's format cannot hold, as far as its size is known. Raises StudioError."""
    size = round(request.width * request.hires), round(request.height * request.hires)
    problem = limits.of_picture(format_of(out), size)
    if problem:
        raise StudioError(f"out: {problem}")


def values_of(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of an example sequence, of a file and of the options (the later win), as `Request.from_dict` takes
    them.

    Raises StudioError and SettingsError.
    """
    values = read_json(options.settings) if options.settings else {}
    chosen = gallery.named(getattr(options, "sequence", None))
    values = {**(chosen.request if chosen else {}), **values, **given(options)}
    if options.prompt is not None:
        values["prompt"] = options.prompt
    if options.mixing is not None:
        values["mixing"] = json_object(options.mixing, "mixing")
    if options.mask and not options.image:
        raise StudioError("mask: there is nothing to keep without --image")
    mixing = values.get("mixing")
    for name in ("reference_image", "mask_image"):
        picture = mixing.get(name) if isinstance(mixing, dict) else None
        if isinstance(picture, str):
            from itermix.pictures.uploads import Upload

            Upload(picture, f"mixing: {name}").picture()
    return values


def require_own_file(options: argparse.Namespace, name: str, path: Path, others: tuple[str, ...]) -> None:
    """Refuses a file that cannot be there beside one that another option names. Raises StudioError."""
    own = real(path)
    for other in others:
        named = getattr(options, other, None)
        if not named:
            continue
        if real(named) == own:
            raise StudioError(f"{name}: {path} is the file of --{other} already; take another name")
        if own in real(named).parents or (real(named) in own.parents and not real(named).is_dir()):
            raise StudioError(f"{name}: {path} and --{other} {named} cannot both be there; take another name")


def real(path: str | Path) -> Path:
    """Where a path leads; a link that leads to itself is what it is."""
    return Path(os.path.realpath(path))


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The request's settings that stand on the command line, by field name."""
    names = [name.replace("-", "_") for name, _, _ in PLAIN]
    return {name: value for name in names if (value := getattr(options, name, None)) is not None}


def open_studio(options: argparse.Namespace) -> Studio:
    """The checkpoint that the options of `add_model` name; says that it takes its time. Raises StudioError."""
    say(f"loading {loading.name_of(options.checkpoint)}")
    from itermix.studio.pipeline import Studio

    return Studio.open(options.checkpoint, options.device, options.config)


def require_model(options: argparse.Namespace) -> None:
    """Refuses, before anything is loaded, what the options of `add_model` cannot be. Raises StudioError."""
    if options.device is not None:
        loading.require_device_name(options.device)
    is_file = options.checkpoint is not None and not Path(options.checkpoint).is_dir()
    if options.checkpoint is not None:
        loading.require_checkpoint(Path(options.checkpoint))
    if options.config is not None:
        if not is_file:
            raise StudioError("config: it is for a .safetensors --checkpoint alone; leave it out")
        loading.require_folder(Path(options.config), "config")


def require_writable(path: Path, longest_addition: str = "", name: str = "out") -> None:
    """Refuses a picture's file that could not be written after a long run, and makes nothing yet.

    longest_addition: the longest text that names made from this one have beyond it. name: of the option that
    gave the path. Raises SettingsError for a format that is not written, StudioError where the file cannot be.
    """
    format_of(path, name)
    _require_place(path, name, longest_addition)


def require_json_writable(path: str | Path | None, name: str) -> None:
    """The same check for a JSON file. Raises StudioError."""
    if path is None:
        return
    if Path(path).suffix.lower() != ".json":
        raise StudioError(f"{name}: {str(path)!r} names no JSON file; take .json")
    _require_place(Path(path), name)


def _require_place(path: Path, name: str, longest_addition: str = "") -> None:
    if ADDRESS.match(str(path)) or str(path) == "-":
        raise StudioError(f"{name}: {path} is no file on this machine; give the path of one")
    try:
        files.require_writable(path, longest_addition)
    except OSError as error:
        raise StudioError(f"{name}: {path} cannot be written: {files.reason_of(error)}") from None


def write_json(name: str, path: Path, values: dict[str, Any]) -> None:
    """Writes plain data to a JSON file. name: of the option that gave the path. Raises StudioError."""
    try:
        files.write_json(path, values)
    except OSError as error:
        raise StudioError(f"{name}: {path} cannot be written: {files.reason_of(error)}") from None


def note_size(asked: Request, request: Request, source: Source) -> None:
    """Says where a picture gets another size than its own, and nobody has asked for that. request: what is made."""
    picture, size = source.image, (request.width, request.height)
    if picture is None or picture.size == size or asked.width or asked.height:
        return
    cut = "" if picture.width * size[1] == picture.height * size[0] else ", of its middle"
    own, made = (f"{width}x{height}" for width, height in (picture.size, size))
    say(f"note: image is {own} and becomes {made}{cut}; --width and --height say otherwise")


def note_unused(options: argparse.Namespace, request: Request) -> None:
    """Says which of the options on the command line the run has no use for, a line each."""
    for name in given(options):
        why = request.unused(name, options.image is not None)
        if why:
            say(f"note: {name.replace('_', '-')} is not used: {why}")
