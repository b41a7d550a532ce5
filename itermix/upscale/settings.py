"""The settings of Iterative Upscale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from itermix.mixing.hires import AUTOMATIC, MOST_PHASES, NO_SEED, PIXEL, SOURCES
from itermix.settings import Settings, SettingsError, choice, integer, number, switch, text

# What a picture is enlarged from until somebody chooses: to be changed by what benchmarks/pictures says.
REFERENCE = PIXEL
PLAIN_UPSCALER = "Lanczos"  # every host can do it
LARGEST_FACTOR = 8
WINDOWS = BY_MEMORY, NO_WINDOWS, ALWAYS = ("automatic", "off", "on")


@dataclass(frozen=True)
class UpscaleSettings(Settings):
    """Settings of Iterative Upscale."""

    title = "Iterative Upscale"
    infotext_key = "Iterative Upscale"

    factor: float = number(
        "Enlarge by", 2.0, 1.0, LARGEST_FACTOR, 0.05, "How many times larger each side becomes.",
        axis="Enlarge by (times)",
    )  # fmt: skip
    upscaler: str = text(
        "Enlarge with", "What enlarges the picture: an upscaler of the WebUI by its name.", PLAIN_UPSCALER
    )
    reference: str = choice(
        "Start from", SOURCES,
        "What each phase starts from and is mixed with: the latent enlarged, the picture enlarged, or both, coarse "
        "shapes of the latent and fine detail of the picture.",
        REFERENCE,
    )  # fmt: skip
    phases: int = integer(
        "Phases", AUTOMATIC, AUTOMATIC, MOST_PHASES,
        "In how many phases the picture gets to its size, each from the one before; 0: as many as keep each at 2x.",
    )  # fmt: skip
    denoise: float = number(
        "Denoising strength of a phase", 0.7, 0.01, 1.0, 0.01, "How much of the picture each phase makes anew.",
        axis="Denoising strength of a phase (fraction)",
    )  # fmt: skip
    steps: int = integer("Steps of a phase", 0, 0, 150, "0 takes as many as the page says.")
    seed: int = integer(
        "Seed of the phases", NO_SEED, NO_SEED, 2**32 - 1,
        "The first picture's seed in all phases, counted up for the others; -1 takes each picture's own.",
    )  # fmt: skip
    windows: str = choice(
        "Windows", WINDOWS,
        "Whether the network sees a large picture in overlapping parts: where the free memory is too little for the "
        "whole, never, or always.",
    )  # fmt: skip
    window_size: int = integer(
        "Window size", 1024, 256, 4096, "Side of a window in pixels of the picture, where windows are on."
    )
    window_overlap: float = number(
        "Window overlap", 0.25, 0.0, 0.75, 0.05, "The share of a window that its neighbours have, too.",
        axis="Window overlap (share)",
    )  # fmt: skip
    tiled_vae: bool = switch(
        "Tiled VAE", False, "The VAE works in tiles, where the WebUI can do that (Forge and its family)."
    )
    own_parameters: bool = switch(
        "Prompt and seed of each picture",
        False,
        "Takes those that were written into the picture when it was made, in place of the page's.",
    )
    keep_sizes: bool = switch(
        "Keep intermediate sizes", False, "Shows the picture of each phase, too, and saves it where pictures are saved."
    )

    def check_together(self) -> None:
        if self.phases > 1 and 2.0**self.phases < self.factor:
            raise SettingsError(
                f"phases: {self.phases} is not allowed for {self.factor:g}x; it takes 0, 1, or as many as keep each at "
                "2x"
            )

    @classmethod
    def presets(cls) -> dict[str, dict[str, Any]]:
        return UPSCALE_PRESETS


UPSCALE_PRESETS: dict[str, dict[str, Any]] = {
    "Balanced": {},
    "Little memory": {"windows": ALWAYS, "window_size": 768, "tiled_vae": True},
}
