"""The settings of Iterative Mixing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from itermix.mixing.hires import AS_UPSCALED, LATENT, HiresFields
from itermix.mixing.units import PER_CENT, SHARES, STEPS, UnitFields, shares
from itermix.settings import Infotext, Settings, SettingsError, choice, image, integer, number, switch

CURVES = ("cosine", "cosine (node pack)", "linear", "logistic")
PROGRESS = ("noise level", "step")
BLENDS = ("two bands", "low-pass", "linear", "slerp", "norm only")
FREQUENCY_BLENDS = ("two bands", "low-pass")  # that mix low and high frequencies apart
NOISES = ("shared", "fresh per step")
WINDOWS = ("fitted", "cut (node pack)")
TIMINGS = ("start of step", "end of step (node pack)")
PASSES = ("all", "first pass", "hires pass")
REFERENCES = ("automatic", "uploaded image")
MASKS = NO_MASK, UPLOADED_MASK, INPAINT_MASK = ("none", "uploaded picture", "inpaint mask")
BANDS = ("all frequencies", "coarse shapes", "fine detail")
PERLINS = ("off", "mixing mask", "latent", "matched noise")
FITS = ("crop", "stretch")
MOST_TRACED = 20  # steps that a trace keeps of a pass


@dataclass(frozen=True, init=False, repr=False, eq=False)
class MixingFields(Settings):
    """How a pass is mixed. Fractions are of the run: 0 its start, 1 its end."""

    enabled: bool = switch("Enable", False, "Mixes a noised reference latent into every sampling step.")
    alpha_1: float = number(
        "Freedom (alpha_1)", 0.5, 0.0, 10.0, 0.01,
        "How early the picture is let go from its reference: larger is earlier and freer (cosine and logistic).",
        axis="alpha_1",
    )  # fmt: skip
    curve: str = choice("Curve", CURVES, "How the weight of the reference falls over the run.")
    blend: str = choice(
        "Blend", BLENDS,
        "How the two latents are mixed; two bands and low-pass mix coarse shapes and fine detail apart.",
    )  # fmt: skip
    hires_denoise: float = number(
        "Hires denoising strength", 0.7, 0.0, 1.0, 0.05,
        "Replaces the denoising strength of hires fix while mixing; 0 keeps the page's own value.",
        axis="Hires denoising strength (fraction)",
    )  # fmt: skip
    passes: str = choice("Passes", PASSES, "Which sampling passes are mixed; img2img has one pass, the first.")
    start: float = number(
        "Curve start", 0.0, 0.0, 1.0, 0.01, "Up to this share of the run the weight stays at its top.",
        axis="Start (fraction of the run)",
    )  # fmt: skip
    stop: float = number(
        "Curve stop", 1.0, 0.0, 2.0, 0.01,
        "From this share of the run on the curve is at its end; above 1 the run ends before it gets there.",
        axis="Stop (fraction of the run)",
    )  # fmt: skip
    clamp: float = number(
        "Curve clamp", 1.0, 0.0, 1.0, 0.01, "From this share of the run on nothing is mixed at all.",
        axis="Clamp (fraction of the run)",
    )  # fmt: skip
    minimum: float = number(
        "Minimum weight", 0.0, 0.0, 1.0, 0.01,
        "Share of the reference at the end of the curve; above the maximum the weight rises to it.",
        axis="Minimum weight (fraction)",
    )  # fmt: skip
    maximum: float = number(
        "Maximum weight", 1.0, 0.0, 1.0, 0.01, "Share of the reference at the beginning of the curve.",
        axis="Maximum weight (fraction)",
    )  # fmt: skip
    progress: str = choice(
        "Progress by", PROGRESS, "What moves along the curve: the noise level (same on every schedule) or the steps."
    )
    noise: str = choice("Noise", NOISES, "Noise put on the reference: the run's own, or new noise at every step.")
    timing: str = choice("Timing", TIMINGS, "When a step is mixed; the node pack mixes after it, one noise level late.")
    reference_scale: float = number(
        "Reference scale", 0.0, 0.0, 16.0, 0.25,
        "How many times larger the reference is than its original, for two bands and low-pass; 0 finds out by itself.",
        axis="Reference scale (times enlarged)",
    )  # fmt: skip
    reference: str = choice(
        "Reference", REFERENCES, "Automatic: upscaled first pass, or img2img's picture. Or always the uploaded image."
    )
    reference_fit: str = choice("Reference fit", FITS, "How an uploaded reference is brought to the picture's size.")
    reference_image: str | None = image(
        "Reference image", "Mixed into passes that have no reference of their own, or into all of them."
    )
    high_exponent: float = number(
        "High-frequency exponent", 3.0, 1.0, 10.0, 0.1,
        "Two bands: fine detail, which an enlarged reference lacks, gets the weight to this power; 1 is equal weight.",
    )  # fmt: skip
    window: str = choice(
        "Curve window", WINDOWS,
        "How start, stop and clamp act: the whole curve fitted in between, or cut there in whole steps as in the node "
        "pack.",
    )  # fmt: skip
    normalize: bool = switch(
        "Normalize", False, "Gives each channel of the result the mean and contrast of the reference."
    )

    mask: str = choice(
        "Mixing mask", MASKS, "Where the reference is mixed: by a picture of yours, or by what inpainting repaints."
    )
    mask_image: str | None = image(
        "Mask picture", "White is held to the reference, black is free. It is fitted as an uploaded reference is."
    )
    mask_softness: float = number(
        "Mask softness", 0.0, 0.0, 0.5, 0.01, "Width of its soft edges, as a share of the picture's shorter side.",
        axis="Mask softness (share of the shorter side)",
    )  # fmt: skip
    mask_invert: bool = switch("Invert mask", False, "Holds the black parts to the reference and frees the white ones.")
    mask_bands: str = choice(
        "Mask acts on", BANDS,
        "Two bands and low-pass: whether black frees everything, coarse shapes alone, or fine detail alone.",
    )  # fmt: skip

    rewind: bool = switch(
        "Rewind", False, "After a run goes back, noises the result anew and runs forwards again, each time half as far."
    )
    rewind_min: float = number(
        "Rewind to", 0.5, 0.1, 0.99, 0.01,
        "The share of the steps that is gone back to first; a pass then takes about 1 / this times its steps at most.",
        axis="Rewind to (fraction of the run)",
    )  # fmt: skip
    rewind_max: float = number(
        "Rewind up to", 0.8, 0.1, 0.99, 0.01, "No run begins after this share of the steps.",
        axis="Rewind up to (fraction of the run)",
    )  # fmt: skip

    perlin: str = choice(
        "Perlin noise", PERLINS,
        "Soft random blobs: where the reference is mixed, in the reference itself, or in the noise that is put on it.",
    )  # fmt: skip
    perlin_strength: float = number(
        "Perlin strength", 0.75, 0.0, 1.0, 0.01, "How far it goes; 0 is none.", axis="Perlin strength (share)"
    )
    perlin_scale: float = number(
        "Perlin scale", 10.0, 1.0, 400.0, 0.5,
        "Size of its largest blobs in latent pixels, 8 pixels of the picture each.",
    )  # fmt: skip
    perlin_octaves: int = integer(
        "Perlin octaves", 4, 1, 8, "How many sizes of blobs are added up, each half the size of the one before."
    )
    perlin_seed: int = integer("Perlin seed", 0, 0, 2**32 - 1, "Added to each picture's seed, for other blobs.")


@dataclass(frozen=True)
class MixingSettings(UnitFields, HiresFields, MixingFields):
    """Settings of Iterative Mixing. The fields of the bases come in the order of the positional API arguments: the
    last base's first."""

    title = "Iterative Mixing"
    infotext_key = "Iterative Mixing"

    def check_together(self) -> None:
        self._check_window()
        if self.rewind and self.rewind_min > self.rewind_max:
            raise SettingsError(
                f"rewind_min: {self.rewind_min:g} is not allowed; it must not exceed rewind_max, which is "
                f"{self.rewind_max:g}"
            )

    def _check_window(self) -> None:
        names = ("start", "stop") if self.unit == SHARES else ("start_at", "stop_at")
        start, stop = (getattr(self, name) for name in names)
        is_open = self.unit != SHARES and stop == 0.0  # then it is the end of the run
        if start >= stop and not is_open:
            raise SettingsError(f"{names[0]}: {start:g} is not allowed; it must be below {names[1]}, which is {stop:g}")
        if self.unit == PER_CENT and start > 100.0:
            raise SettingsError(f"start_at: {start:g} is not allowed in per cent; it takes a number from 0 to 100")
        if self.unit == PER_CENT and stop > 200.0:
            raise SettingsError(f"stop_at: {stop:g} is not allowed in per cent; it takes a number from 0 to 200")

    def in_shares(self, steps: int) -> MixingSettings:
        """The same for a run of so many steps with start and stop as shares of it; steps count by themselves."""
        if self.unit == SHARES:
            return self
        start, stop = shares(self.unit, self.start_at, self.stop_at, steps)
        progress = "step" if self.unit == STEPS else self.progress
        return replace(self, unit=SHARES, start=start, stop=stop, progress=progress)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MixingSettings:
        """As any settings'; a mask picture is used where nothing is said about the mask."""
        if isinstance(values, dict) and values.get("mask_image") and "mask" not in values:
            values = {**values, "mask": UPLOADED_MASK}
        return super().from_dict(values)

    @classmethod
    def presets(cls) -> dict[str, dict[str, Any]]:
        return MIXING_PRESETS

    @classmethod
    def infotext(cls) -> Infotext:
        return MIXING_INFOTEXT


MIXING_INFOTEXT = Infotext(
    always=("alpha_1",),
    never={"enabled": True, "reference_image": None, "mask_image": None},
    versions={
        1: {"alpha_1": 0.02, "blend": "low-pass", "hires_denoise": 1.0},
        2: {"hires_reference": AS_UPSCALED},
    },
)

MIXING_PRESETS: dict[str, dict[str, Any]] = {
    "Faithful": {"alpha_1": 0.02, "blend": "low-pass", "hires_denoise": 1.0},
    "Close": {"alpha_1": 0.1, "high_exponent": 6.0},
    "Balanced": {},
    "Creative": {"alpha_1": 1.5, "hires_denoise": 1.0},
    "DemoFusion paper": {"alpha_1": 3.0, "blend": "linear", "hires_denoise": 1.0, "hires_reference": LATENT},
    "Node pack": {
        "alpha_1": 2.4,
        "hires_denoise": 1.0,
        "hires_reference": AS_UPSCALED,
        "curve": "cosine (node pack)",
        "blend": "linear",
        "progress": "step",
        "noise": "fresh per step",
        "timing": "end of step (node pack)",
        "window": "cut (node pack)",
    },
}
