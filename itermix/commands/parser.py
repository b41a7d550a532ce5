"""Reads a command line and runs a command: whatever is wrong with it is one line that begins with the option's name."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from itermix.commands.interrupts import as_interrupts
from itermix.pictures.exif import as_text
from itermix.settings import SettingsError, shown
from itermix.settings.fields import has_surrogate
from itermix.studio.errors import Cancelled, StudioError, is_out_of_memory

MAY_BE_EMPTY = ("prompt", "negative")
# The beginning of argparse's own messages about one option: "argument --steps: ..."
ABOUT = re.compile(r"argument (?:-\w/)?-*([\w-]+): (.*)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """Of one command. Raises StudioError, in one line that names the option."""

    def __init__(self, command: str, description: str, epilog: str = ""):
        super().__init__(
            prog=f"python3 -m itermix {command}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def parse_args(self, arguments: Sequence[str] | None = None, namespace: Any = None) -> argparse.Namespace:
        self._given = list(arguments or ())
        options = super().parse_args(arguments, namespace)
        for name, values in vars(options).items():
            for value in values if isinstance(values, list) else [values]:
                _require_text(name.replace("_", "-"), value)
        return options

    def error(self, message: str) -> None:
        about = ABOUT.fullmatch(message)
        if about:
            name, problem = about.groups()
            if problem.startswith("expected"):
                problem = f"it has no value; write --{name} VALUE"
            elif problem.startswith("ignored explicit argument"):
                problem = f"it takes no value; write --{name} alone"
            raise StudioError(f"{name}: {problem}")
        missing = message.partition("are required: ")[2].split(", ")[0]
        unknown = self._unknown() if missing else message.partition("unrecognized arguments: ")[2]
        if unknown:
            raise StudioError(f"{unknown.split()[0]}: there is no such option here; --help lists them")
        if missing:
            raise StudioError(f"{missing.lstrip('-')}: it is missing; the command needs {missing}")
        raise StudioError(message)

    def _unknown(self) -> str:
        """The first option that there is not: --outt is why --out is missing. "" where all are known."""
        options = self._given[: self._given.index("--")] if "--" in self._given else self._given
        names = [option.partition("=")[0] for option in options if re.match(r"--?[a-zA-Z]", option)]
        return next((name for name in names if name not in self._option_string_actions), "")


def whole(text: str) -> int:
    """A whole number from an option's text."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not allowed; it takes a whole number") from None


def path(text: str) -> Path:
    """A path from an option's text."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; give it a value, or leave it out")
    return Path(text)


def file(text: str) -> Path:
    """The path of a file that is to be written, from an option's text."""
    if text.endswith(tuple(filter(None, (os.sep, os.altsep)))):
        raise argparse.ArgumentTypeError(f"{shown(text)} is a folder; add the name of a file")
    return path(text)


def number(text: str) -> float:
    """A number from an option's text."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not allowed; it takes a number") from None


def run(command: str, parser: Parser, arguments: list[str], action: Callable[[argparse.Namespace], None]) -> int:
    """The exit code of a command: 0, 2 for bad input, 130 where it was interrupted."""
    try:
        with as_interrupts():
            action(parser.parse_args(arguments))
    except (StudioError, SettingsError) as error:
        say(f"itermix {command}: {as_option(' '.join(str(error).split()))}")
        return 2
    except (Cancelled, KeyboardInterrupt) as interrupt:
        print(f"\nitermix {command}: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return 130
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        say(f"itermix {command}: out of memory; take a smaller size, or another --device")
        return 2
    return 0


def say(line: str) -> None:
    """One line for the user, beside the output."""
    print(as_text(line), file=sys.stderr, flush=True)


def as_option(message: str) -> str:
    """A message about a setting, under the name that the option has: "hires-steps: ..." for "hires_steps: ..."."""
    name, colon, rest = message.partition(": ")
    return f"{name.replace('_', '-')}: {rest}" if colon and name.startswith("hires_") else message


def _require_text(name: str, value: Any) -> None:
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str):
        return
    if not value and name not in MAY_BE_EMPTY:
        raise StudioError(f"{name}: it is empty; give it a value, or leave it out")
    if has_surrogate(value):
        raise StudioError(f"{name}: {shown(value)} is no proper text; it holds half a character")
    if "\0" in value:
        raise StudioError(f"{name}: {shown(value)} is not allowed; it holds a null character")
