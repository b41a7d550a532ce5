"""What the tests of pages and of their scripts run in: Chromium or Chrome, and node. One place, one line of skips."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools import browser as chromium


def launched():
    """Yields a browser for a fixture; skips the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the tests of pages need playwright (pip install)")
    executable = chromium.executable()
    if executable is None:
        pytest.skip(f"the tests of pages: {chromium.MISSING}")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=executable, args=chromium.FLAGS)
        yield browser
        browser.close()


def node() -> str | None:
    """Node of the PATH, else the one that comes with playwright."""
    spec = find_spec("playwright")
    name = "node.exe" if os.name == "nt" else "node"
    bundled = Path(spec.origin).parent / "driver" / name if spec else None
    return shutil.which("node") or (str(bundled) if bundled and bundled.is_file() else None)


NODE = node()
needs_node = pytest.mark.skipif(NODE is None, reason="the tests of the page's scripts need node, or playwright's")
