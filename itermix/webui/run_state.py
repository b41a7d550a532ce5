"""What one run of the host knows of itermix: one object, and all that itermix writes on the host's `p`.

A change makes a new object: copies of `p`, such as the cells of a plot, share their attributes. What a plot asks for is
theirs, too; a run under way is not: another extension may make a picture by a copy in the middle of it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

ATTRIBUTE = "itermix"  # of p: its id and the state
ASKED = ("mixing_axes", "sequence_axes", "upscale_axes", "longest")  # what a copy of p has, too


@dataclass
class Outcome:
    """What has come of a batch: whether anything was mixed into it, and why nothing was where that was expected.

    strips: traces that are drawn, by image of the batch and name of the pass; finished: those of the image that the
    host is about to save.
    """

    is_mixed: bool = False
    reasons: list[str] = field(default_factory=list)
    strips: dict[int, dict[str, Any]] = field(default_factory=dict)
    finished: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunState:
    """mixing_axes, sequence_axes, upscale_axes: what an X/Y/Z plot's axes say for this cell, by field name; None: no
    such axis.
    upscaling: of Iterative Upscale, an `upscale.run.Upscaling`.
    settings_text: of mixing, for the infotext; None where it is off.
    longest: frames of the longest sequence of the plot. sequence: the one under way, a `sequence.run.Sequence`.
    outcome: what has come of the batch under way.
    hires: the hires passes of the batch under way, an `upscale.hires.HiresRun`, where they are not the host's own.
    enlarging: the larger pass under way, an `upscale.enlarging.Enlarging` or `Enlarged`.
    attachment: what is on the sampler of the pass under way, a `mixing.hook.Attachment`. host_denoise: the host's own
    denoising strength while a hires pass has that of the settings."""

    mixing_axes: dict[str, Any] = field(default_factory=dict)
    sequence_axes: dict[str, Any] | None = None
    upscale_axes: dict[str, Any] | None = None
    settings_text: str | None = None
    longest: int = 0
    sequence: Any = None
    outcome: Outcome | None = None
    upscaling: Any = None
    hires: Any = None
    enlarging: Any = None
    attachment: Any = None
    host_denoise: float | None = None


def of(p: Any) -> RunState:
    """The state of a run; an empty one where itermix has written none."""
    owner, state = p.__dict__.get(ATTRIBUTE) or (id(p), RunState())
    return state if owner == id(p) else RunState(**{name: getattr(state, name) for name in ASKED})


def change(p: Any, **values: Any) -> None:
    """Gives p, and no copy of it, a state with these values; none where it says nothing any more."""
    state = dataclasses.replace(of(p), **values)
    if state == RunState():
        p.__dict__.pop(ATTRIBUTE, None)
    else:
        setattr(p, ATTRIBUTE, (id(p), state))
