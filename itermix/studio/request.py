"""What a user asks the studio for: plain values that are checked once, to and from JSON and infotext."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from itermix.mixing.hires import AS_UPSCALED, AUTOMATIC_REFERENCE, MOST_PHASES, PIXEL, SOURCES
from itermix.mixing.settings import MixingSettings
from itermix.pictures.exif import as_text
from itermix.settings import SettingsError, unknown
from itermix.studio.errors import StudioError

AUTOMATIC = "automatic"
# Those of schedules.SAMPLERS, named here so that a wrong one is refused before anything is loaded.
SAMPLERS = (AUTOMATIC, "Euler", "Euler a", "DPM++ 2M", "Heun", "DDIM", "Flow Euler")
SCHEDULES = ("karras", "uniform")
UPSCALERS = SOURCES
OWN_SCHEDULE = ("DDIM", "Flow Euler")
LARGEST_SIDE = 8192


@dataclass(frozen=True)
class Request:
    """A run. Sizes in pixels. Width, height or guidance of 0 and the sampler "automatic" are left to the model.

    hires 1 = no second pass. 0 leaves hires_steps at as many as steps, and hires_phases at as few as keep each at 2x.
    Raises StudioError for values out of range.
    """

    prompt: str = ""
    negative: str = ""
    width: int = 0
    height: int = 0
    steps: int = 20
    sampler: str = AUTOMATIC
    schedule: str = "karras"
    guidance: float = 0.0
    seed: int = 0
    count: int = 1
    hires: float = 1.0
    hires_strength: float = 0.7
    hires_steps: int = 0
    hires_upscaler: str = PIXEL
    hires_phases: int = 1
    strength: float = 0.75
    mixing: MixingSettings = field(default_factory=MixingSettings)

    def __post_init__(self) -> None:
        for name in ("prompt", "negative", "sampler", "schedule"):
            value = getattr(self, name)
            is_text = isinstance(value, str) and value == as_text(value) and "\0" not in value
            self._require(name, is_text, "text, of whole characters")
        for name, low, high in (
            ("width", 0, LARGEST_SIDE), ("height", 0, LARGEST_SIDE), ("steps", 1, 1000), ("hires_steps", 0, 1000),
            ("hires_phases", 0, MOST_PHASES),
            ("seed", 0, 2**63 - 1), ("count", 1, 1000),
        ):  # fmt: skip
            value = getattr(self, name)
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            self._require(name, is_whole and low <= value <= high, f"a whole number from {low} to {high}")
        for name, low, high in (
            ("guidance", 0.0, 100.0), ("hires", 1.0, 16.0), ("hires_strength", 0.0, 1.0), ("strength", 0.0, 1.0),
        ):  # fmt: skip
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
            self._require(name, is_number and low <= value <= high, f"a number from {low:g} to {high:g}")
        for name in ("width", "height"):
            self._require(name, getattr(self, name) % 8 == 0, "a multiple of 8")
        is_used = self.hires > 1.0 and self.effective_hires_strength() == self.hires_strength
        self._require("strength", self.strength > 0.0, "a number above 0, up to 1")
        self._require("hires_strength", self.hires_strength > 0.0 or not is_used, "a number above 0, up to 1")
        phases = self.effective_phases()
        if phases > 1 and 2.0**phases < self.hires:
            allowed = f"0, 1, or as many as keep each at 2x, for {self.hires:g}x"
            raise StudioError(f"hires_phases: '{phases}' is not allowed; it takes {allowed}")
        for name, known in (("sampler", SAMPLERS), ("schedule", SCHEDULES), ("hires_upscaler", SOURCES)):
            self._require(name, getattr(self, name) in known, "one of " + ", ".join(f'"{value}"' for value in known))

    def _require(self, name: str, is_right: bool, allowed: str) -> None:
        if not is_right:
            raise StudioError(f"{name}: {str(getattr(self, name))[:60]!r} is not allowed; it takes {allowed}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Request:
        """A request from plain JSON; mixing is an object of its own. Raises StudioError, or SettingsError by mixing."""
        known = [item.name for item in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise StudioError(f"settings: {unknown(name, known)}")
        if "mixing" in values and not isinstance(values["mixing"], MixingSettings):
            mixing = values["mixing"]
            asked = {"enabled": True, **mixing} if isinstance(mixing, dict) else mixing
            try:
                values = {**values, "mixing": MixingSettings.from_dict(asked)}
            except SettingsError as error:
                raise SettingsError(f"mixing: {error}") from None
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON; `from_dict` gives an equal request back."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {**values, "mixing": self.mixing.to_dict()}

    def unused(self, name: str, has_image: bool) -> str:
        """Why a field has no use in this run, in words; "" where it has one. has_image: whether it starts from one."""
        if name == "strength" and not has_image:
            return "there is no --image"
        if name.startswith("hires") and has_image:
            return "with --image there is no second pass"
        if name.startswith("hires_") and self.hires == 1.0:
            return "there is no second pass; add --hires 2"
        if name == "hires_strength" and self.effective_hires_strength() != self.hires_strength:
            return f"mixing has its own, {self.effective_hires_strength():g} (hires_denoise; 0 there takes yours)"
        if name == "negative" and self.guidance == 1.0:
            return "a guidance of 1 is none"
        if name == "schedule" and self.sampler in OWN_SCHEDULE:
            return f"{self.sampler} has a schedule of its own"
        return ""

    def effective_hires_strength(self) -> float:
        """Mixing's own denoising strength for the hires pass, where it mixes there and sets one."""
        is_set = self._mixes_hires and self.mixing.hires_denoise > 0.0
        return self.mixing.hires_denoise if is_set else self.hires_strength

    def effective_upscaler(self) -> str:
        """What mixing's own hires reference is made from, where it mixes there and names one."""
        is_set = self._mixes_hires and self.mixing.hires_reference not in (AUTOMATIC_REFERENCE, AS_UPSCALED)
        return self.mixing.hires_reference if is_set else self.hires_upscaler

    def effective_phases(self) -> int:
        """Mixing's own number of phases, where it mixes in the hires pass and has more than one."""
        is_set = self._mixes_hires and self.mixing.hires_phases != 1
        return self.mixing.hires_phases if is_set else self.hires_phases

    def hires_seed(self, seed: int) -> int:
        """The hires pass's seed of the picture of a seed."""
        is_set = self._mixes_hires and self.mixing.hires_seed >= 0
        return self.mixing.hires_seed + seed - self.seed if is_set else seed

    @property
    def _mixes_hires(self) -> bool:
        return self.mixing.enabled and self.mixing.passes != "first pass"


