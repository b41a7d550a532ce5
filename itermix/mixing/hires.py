"""The settings of a hires pass: from what, in how many phases, with which seed."""

from __future__ import annotations

from dataclasses import dataclass

from itermix.settings import Settings, choice, integer

SOURCES = LATENT, PIXEL, BOTH = ("latent", "pixel", "both")  # what a larger picture's reference is made from
AUTOMATIC_REFERENCE, AS_UPSCALED = "automatic", "as upscaled"
MOST_PHASES = 8
AUTOMATIC = 0  # phases: as many as keep each at 2x
NO_SEED = -1
# What a hires pass begins with until somebody chooses, as benchmarks/pictures says: a pixel upscaler's picture is taken
# as it is; a Latent one's is of less use than the picture itself, enlarged and sharpened. To be changed together with
# `versions` of the infotext.
HIRES_REFERENCE, HIRES_PHASES = AUTOMATIC_REFERENCE, 1


@dataclass(frozen=True, init=False, repr=False, eq=False)
class HiresFields(Settings):
    """What the hires pass starts from and is mixed with."""

    hires_reference: str = choice(
        "Hires reference", (AUTOMATIC_REFERENCE, AS_UPSCALED, *SOURCES),
        "What the hires pass starts from: as its upscaler makes it, the latent enlarged, the picture enlarged, or "
        "both, coarse shapes of the latent and fine detail of the picture. Automatic is the picture enlarged, with a "
        "Latent upscaler, too: it is nearest to what the small picture shows.",
        HIRES_REFERENCE,
    )  # fmt: skip
    hires_phases: int = integer(
        "Hires phases", HIRES_PHASES, AUTOMATIC, MOST_PHASES,
        "In how many phases the hires pass gets to its size, each from the one before; 0: as many as keep each at 2x.",
    )  # fmt: skip
    hires_seed: int = integer(
        "Hires seed", NO_SEED, NO_SEED, 2**32 - 1,
        "The first picture's seed in the hires pass, counted up for the others; -1 takes each picture's own.",
    )  # fmt: skip
