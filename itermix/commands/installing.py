"""A command of pip that installs packages: one line of progress instead of its hundreds, which go into a file.

Where it fails the last of them are shown.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

SHOWN = 15  # lines of a failure
LINE = 79  # characters of the progress line
OFTEN, SELDOM = 1.0, 30.0  # seconds between two lines on a terminal, and where nobody is looking
LOOKED_UP = ("Collecting ", "Processing ")  # one line of pip's for each package, from afar or from a file
PACKAGES = ("[Ll]ib/site-packages/*.dist-info", "[Ll]ib/python*/site-packages/*.dist-info")  # Windows; elsewhere
DOWNLOADED = re.compile(r"(?:Downloading|Using cached) (\S+?)-\d\S* \((.+)\)")
CHOSEN = "Installing collected packages: "


def run(command: list[str], log: Path, folder: Path, environment: dict[str, str]) -> int:
    """The exit code. log: what the command says is added to it, in the folder of the environment that it installs
    into. folder: where the command runs.
    """
    last: deque[str] = deque(maxlen=SHOWN)
    with log.open("a", encoding="utf-8") as file, Progress(log.parent) as progress:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
        try:
            for line in process.stdout:
                file.write(line)
                file.flush()
                last.append(line.rstrip())
                progress.hear(line.strip())
            code = process.wait()
        except BaseException:  # Ctrl+C: the command got it too
            process.wait()
            raise
    if code:
        print("\n".join([*last, f"all of it is in {log}"]), file=sys.stderr, flush=True)
    return code


class Progress:
    """What pip does now, in words and with the time: over the same line on a terminal, elsewhere a line from time to
    time. It is told while pip is silent, too: pip writes nothing from the first package that it unpacks to the last.

    environment: the folder of the environment that is installed into.
    """

    def __init__(self, environment: Path):
        self.environment = environment
        self.started = time.monotonic()
        self.found = self.chosen = self.there = 0  # packages: looked up, to be installed, in the folder before
        self.doing = ""
        self._ended = threading.Event()
        self._teller = threading.Thread(target=self._tell_on, daemon=True)

    def __enter__(self) -> Progress:
        self._teller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._teller.join()
        if sys.stderr.isatty():
            print(f"\r{'':{LINE}}\r", end="", file=sys.stderr, flush=True)

    def hear(self, line: str) -> None:
        """One line of pip's."""
        if line.startswith(LOOKED_UP):
            self.found += 1
            self.doing = f"{_counted(self.found)} found"
        elif match := DOWNLOADED.match(line):
            self.doing = f"{_counted(self.found)} found, getting {match[1]} ({match[2]})"
        elif line.startswith(CHOSEN):
            self.chosen, self.there = line.count(",") + 1, self._installed()

    def text(self) -> str:
        """What is told now; "" before pip has said anything."""
        doing = self.doing
        if self.chosen:
            done = min(max(self._installed() - self.there, 0), self.chosen)
            doing = f"{done} of {_counted(self.chosen)} installed"
        return doing and f"itermix: {time.monotonic() - self.started:.0f} s, {doing}"[:LINE]

    def _installed(self) -> int:
        """How many packages there are in the environment: pip writes one such folder for each."""
        return sum(1 for pattern in PACKAGES for _ in self.environment.glob(pattern))

    def _tell_on(self) -> None:
        is_seen = sys.stderr.isatty()
        while not self._ended.wait(OFTEN if is_seen else SELDOM):
            if text := self.text():
                print(f"\r{text:{LINE}}" if is_seen else text, end="" if is_seen else "\n", file=sys.stderr, flush=True)


def _counted(packages: int) -> str:
    return f"{packages} package{'s' * (packages != 1)}"