@dataclass(frozen=True)
class Resolved(Request):
    """A request that leaves nothing open: size, sampler and guidance are a model's own where none were asked for.

    `Network.resolved` makes it, once for a run, and refuses there what the model cannot do.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("width", "height", "guidance"):
            self._require(name, getattr(self, name) > 0, "a number above 0")
        self._require("sampler", self.sampler != AUTOMATIC, "the name of a sampler")

    def hires_size(self, multiple: int) -> tuple[int, int]:
        """(height, width) of the hires pass, to the next multiple of what the model takes."""
        return tuple(max(round(side * self.hires / multiple), 1) * multiple for side in (self.height, self.width))

    def hires_steps_made(self) -> int:
        """Those of the hires steps that the denoising strength leaves: what the WebUIs call Hires steps."""
        return steps_left(self.hires_steps or self.steps, self.effective_hires_strength())

    def infotext(
        self,
        seed: int,
        size: tuple[int, int],
        model: str = "",
        source: str = "",
        denoise: float | None = None,
        is_mixed: bool = True,
    ) -> str:
        """The parameters as WebUIs write them into a PNG.

        size: (height, width) of the picture. model: the checkpoint's name. source: what the picture was made from, such
        as "image and mask"; "" for none. denoise: how much of that was replaced, where it is not the strength.
        is_mixed: whether anything was mixed; the settings of mixing are left out where nothing was.
        """
        items: dict[str, Any] = {
            "Steps": self.steps, "Sampler": self.sampler, "Schedule type": self.schedule.capitalize(),
            "CFG scale": f"{self.guidance:g}", "Seed": seed,
            "Size": f"{self.width}x{self.height}",
        }  # fmt: skip
        if model:
            items["Model"] = quoted(model)
        if source:
            items |= {"Denoising strength": f"{self.strength if denoise is None else denoise:g}", "Source": source}
        elif self.hires > 1.0:
            items |= {
                "Denoising strength": f"{self.effective_hires_strength():g}", "Hires upscale": f"{self.hires:g}",
                "Hires upscaler": self.effective_upscaler(), "Hires steps": self.hires_steps_made(),
            }  # fmt: skip
            if self.effective_phases() != 1:
                items["Hires phases"] = self.effective_phases() or "automatic"
        if self.mixing.enabled and is_mixed:
            items[MixingSettings.infotext_key] = quoted(self.mixing.to_infotext())
        head = [self.prompt, *([f"Negative prompt: {self.negative}"] if self.negative else [])]
        return "\n".join([*head, ", ".join(f"{key}: {value}" for key, value in items.items())])


def steps_left(steps: int, strength: float) -> int:
    """How many of the steps a denoising strength leaves, as the WebUIs count; all at 1. Raises StudioError at 0."""
    if not 0.0 < strength <= 1.0:
        raise StudioError(f"strength: {strength:g} is not allowed; it takes a number above 0, up to 1")
    return int(min(strength, 0.999) * steps) + 1


def quoted(text: str) -> str:
    """An infotext value; in quotes where it has what ends one."""
    if not set(text) & set(',:"\n'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'
