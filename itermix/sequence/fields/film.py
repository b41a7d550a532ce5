"""What becomes of the frames when they are made."""

from __future__ import annotations

from dataclasses import dataclass

from itermix.settings import choice, integer, number, switch

VIDEO_FORMATS = ("mp4", "webp", "gif", "none")


@dataclass(frozen=True, init=False, repr=False, eq=False)
class FilmFields:
    """The film, and what an interrupt leaves."""

    video_format: str = choice("Video", VIDEO_FORMATS, "What the frames are put together to, besides single pictures.")
    fps: float = number("Frames per second", 12.0, 1.0, 120.0, 1.0, "Of the video.")
    hold_first: int = integer(
        "Hold first (frames)", 0, 0, 1000, "How many frames longer the video stays on its first one."
    )
    hold_last: int = integer(
        "Hold last (frames)", 0, 0, 1000, "How many frames longer the video stays on its last one."
    )
    ping_pong: bool = switch("Ping-pong", False, "The video runs forwards, then backwards.")
    finish_interrupted: bool = switch("Finish when interrupted", True, "Writes grid and video of what there is.")
    resume: bool = switch("Resume last sequence", False, "Goes on from the last finished frame of the sequence before.")
