"""python -m itermix COMMAND: hands over to the command's own module. Imports the standard library alone.

The commands that make pictures run in an environment of their own, set up on first use (`commands/environment.py`).
"""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from typing import NamedTuple

PICTURES = ("torch", "diffusers", "transformers", "safetensors", "numpy", "PIL")


class Command(NamedTuple):
    """One line of help, the module whose main(arguments) does it, and the packages that it imports."""

    help: str
    module: str
    packages: tuple[str, ...] = ()


COMMANDS = {
    "demo": Command("show what mixing does: a sheet of pictures side by side", "itermix.commands.demo", PICTURES),
    "test": Command("run all tests that need no WebUI", "itermix.commands.test"),
    "studio": Command("open the page in the browser", "itermix.commands.studio", (*PICTURES, "gradio")),
    "render": Command("make pictures from a prompt", "itermix.commands.render", PICTURES),
    "sweep": Command("make a grid of pictures over one or two settings", "itermix.commands.sweep", PICTURES),
    "plan": Command("show the frames of a latent sequence before it is run", "itermix.commands.plan"),
}
EXAMPLES = """examples:
  python3 -m itermix demo
  python3 -m itermix render "fox on a blue background" --hires 2 --mixing "{}" --out fox.png
  python3 -m itermix sweep "fox" --hires 2 --x alpha_1=0.02,0.3,1,3 --out grid.png
  python3 -m itermix COMMAND --help

The first command that makes pictures sets up what it needs in .venv, some gigabytes. ITERMIX_ENVIRONMENT=FOLDER puts
it elsewhere; ITERMIX_ENVIRONMENT=none takes this Python as it is, and so does a Python that has the packages already.
"""


def main(arguments: list[str]) -> int:
    """The exit code: 0, or 2 where something was asked for that cannot be done."""
    if sys.version_info < (3, 10):  # noqa: UP036 (this is where an older one is met)
        print(f"itermix needs Python 3.10 or later; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    if arguments and arguments[0] in COMMANDS:
        return run(arguments[0], arguments[1:])
    lines = [f"  {name:10}{command.help}" for name, command in COMMANDS.items()]
    usage = "\n".join(["usage: python3 -m itermix COMMAND [--help]", "", *lines])
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"{usage}\n\n{EXAMPLES}", end="")
        return 0
    print(f"itermix: {arguments[0]!r} is no command\n{usage}" if arguments else usage, file=sys.stderr)
    return 2


def run(name: str, arguments: list[str]) -> int:
    """One command, in an environment that has its packages; its help needs none."""
    from itermix.commands import environment, threads

    command = COMMANDS[name]
    _print_anything()
    try:
        if command.packages and not {"-h", "--help"} & set(arguments):
            threads.choose()
            code = environment.enter(command.packages, [name, *arguments])
            if code is not None:
                return code
        return importlib.import_module(command.module).main(arguments)
    except environment.NotReady as problem:
        print(f"itermix {name}: {problem}", file=sys.stderr)
    except ModuleNotFoundError as error:
        if (error.name or "itermix").split(".")[0] == "itermix":
            raise
        print(f"itermix {name}: the package {error.name} is not installed", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\nitermix {name}: interrupted", file=sys.stderr)
        return 130
    return 2


def _print_anything() -> None:
    """What is printed into a file or a pipe on Windows may have no letters for the name of a file: better its numbers
    there than an end with the work just done."""
    if getattr(sys.stdout, "errors", "") == "strict":
        with suppress(AttributeError):  # somebody else's stream
            sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
