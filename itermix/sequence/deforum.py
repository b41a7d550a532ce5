"""A whole settings file of Deforum's, in the place of its prompts: which of its schedules have a meaning here.

Of its two-dimensional camera all four; its strength says how much stays, so denoise is 1 - strength; its CFG; its seed
where that is a schedule. All else is left out, and `messages` says so: what would have done something by its name.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from itermix.sequence import quoted
from itermix.sequence.fields.prompts import DEFORUM
from itermix.sequence.prompt_schedule import NEGATIVE, Around
from itermix.sequence.values import ValueSchedule, read_values
from itermix.settings import BOM, SettingsError

if TYPE_CHECKING:
    from itermix.sequence.settings import SequenceSettings

PROMPTS = ("prompts", "animation_prompts")
FLAT = "2D"  # of the animation modes the one whose camera is ours
# What the page and the host have themselves.
SET_HERE = ("max_frames", "W", "H", "steps", "sampler", "seed", "seed_behavior", "fps")
# What can be read, and of the camera where it rests.
READ = {
    "strength_schedule": None, "cfg_scale_schedule": None, "zoom": 1.0, "angle": 0.0, "translation_x": 0.0,
    "translation_y": 0.0,
}  # fmt: skip
SWITCHED = (
    "steps", "sampler", "checkpoint", "clipskip", "noise_multiplier", "ddim_eta", "ancestral_eta", "subseed",
)  # fmt: skip
# Other settings by what they are where they do nothing.
IDLE: dict[str, tuple[Any, ...]] = {
    "translation_z": (0,), "rotation_3d_x": (0,), "rotation_3d_y": (0,), "rotation_3d_z": (0,),
    "transform_center_x": (0.5,), "transform_center_y": (0.5,), "noise_schedule": (0,), "contrast_schedule": (1,),
    "amount_schedule": (0,), "color_coherence": ("None",), "diffusion_cadence": (1,), "optical_flow_cadence": ("None",),
    "diffusion_redo": (0,), "hybrid_motion": ("None",), "hybrid_composite": ("None",), "parseq_manifest": ("",),
    **dict.fromkeys(("use_init", "use_mask", "use_mask_video", "use_looper", "enable_perspective_flip"), (False,)),
    **dict.fromkeys((f"cn_{unit}_enabled" for unit in range(1, 6)), (False,)),
}  # fmt: skip
MOST_DIGITS = 300  # of a whole number that has a place among the others
CONSTANT = re.compile(r"\s*0\s*:\s*\(?\s*(-?[\d.]+)\s*\)?\s*,?\s*")


@dataclass(frozen=True)
class Borrowed:
    """A schedule of the file in the place of one of ours: ours = offset + scale * value. key: its name in the file."""

    key: str
    schedule: ValueSchedule
    scale: float = 1.0
    offset: float = 0.0

    def ours(self, value: float) -> float:
        return value if (self.scale, self.offset) == (1.0, 0.0) else self.offset + self.scale * value

    def range(self, low: float, high: float) -> tuple[float, float]:
        """What the file's own values may be where ours go from low to high."""
        return tuple(sorted((bound - self.offset) / self.scale + 0.0 for bound in (low, high)))  # + 0.0: none is -0


