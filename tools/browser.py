"""The browser that the tests of pages and the pictures of pages are made with: Chromium or Chrome of the PATH."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--disable-sync"]
MISSING = f"it needs Chromium or Chrome on the PATH ({', '.join(NAMES)})"


def executable() -> str | None:
    """The path of the first one that is there; None where none is."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)
