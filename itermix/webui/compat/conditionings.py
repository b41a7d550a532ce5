"""What the host makes of prompts: conditionings from its objects and back into them, extra networks."""

from __future__ import annotations

from typing import Any

import torch
from modules import devices, extra_networks, prompt_parser

from itermix.sequence.conditioning import Conditioning, Part


def activate_networks(p: Any) -> None:
    """Puts the extra networks (LoRAs and their like) of the prompts of `p` on."""
    if not p.disable_extra_networks:
        with devices.autocast():
            extra_networks.activate(p, p.extra_network_data)


def network_tags(p: Any) -> str:
    """The tags that the host has taken out of the prompts of `p`, as they were written."""
    every = (p.extra_network_data or {}).items()
    return "".join(f"<{':'.join([name, *params.items])}>" for name, listed in every for params in listed)


def of_positive(c: Any) -> Conditioning:
    """From `p.c` of one image: the parts of a prompt that AND joins."""
    return Conditioning(tuple(Part(part.weight, _steps(part.schedules)) for part in c.batch[0]))


def of_negative(uc: Any) -> Conditioning:
    """From `p.uc` of one image, which has one part. Forge leaves it out where CFG is 1: then nobody looks at it."""
    return Conditioning.of(torch.zeros(1, 1)) if uc is None else Conditioning((Part(1.0, _steps(uc[0])),))


def positive_of(conditioning: Conditioning, images: int) -> Any:
    """`p.c` of a batch of so many images."""
    parts = [
        prompt_parser.ComposableScheduledPromptConditioning(_schedule(part), part.weight) for part in conditioning.parts
    ]
    return prompt_parser.MulticondLearnedConditioning(shape=(images,), batch=[parts] * images)


def negative_of(conditioning: Conditioning, images: int) -> Any:
    """`p.uc` of a batch of so many images."""
    return [_schedule(conditioning.parts[0])] * images


def _steps(schedule: Any) -> tuple:
    return tuple((step.end_at_step, dict(step.cond) if isinstance(step.cond, dict) else step.cond) for step in schedule)


def _schedule(part: Part) -> list[Any]:
    return [prompt_parser.ScheduledPromptConditioning(step, value) for step, value in part.schedule]
