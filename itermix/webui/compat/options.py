"""The host's settings, as they are at the moment, and the folder that they lie in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modules import paths, shared

from itermix.pictures import uploads


def value(name: str, default: Any = None) -> Any:
    """One of the host's settings as it is now; the default where this host has none of that name."""
    return getattr(shared.opts, name, default)


def in_infotext() -> list[str]:
    """Those that the host writes into a picture where they are not at their default: they decide about it."""
    labels = getattr(shared.opts, "data_labels", {})
    return [name for name, label in labels.items() if getattr(label, "infotext", None)]


def background() -> str:
    """The colour that the host lays transparent pictures on."""
    return value("img2img_background_color", uploads.BACKGROUND)


def folder() -> Path:
    """Where the host keeps its own settings, which an update of the extension leaves alone."""
    return Path(paths.data_path)
