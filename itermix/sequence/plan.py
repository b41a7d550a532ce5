"""What a sequence will do, frame by frame, before it does it: plain data to print, test and show.

Frame 0 comes from the init image (or from nothing), every later one from the frame before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from itermix.sequence import prompts
from itermix.sequence.deforum import file_of
from itermix.sequence.prompt_schedule import PromptSchedule
from itermix.sequence.schedules import CAMERA, idle, values_over_time
from itermix.sequence.seeds import SEEDS, seeds
from itermix.sequence.settings import SequenceSettings


@dataclass(frozen=True)
class Passage:
    """Where the conditioning of a frame is on its way from one prompt to the next.

    start: a prompt, or None for the conditioning that the frame before had. weight: 0 is start, 1 is goal.
    method: "slerp" or "linear"; "step" is the node's slerp. A frame on a keyframe has weight 1.
    """

    goal: str
    start: str | None = None
    weight: float = 1.0
    method: str = "linear"

    @property
    def prompts(self) -> tuple[str, ...]:
        """What must be encoded for this frame."""
        if self.weight == 1.0:
            return (self.goal,)
        if self.start is None:
            return (self.goal,) if self.weight > 0.0 else ()
        return (self.start, self.goal) if self.weight > 0.0 else (self.start,)

    @property
    def prompt(self) -> str:
        """The one prompt that a frame is written down under, and whose extra networks are on."""
        return self.goal if self.weight > 0.0 or self.start is None else self.start

    def __str__(self) -> str:
        if self.weight == 1.0 or self.start is None:
            return self.goal
        return f"{self.start} -> {self.goal} ({self.weight:.0%})" if self.weight else self.start


@dataclass(frozen=True)
class Move:
    """How the camera goes from one frame to the next. zoom: how many times larger things become. pan_x, pan_y: how far
    they go to the right and down, in widths and heights. rotation: how far they turn to the left, in degrees."""

    zoom: float = 1.0
    pan_x: float = 0.0
    pan_y: float = 0.0
    rotation: float = 0.0

    @property
    def is_still(self) -> bool:
        return self == STILL

    def __str__(self) -> str:
        """What is not still of it, in words."""
        said = [f"zoom {self.zoom:.4g}"] if self.zoom != 1.0 else []
        said += [f"pan {self.pan_x:.4g}, {self.pan_y:.4g}"] if self.pan_x or self.pan_y else []
        said += [f"turn {self.rotation:.4g}"] if self.rotation else []
        return "; ".join(said)


STILL = Move()


@dataclass(frozen=True)
class Frame:
    """One frame. seed: of the first image of a batch, image i has seed + i. denoise: 0 keeps all, 1 is all new.

    unsample_steps: None is no unsampling, 0 as many as the frame takes forwards. noise: strength of injected noise,
    0 for none.
    """

    index: int
    seed: int
    denoise: float
    positive: Passage
    negative: Passage
    keyframe: bool
    interpolation: str
    interpolation_strength: float
    unsample_steps: int | None
    noise: float
    cfg: float | None = None
    alpha_1: float | None = None
    move: Move = STILL


def plan(settings: SequenceSettings, seed: int = 0, prompt: str = "", negative: str = "") -> list[Frame]:
    """The frames of a sequence. seed, prompt, negative: the host's own. The same arguments give the same plan.

    Raises SettingsError where a schedule has no value with this seed.
    """
    schedule, travel = settings.read_prompts(), settings.way_of_travel
    positives, negatives = (
        _closed(settings, travel, {0: own, **table})
        for own, table in ((prompt, schedule.positive), (negative, schedule.negative))
    )
    over_time = values_over_time(settings, seed)
    has_seeds = "seed_schedule" in over_time
    chosen = [value % SEEDS for value in over_time.get("seed_schedule") or seeds(settings, seed)]

    def at(name: str, index: int, otherwise: float | None) -> Any:
        return over_time[name][index] if name in over_time else otherwise

    def passage(keyframes: prompts.Keyframes, index: int) -> Passage:
        strength = at("conditioning_slerp_schedule", index, settings.conditioning_slerp_strength)
        return _passage(settings, schedule, travel, strength, keyframes, index)

    return [
        Frame(
            index=index,
            seed=chosen[index],
            denoise=at("denoise_schedule", index, denoise(settings, index)) if index else settings.denoise_start,
            positive=passage(positives, index),
            negative=passage(negatives, index),
            keyframe=index in positives or index in negatives,
            interpolation=settings.latent_interpolation if index else "off",
            interpolation_strength=at("interpolation_schedule", index, settings.latent_interpolation_strength),
            unsample_steps=settings.unsample_steps if _unsamples(settings, index, has_seeds) else None,
            noise=at("noise_schedule", index, settings.noise_strength) if settings.inject_noise and index else 0.0,
            cfg=at("cfg_schedule", index, None),
            alpha_1=at("alpha_1_schedule", index, None) if index else None,
            move=_move(over_time, index),
        )
        for index in range(settings.frames)
    ]


def overview(settings: SequenceSettings, seed: int = 0, prompt: str = "", negative: str = "") -> dict[str, Any]:
    """What is shown of a plan before it runs, of plain values: "messages", lines of text; "curves", by the name of its
    field the values of each schedule; and "frames", as `table`. Raises SettingsError."""
    frames = plan(settings, seed, prompt, negative)
    curves = values_over_time(settings, seed)
    if "denoise_schedule" in curves:
        curves["denoise_schedule"] = [frame.denoise for frame in frames]
    file = file_of(settings)
    messages = [*settings.read_prompts().messages(), *(file.messages(settings) if file else [])]
    messages += [*idle(settings), *_of_the_way(settings, frames)]
    return {"messages": messages, "curves": curves, "frames": table(frames)}


def table(frames: list[Frame]) -> list[dict[str, Any]]:
    """One row for each frame, of plain values: frame, seed, denoise, prompt, negative, interpolation."""
    return [
        {
            "frame": frame.index,
            "seed": frame.seed,
            "denoise": round(frame.denoise, 6),
            "prompt": str(frame.positive),
            "negative": str(frame.negative),
            "keyframe": frame.keyframe,
            "interpolation": _interpolation(frame),
            "unsample": frame.unsample_steps is not None,
            "noise": frame.noise,
            "cfg": frame.cfg,
            "alpha_1": frame.alpha_1,
            "camera": str(frame.move),
        }
        for frame in frames
    ]


def denoise(settings: SequenceSettings, index: int) -> float:
    """With denoise sine: mean + amplitude sin(2 pi k / n) between denoise_seq and denoise_max."""
    if index == 0:
        return settings.denoise_start
    if not settings.denoise_sine:
        return settings.denoise_seq
    amplitude = (settings.denoise_max - settings.denoise_seq) / 2.0
    mean = (settings.denoise_max + settings.denoise_seq) / 2.0
    swing = amplitude * math.sin(2.0 * math.pi * index / settings.frames)
    return min(max(mean + swing, 0.0), 1.0)  # rounding may go past an end of 0 or 1


def _passage(
    settings: SequenceSettings, schedule: PromptSchedule, travel: str, strength: float, keyframes: prompts.Keyframes,
    index: int,
) -> Passage:  # fmt: skip
    """strength: of the node's slerp in this frame."""
    here, following = prompts.ends(keyframes, index)
    start = schedule.text(keyframes[here], index)
    if settings.conditioning_slerp and index:
        return Passage(start, None, strength if here == index else 0.0, "step")
    if travel == "off" or following is None or here == index or keyframes[here] == keyframes[following]:
        return Passage(start)
    goal = schedule.text(keyframes[following], index)
    return Passage(goal, start, (index - here) / (following - here), travel)


