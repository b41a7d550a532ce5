"""python -m itermix COMMAND: hands over to the command's own module. Imports the standard library alone."""

from __future__ import annotations

import importlib
import sys

# What each command does, and the module whose main(arguments) does it; imported when it is asked for.
COMMANDS = {"render": ("make pictures from a prompt, on the command line", "itermix.studio.render")}


def main(arguments: list[str]) -> int:
    """The exit code: 0, or 2 where something was asked for that cannot be done."""
    if arguments and arguments[0] in COMMANDS:
        try:
            return importlib.import_module(COMMANDS[arguments[0]][1]).main(arguments[1:])
        except ModuleNotFoundError as error:
            if (error.name or "itermix").split(".")[0] == "itermix":
                raise
            print(f"itermix {arguments[0]}: the package {error.name} is not installed", file=sys.stderr)
            return 2
    lines = [f"  {name:10}{help}" for name, (help, _) in COMMANDS.items()]
    usage = "\n".join(["usage: python -m itermix COMMAND [--help]", "", *lines])
    if arguments and arguments[0] in ("-h", "--help"):
        print(usage)
        return 0
    print(f"itermix: {arguments[0]!r} is no command\n{usage}" if arguments else usage, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
