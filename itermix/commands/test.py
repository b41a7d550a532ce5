"""python -m itermix test: style by ruff, then all tests that need no WebUI, in an environment of their own.

Imports the standard library alone.
"""

from __future__ import annotations

from itermix.commands import environment

HELP = """usage: python -m itermix test [arguments of pytest]

Sets up .venv on first use, then runs ruff and all tests that need no WebUI. Exits with 0 where all is well, else with
the code of what failed, pytest's before ruff's.

examples:
  python3 -m itermix test
  python3 -m itermix test -q tests/mixing
  python3 -m itermix test -k slerp
  ITERMIX_HOST=/path/to/webui python3 -m itermix test tests/hosts     against your own WebUI
"""
STYLE = (("ruff", "check", "."), ("ruff", "format", "--check", "--quiet", "."))


def main(arguments: list[str]) -> int:
    """The exit code. Raises environment.NotReady."""
    if "-h" in arguments or "--help" in arguments:
        print(HELP, end="")
        return 0
    python = str(environment.provide("test"))
    style = [environment.call([python, "-m", *check]) for check in STYLE]
    return environment.call([python, "-m", "pytest", *arguments]) or max(style)
