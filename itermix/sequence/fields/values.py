"""Values that change from frame to frame, each in the place of a field of one value."""

from __future__ import annotations

from dataclasses import dataclass

from itermix.settings import choice, text

BETWEEN = ("linear", "smooth", "step")


@dataclass(frozen=True, init=False, repr=False, eq=False)
class ValueFields:
    """The schedules, and how they go between their numbers."""

    denoise_schedule: str = text(
        "Denoise schedule",
        'Denoise of later frames over time, such as "0:(0.5), 24:(0.8)"; numbers, or arithmetic of t, max_f and s.',
    )
    cfg_schedule: str = text(
        "CFG schedule", "The same for the CFG scale, from the first frame on. Empty: the page's own."
    )
    alpha_1_schedule: str = text(
        "alpha_1 schedule", "The same for Iterative Mixing's alpha_1, in the frames that have a mixing reference."
    )
    noise_schedule: str = text("Noise strength schedule", "The same for Noise strength.")
    interpolation_schedule: str = text("Latent interpolation schedule", "The same for Latent interpolation strength.")
    conditioning_slerp_schedule: str = text(
        "Conditioning slerp schedule", "The same for Conditioning slerp strength, at the keyframes."
    )
    seed_schedule: str = text(
        "Seed schedule", "The same for the seed, s being the first: whole numbers, in the place of the seed mode."
    )
    values_between: str = choice("Between values", BETWEEN, "How a schedule goes from one of its numbers to the next.")
