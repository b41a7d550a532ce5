"""What a sequence shows: its prompts, and how their conditioning moves from one to the next."""

from __future__ import annotations

from dataclasses import dataclass

from itermix.sequence.prompts import SPACINGS
from itermix.settings import choice, integer, number, switch, text

MOST_FRAMES = 1024
TRAVELS = ("automatic", "off", "slerp", "linear")
OWN, DEFORUM, FIZZNODES, ANIMATEDIFF, STAGES = "itermix", "Deforum", "FizzNodes", "AnimateDiff", "prompt travel"
FORMATS = ("automatic", OWN, DEFORUM, FIZZNODES, ANIMATEDIFF, STAGES)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class PromptFields:
    """The prompts of the frames."""

    frames: int = integer("Frames", 12, 1, MOST_FRAMES, "How many frames are made, the first one included.")
    prompts: str = text(
        "Prompts",
        'Keyframes such as "8: a fox", each from its frame on; one prompt per line; or a schedule of Deforum, '
        "FizzNodes or AnimateDiff. Empty: the page's own.",
    )
    negative_prompts: str = text("Negative prompts", "The same for the negative prompt.")
    keyframes: str = choice(
        "Keyframes", SPACINGS, "Prompts with their frame numbers, or a plain list spaced over the frames."
    )
    travel: str = choice(
        "Travel", TRAVELS,
        "Between two keyframes the prompt moves from one to the next, and arrives. Automatic: slerp, or what the "
        "schedule's own program does; off together with Conditioning slerp or Node-compatible seeds.",
    )  # fmt: skip
    conditioning_slerp: bool = switch(
        "Conditioning slerp", False, "As in the node: one step towards each keyframe, and no further."
    )
    conditioning_slerp_strength: float = number(
        "Conditioning slerp strength", 0.5, 0.0, 1.0, 0.001,
        "How far that one step goes; 1 is the new prompt.",
        axis="Conditioning slerp strength (fraction)",
    )  # fmt: skip


@dataclass(frozen=True, init=False, repr=False, eq=False)
class FormatFields:
    """How the texts of prompts are read, and what stands around each."""

    prompt_format: str = choice(
        "Prompt format", FORMATS, "What Prompts is read as. Automatic recognises it, and the plan says as what."
    )
    pre_text: str = text("Pre text", "Put before the prompt of every keyframe. What follows --neg is negative.")
    append_text: str = text("Append text", "Put after the prompt of every keyframe. What follows --neg is negative.")
