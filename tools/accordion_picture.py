"""Draws docs/accordion.png, the README's picture of the accordion, from the standalone's page.

`python -m tools.accordion_picture`. It needs playwright (requirements-test.txt), and Chromium or Chrome on the PATH.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from tools import browser

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "accordion.png"
ACCORDION, CURVE = "#itermix_txt2img", "#itermix_txt2img_live_curve"
WIDTH, SCALE = 1280, 1.2  # of the page in its own pixels, and how many of the picture's each of them is
PATIENCE = 600  # seconds for the page to start, and to show the curve's steps
COLOURS = 128  # of the file: it is all flat areas


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0, or 2 where there is no browser."""
    parser = argparse.ArgumentParser(prog="python -m tools.accordion_picture", description=__doc__)
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    if browser.executable() is None:
        print(browser.MISSING, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as address:
        shot = Path(name) / "accordion.png"
        shoot(address, shot)
        with Image.open(shot) as picture:
            picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(options.out, optimize=True)
    return 0


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the standalone's page, in a process of its own. Raises RuntimeError where it does not start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "itermix", "studio", "--no-browser", "--port", str(port)]
    command += ["--out", str(folder / "pictures"), "--presets", str(folder / "presets.json")]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "ITERMIX_ENVIRONMENT": "none"})
    try:
        until = time.monotonic() + PATIENCE
        while not is_open(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the page did not start")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def shoot(address: str, file: Path) -> None:
    """Writes a picture of the accordion from its head to the words under its curve, in light colours."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        opened = running.chromium.launch(executable_path=browser.executable(), args=browser.FLAGS)
        page = opened.new_page(
            viewport={"width": WIDTH, "height": 1600}, device_scale_factor=SCALE, color_scheme="light"
        )
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(address, wait_until="load")
        page.get_by_role("tab", name="Upscale").click()
        page.wait_for_selector(f"{CURVE} .itermix-step")
        page.wait_for_timeout(1000)  # the slider's ends and the fonts are in place then
        page.screenshot(path=str(file), clip=between(page, ACCORDION, CURVE))
        opened.close()


def between(page: Any, first: str, last: str) -> dict[str, float]:
    """The part of the page from the top of one element to the bottom of another within it."""
    outer, inner = page.locator(first).first.bounding_box(), page.locator(last).first.bounding_box()
    return {**outer, "height": inner["y"] + inner["height"] - outer["y"]}


if __name__ == "__main__":
    sys.exit(main())