@dataclass(frozen=True)
class SettingsFile:
    """values: all that the file has. prompts: the text of its prompts, on their lines."""

    values: dict[str, Any]
    prompts: str

    @property
    def around(self) -> Around:
        """What Deforum puts around each prompt."""
        before, after = (
            str(self.values.get(f"animation_prompts_{side}") or self.values.get(f"{side}_prompts") or "")
            for side in ("positive", "negative")
        )
        after = after.replace(NEGATIVE, "").strip()
        return Around(before.strip(), f"{NEGATIVE} {after}" if after else "")

    @property
    def is_flat(self) -> bool:
        return self.values.get("animation_mode", FLAT) == FLAT

    def borrowed(self, settings: SequenceSettings) -> dict[str, Borrowed]:
        """By our field's name; without those that have a value of the user's own. Raises SettingsError."""
        found = {}
        for name, (keys, scale, offset) in self._known(settings).items():
            key = next((key for key in keys if isinstance(self.values.get(key), str)), None)
            if key is None or getattr(settings, name).strip():
                continue
            schedule = read_values(
                f"prompts, {key}", self.values[key], settings.frames, is_whole=name == "seed_schedule"
            )
            if schedule is not None:
                found[name] = Borrowed(key, schedule, scale, offset)
        return found

    def messages(self, settings: SequenceSettings) -> list[str]:
        """What is read of the file, what is left out, and what is to be set by hand."""
        borrowed = self.borrowed(settings)
        read = [
            f"{part.key} (denoise is 1 less it)" if name == "denoise_schedule" else part.key
            for name, part in borrowed.items()
        ]
        said = [f"Of Deforum's settings are read: {', '.join(['prompts', *read])}"]
        left = [*self._left_out([part.key for part in borrowed.values()])]
        if left:
            said.append(f"Left out of them: {', '.join(left)}")
        own = [f"{key} {self.values[key]}" for key in SET_HERE if key in self.values]
        if own:
            said.append(f"Not taken over, set here by hand: {', '.join(own)}")
        return said

    def _known(self, settings: SequenceSettings) -> dict[str, tuple[tuple[str, ...], float, float]]:
        """By our field's name: its names in the file, scale and offset."""
        known: dict[str, tuple[tuple[str, ...], float, float]] = {
            "cfg_schedule": (("cfg_scale_schedule", "scale_schedule"), 1.0, 0.0)
        }
        if not settings.denoise_sine:
            known["denoise_schedule"] = (("strength_schedule",), -1.0, 1.0)
        if self.values.get("seed_behavior") == "schedule" and settings.node_seeds == "off":
            known["seed_schedule"] = (("seed_schedule",), 1.0, 0.0)
        if self.is_flat:
            known["zoom_schedule"], known["rotation_schedule"] = (("zoom",), 1.0, 0.0), (("angle",), 1.0, 0.0)
            for name, key, side in (("pan_x_schedule", "translation_x", "W"), ("pan_y_schedule", "translation_y", "H")):
                size = self.values.get(side)
                if isinstance(size, int) and size > 0:
                    known[name] = ((key,), 1.0 / size, 0.0)
        return known

    def _left_out(self, read: list[str]) -> Iterator[str]:
        """What is not read, and would have done something."""
        values = self.values
        if not self.is_flat:
            yield f"the camera of animation_mode {values['animation_mode']}"
        for key, rest in READ.items():
            is_camera = rest is not None
            if key not in values or key in read or is_camera and (not self.is_flat or _constant(values[key]) == rest):
                continue
            yield key
        if values.get("seed_behavior") == "schedule" and "seed_schedule" not in read:
            yield "seed_schedule"
        for key, idle in IDLE.items():
            is_3d = key == "translation_z" or key.startswith("rotation_3d")
            if key in values and not (is_3d and self.is_flat) and not _is_idle(values[key], idle):
                yield key
        for name in SWITCHED:
            if values.get(f"enable_{name}_scheduling"):
                yield f"{name}_schedule"


@functools.lru_cache(maxsize=16)
def settings_file(text: str) -> SettingsFile | None:
    """The settings file in a text of prompts; None where it is none. Raises SettingsError for a damaged one."""
    text = text.removeprefix(BOM)
    if not quoted.BRACED.match(text) or not re.search(r'"(animation_mode|max_frames)"\s*:', text):
        return None
    try:
        values = json.loads(text, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise SettingsError(
            f"prompts, line {error.lineno}: Deforum's settings are not JSON: {error.msg} in column {error.colno}"
        ) from None
    except (RecursionError, ValueError):
        raise SettingsError("prompts: Deforum's settings are not JSON") from None
    key = next((key for key in PROMPTS if isinstance(values.get(key), dict)), None)
    if key is None:
        raise SettingsError('prompts: Deforum\'s settings have no "prompts"; they take an object of frames and prompts')
    return SettingsFile(values, _text_of(text, key, values[key]))


def file_of(settings: SequenceSettings) -> SettingsFile | None:
    """The settings file that stands in the prompts of a sequence. Raises SettingsError."""
    is_read = settings.prompt_format in ("automatic", DEFORUM) and settings.keyframes == "numbered"
    return settings_file(settings.prompts) if is_read else None


def _text_of(text: str, key: str, value: dict[str, Any]) -> str:
    """Where the object of prompts stands, with the lines before it empty, so that a message has the file's own line."""
    decoder = json.JSONDecoder()
    for found in re.finditer(rf'"{key}"\s*:\s*', text):
        try:
            inner, end = decoder.raw_decode(text, found.end())
        except json.JSONDecodeError:
            continue
        if inner == value:
            return "\n" * text.count("\n", 0, found.end()) + text[found.end() : end]
    return json.dumps(value)


def _whole(digits: str) -> int | float:
    """A whole number of the file; beyond all bounds it is infinite, as it would be with a point in it."""
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)


def _constant(value: Any) -> float | None:
    """The one number of a schedule that is the same everywhere; None of any other."""
    found = CONSTANT.fullmatch(str(value))
    try:
        return float(found.group(1)) if found else float(value)
    except (TypeError, ValueError):
        return None


def _is_idle(value: Any, idle: tuple[Any, ...]) -> bool:
    return value in idle or not isinstance(value, bool) and _constant(value) in idle or value is None
