"""What the infotext of a frame has beside that of any picture. Pure data; a host quotes and writes it as it does."""

from __future__ import annotations

from typing import Any

from itermix.sequence.plan import Frame
from itermix.sequence.settings import SequenceSettings

FRAME_KEY = f"{SequenceSettings.infotext_key} frame"  # nothing reads it back


def parameters(settings: SequenceSettings, frame: Frame | None = None) -> dict[str, Any]:
    """By infotext key, in the order in which they are written. frame: None for the sequence as a whole."""
    own: dict[str, Any] = {SequenceSettings.infotext_key: settings.to_infotext()}
    return own if frame is None else {**own, FRAME_KEY: frame.index}
