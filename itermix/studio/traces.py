"""Traces of a studio's pictures as files."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageFont
from torch import Tensor

from itermix.mixing.mixer import MixingReport
from itermix.pictures import trace_sheet
from itermix.pictures.saving import trace_file
from itermix.studio import pictures
from itermix.studio.pipeline import Studio


def save_trace(studio: Studio, path: Path, name: str, report: MixingReport) -> Path:
    """Saves the trace of a pass beside its picture; returns the file."""

    def decode(latent: Tensor) -> Image.Image:
        return studio.picture(latent[None].to(studio.network.device))

    title, fonts = f"{path.name}, {name}", ImageFont.load_default
    strip = trace_sheet.picture(report.trace, report.weights, 0, title, decode, fonts)
    file = trace_file(path, name)
    pictures.write(file, strip, "")
    return file
