"""How a frame grows out of the one before it: its latent, its seed, what is mixed into it."""

from __future__ import annotations

from dataclasses import dataclass

from itermix.settings import choice, integer, number, switch

SEED_MODES = ("increment", "decrement", "random", "fixed")
SEED_KEYINGS = ("off", "sine", "modulo")
NODE_SEEDS = ("off", "KSampler Sequence", "KSampler Sequence (v2)")
INTERPOLATIONS = ("off", "blend", "slerp", "cosine")
MIXING_REFERENCES = ("off", "previous frame", "first frame", "init image")


@dataclass(frozen=True, init=False, repr=False, eq=False)
class LatentFields:
    """What becomes of the latent before."""

    latent_interpolation: str = choice(
        "Latent interpolation", INTERPOLATIONS, "Mixes each new frame with the one before it."
    )
    latent_interpolation_strength: float = number(
        "Latent interpolation strength", 0.5, 0.0, 1.0, 0.001,
        "Share of the new frame; 0 repeats the one before.",
        axis="Latent interpolation strength (fraction)",
    )  # fmt: skip
    denoise_start: float = number(
        "Denoise of the first frame", 1.0, 0.0, 1.0, 0.01, "How much of an init image the first frame replaces.",
        axis="Denoise of the first frame (fraction)",
    )  # fmt: skip
    denoise_seq: float = number(
        "Denoise of later frames", 0.5, 0.0, 1.0, 0.01, "How much of the frame before each later frame replaces.",
        axis="Denoise (fraction)",
    )  # fmt: skip
    denoise_sine: bool = switch("Denoise sine", False, "Denoise swings between its value and its maximum, once.")
    denoise_max: float = number(
        "Denoise maximum", 0.9, 0.0, 1.0, 0.001, "The other end of that swing.", axis="Denoise maximum (fraction)"
    )
    unsample: bool = switch(
        "Unsample", False, "Each frame starts from the one before it, sampled backwards, instead of from new noise."
    )
    unsample_steps: int = integer(
        "Unsample steps", 0, 0, 1000, "Steps of sampling backwards; 0 takes as many as the frame takes forwards."
    )
    inject_noise: bool = switch("Inject noise", False, "Adds noise to the frame before, so that a still one moves on.")
    noise_strength: float = number(
        "Noise strength", 0.1, 0.0, 1.0, 0.001,
        "How strong that noise is; the latent's own is about 1.",
        axis="Noise strength (standard deviation)",
    )  # fmt: skip


@dataclass(frozen=True, init=False, repr=False, eq=False)
class SeedFields:
    """Which seed each frame has."""

    seed_mode: str = choice("Seed mode", SEED_MODES, "How the seed goes on from frame to frame.")
    alternate: bool = switch(
        "Alternate seeds", False, "Every other frame goes back to the first seed; the ones between take the next."
    )
    seed_keying: str = choice(
        "Seed keying", SEED_KEYINGS, "Seeds that come back: a sine of 1000 around the first, or a new one at times."
    )
    seed_divisor: int = integer("Seed divisor (frames)", 4, 2, 1024, "How long one period of the seed keying is.")
    node_seeds: str = choice(
        "Node-compatible seeds", NODE_SEEDS, "The seeds that this ComfyUI node would take, its quirks included."
    )


@dataclass(frozen=True, init=False, repr=False, eq=False)
class ReferenceFields:
    """What later frames are held to."""

    mixing_reference: str = choice(
        "Mixing reference", MIXING_REFERENCES, "What Iterative Mixing mixes into every frame after the first."
    )
    colour_anchor: float = number(
        "Colour anchor", 0.0, 0.0, 1.0, 0.01,
        "Holds the colours and the contrast of the first frame; 0 lets them go.",
        axis="Colour anchor (fraction)",
    )  # fmt: skip
