"""How the conditioning of one prompt becomes that of another: what travels between two keyframes.

A `Conditioning` is what a host's `encode` gives, in a form that no host has: the parts of a prompt (divided by AND),
each with a weight and a schedule of values (prompt editing). A value is a tensor [tokens, channels], with or without
a batch in front, or a dict of tensors: SDXL's "crossattn" [tokens, channels] and "vector" [channels]. BREAK only
makes a value longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from itermix.mixing.blend import working_dtype
from itermix.sequence.interpolate import slerp_conditioning

# Repeating all tokens changes nothing that attention gives, so prompts of 77 and 231 tokens meet at 231. Counts with
# no such multiple up to this many tokens are brought to the larger one, which is exact at both ends only.
MOST_TOKENS = 8192
TOKENS = "crossattn"  # the key whose tensors have tokens; all others are vectors

Value = Tensor | dict[str, Tensor]
Step = tuple[int, Value]


@dataclass(frozen=True)
class Part:
    """One prompt of several that AND joins. schedule: (last step, value) in rising order, steps as the host counts."""

    weight: float
    schedule: tuple[Step, ...]


@dataclass(frozen=True)
class Conditioning:
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, value: Value) -> Conditioning:
        """A prompt without AND and without prompt editing."""
        return cls((Part(1.0, ((0, value),)),))


def between(a: Conditioning, b: Conditioning, weight: float, method: str) -> Conditioning:
    """The conditioning on the way from a to b.

    Parts are paired in their order; one that has no partner fades in or out by its own weight. Two schedules change
    wherever one of them does.

    Arguments:
        weight: 0 is a and 1 is b, each as it is.
        method: "slerp", "linear" or "step".

    Raises:
        ValueError: for values of different kinds, channels or keys.
    """
    if weight <= 0.0:
        return a
    if weight >= 1.0:
        return b
    parts = []
    for i in range(max(len(a.parts), len(b.parts))):
        one = a.parts[i] if i < len(a.parts) else Part(0.0, b.parts[i].schedule)
        other = b.parts[i] if i < len(b.parts) else Part(0.0, a.parts[i].schedule)
        share = (1.0 - weight) * one.weight + weight * other.weight
        parts.append(Part(share, _schedules(one.schedule, other.schedule, weight, method)))
    return Conditioning(tuple(parts))


def _schedules(a: tuple[Step, ...], b: tuple[Step, ...], weight: float, method: str) -> tuple[Step, ...]:
    if a is b:
        return a
    last = max(a[-1][0], b[-1][0])
    changes = sorted({step for step, _ in (*a[:-1], *b[:-1])} | {last})
    return tuple((step, mixed(_at(a, step), _at(b, step), weight, method)) for step in changes)


def _at(schedule: tuple[Step, ...], step: int) -> Value:
    """The value in use up to a step: of the first entry that ends no earlier, else of the last one."""
    return next((value for last, value in schedule if step <= last), schedule[-1][1])


def mixed(a: Value, b: Value, weight: float, method: str) -> Value:
    """The value at a weight from 0 (a) to 1 (b)."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _tokens(a, b, weight, method)
    if not isinstance(a, dict) or not isinstance(b, dict) or a.keys() != b.keys():
        shown = " and ".join(str(sorted(v)) if isinstance(v, dict) else type(v).__name__ for v in (a, b))
        raise ValueError(f"conditionings of {shown} cannot be interpolated; both must come from one model")
    return {key: (_tokens if key == TOKENS else _vectors)(value, b[key], weight, method) for key, value in a.items()}


def _tokens(a: Tensor, b: Tensor, weight: float, method: str) -> Tensor:
    """a, b: [..., tokens, channels]; the counts of tokens may differ."""
    if a.shape[-1] != b.shape[-1] or a.shape[:-2] != b.shape[:-2] or a.ndim < 2:
        raise ValueError(f"conditionings of shapes {tuple(a.shape)} and {tuple(b.shape)} cannot be interpolated")
    if a.shape[-2] == b.shape[-2]:
        return _moved(a, b, weight, method)
    count = math.lcm(a.shape[-2], b.shape[-2])
    if count > MOST_TOKENS:
        count = max(a.shape[-2], b.shape[-2])
    return _moved(_repeated(a, count), _repeated(b, count), weight, method)


def _repeated(a: Tensor, count: int) -> Tensor:
    """a [..., tokens, channels] over and over, up to `count` tokens."""
    times = -(-count // a.shape[-2])
    return a.repeat(*[1] * (a.ndim - 2), times, 1)[..., :count, :]


def _vectors(a: Tensor, b: Tensor, weight: float, method: str) -> Tensor:
    """a, b: [..., channels]. What is the same in both (SDXL's picture sizes) stays and bends nothing else.

    A number alone, [] (Flux's distilled guidance), is a vector of one.
    """
    if a.ndim == 0 and b.ndim == 0:
        return _vectors(a[None], b[None], weight, method)[0]
    if a.shape != b.shape:
        raise ValueError(f"conditionings of shapes {tuple(a.shape)} and {tuple(b.shape)} cannot be interpolated")
    same = a == b
    moved = _moved(a.masked_fill(same, 0.0), b.masked_fill(same, 0.0), weight, method)
    return torch.where(same, a, moved)


def _moved(a: Tensor, b: Tensor, weight: float, method: str) -> Tensor:
    if method == "linear":
        return torch.lerp(a.to(working_dtype(a)), b.to(working_dtype(a)), weight).to(a.dtype)
    return slerp_conditioning(a, b, weight, jump=method == "step")