def _closed(settings: SequenceSettings, travel: str, keyframes: prompts.Keyframes) -> prompts.Keyframes:
    """With the first prompt once more behind the last frame, where a closed loop travels back to it."""
    if not settings.close_loop or travel == "off":
        return keyframes
    own = {frame: text for frame, text in keyframes.items() if frame < settings.frames}
    return {**own, settings.frames: own[0]}


def _move(over_time: dict[str, list[float]], index: int) -> Move:
    """Frame 0 is where the camera begins."""
    if not index:
        return STILL
    names = (name.removesuffix("_schedule") for name in CAMERA if name in over_time)
    return Move(**{name: over_time[f"{name}_schedule"][index] for name in names})


def _of_the_way(settings: SequenceSettings, frames: list[Frame]) -> list[str]:
    """What is to be said of the camera and of a closed loop."""
    said = []
    reference = settings.mixing_reference
    if reference in ("first frame", "init image") and any(not frame.move.is_still for frame in frames):
        said.append(f"The camera does not move the mixing reference: the {reference} holds the picture where it was")
    if settings.close_loop:
        changes = [frame.index for frame in frames if frame.keyframe]
        travels = settings.way_of_travel != "off" and len(changes) > 1
        prompts = f"; the prompts travel back from frame {changes[-1]} on" if travels else ""
        said.append(f"The loop is closed: the last frames are drawn back to frame 0{prompts}")
    return said


def _unsamples(settings: SequenceSettings, index: int, has_seeds: bool) -> bool:
    """Modulo keying starts afresh, with new noise, where it takes a new seed: as in the node."""
    is_keyed = settings.seed_keying == "modulo" and not has_seeds
    fresh = is_keyed and index % settings.seed_divisor == 0
    return settings.unsample and index > 0 and not fresh


def _interpolation(frame: Frame) -> str:
    return "off" if frame.interpolation == "off" else f"{frame.interpolation} {frame.interpolation_strength:g}"
