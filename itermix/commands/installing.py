"""A command that installs packages: one line of progress instead of its hundreds, which go into a file.

Where it fails the last of them are shown.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import deque
from pathlib import Path

SHOWN = 15  # lines of a failure
LINE = 79  # characters of the progress line
EVERY = 30.0  # seconds between two lines where nobody is looking


def run(command: list[str], log: Path, folder: Path, environment: dict[str, str]) -> int:
    """The exit code. log: what the command says is added to it. folder: where the command runs."""
    last: deque[str] = deque(maxlen=SHOWN)
    progress = Progress()
    with log.open("a", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
        try:
            for line in process.stdout:
                file.write(line)
                file.flush()
                last.append(line.rstrip())
                progress.show(line.strip())
            code = process.wait()
        except BaseException:  # Ctrl+C: the command got it too
            process.wait()
            raise
    progress.end()
    if code:
        print("\n".join([*last, f"all of it is in {log}"]), file=sys.stderr, flush=True)
    return code


class Progress:
    """What the command does now: over the same line on a terminal, elsewhere a line from time to time."""

    def __init__(self) -> None:
        self.started = self.told = time.monotonic()

    def show(self, line: str) -> None:
        now = time.monotonic()
        text = f"itermix: {now - self.started:.0f} s, {line}"
        if sys.stderr.isatty():
            print(f"\r{text[:LINE]:{LINE}}", end="", file=sys.stderr, flush=True)
        elif now - self.told >= EVERY:
            self.told = now
            print(text[:LINE], file=sys.stderr, flush=True)

    def end(self) -> None:
        if sys.stderr.isatty():
            print(f"\r{'':{LINE}}\r", end="", file=sys.stderr, flush=True)
