"""Where a sequence goes: a camera that moves between frames, and back to its start."""

from __future__ import annotations

from dataclasses import dataclass

from itermix.settings import number, switch, text


@dataclass(frozen=True, init=False, repr=False, eq=False)
class CameraFields:
    """How the frame before is moved before it becomes the next one. Empty: it stays where it is."""

    zoom_schedule: str = text(
        "Zoom", 'How many times larger things become in each frame: "1.02", or over time "0:(1), 24:(1.05)".'
    )
    pan_x_schedule: str = text(
        "Pan x", "How far the picture moves to the right in each frame, as a part of its width, such as 0.02."
    )
    pan_y_schedule: str = text("Pan y", "The same downwards, as a part of its height.")
    rotation_schedule: str = text("Rotation", "How far the picture turns to the left in each frame, in degrees.")
    border_noise: float = number(
        "Border noise", 0.5, 0.0, 1.0, 0.01,
        "What comes into the picture at its border: 0 mirrors the picture, 1 is new noise.",
        axis="Border noise (fraction)",
    )  # fmt: skip


@dataclass(frozen=True, init=False, repr=False, eq=False)
class LoopFields:
    """How a sequence ends."""

    close_loop: bool = switch(
        "Close the loop", False, "The last frames go back to the first, in prompt and latent: the video has no seam."
    )
