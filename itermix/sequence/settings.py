"""The settings of Latent Sequence: every input of the ComfyUI nodes "KSampler Sequence" and "KSampler Sequence (v2)"
that the host has no field for (seed, steps, cfg, sampler and scheduler are the host's own), and what is ours alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from itermix.sequence.formats import read
from itermix.sequence.prompt_schedule import FORMATS, OWN, Around, PromptSchedule
from itermix.sequence.prompts import SPACINGS
from itermix.sequence.schedules import require_usable
from itermix.sequence.values import BETWEEN
from itermix.settings import Infotext, Settings, SettingsError, choice, integer, number, switch, text

MOST_FRAMES = 1024
SEED_MODES = ("increment", "decrement", "random", "fixed")
SEED_KEYINGS = ("off", "sine", "modulo")
NODE_SEEDS = ("off", "KSampler Sequence", "KSampler Sequence (v2)")
TRAVELS = ("automatic", "off", "slerp", "linear")
INTERPOLATIONS = ("off", "blend", "slerp", "cosine")
MIXING_REFERENCES = ("off", "previous frame", "first frame", "init image")
VIDEO_FORMATS = ("mp4", "webp", "gif", "none")


@dataclass(frozen=True)
class SequenceSettings(Settings):
    """Settings of Latent Sequence. Frames are counted from 0."""

    title = "Latent Sequence"
    infotext_key = "Latent Sequence"

    frames: int = integer("Frames", 12, 1, MOST_FRAMES, "How many frames are made, the first one included.")
    prompts: str = text(
        "Prompts",
        'Keyframes such as "8: a fox", each from its frame on; one prompt per line; or a schedule of Deforum, '
        "FizzNodes or AnimateDiff. Empty: the host's own.",
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
    mixing_reference: str = choice(
        "Mixing reference", MIXING_REFERENCES, "What Iterative Mixing mixes into every frame after the first."
    )
    colour_anchor: float = number(
        "Colour anchor", 0.0, 0.0, 1.0, 0.01,
        "Holds the colours and the contrast of the first frame; 0 lets them go.",
        axis="Colour anchor (fraction)",
    )  # fmt: skip
    video_format: str = choice("Video", VIDEO_FORMATS, "What the frames are put together to, besides single pictures.")
    fps: float = number("Frames per second", 12.0, 1.0, 120.0, 1.0, "Of the video.")
    hold_first: int = integer(
        "Hold first (frames)", 0, 0, 1000, "How many frames longer the video stays on its first one."
    )
    hold_last: int = integer(
        "Hold last (frames)", 0, 0, 1000, "How many frames longer the video stays on its last one."
    )
    ping_pong: bool = switch("Ping-pong", False, "The video runs forwards, then backwards.")
    finish_interrupted: bool = switch("Finish when interrupted", True, "Writes grid and video of what there is.")
    resume: bool = switch("Resume last sequence", False, "Goes on from the last finished frame of the sequence before.")
    prompt_format: str = choice(
        "Prompt format", FORMATS, "What Prompts is read as. Automatic recognises it, and the plan says as what."
    )
    pre_text: str = text("Pre text", "Put before the prompt of every keyframe. What follows --neg is negative.")
    append_text: str = text("Append text", "Put after the prompt of every keyframe. What follows --neg is negative.")
    denoise_schedule: str = text(
        "Denoise schedule",
        'Denoise of later frames over time, such as "0:(0.5), 24:(0.8)"; numbers, or arithmetic of t, max_f and s.',
    )
    cfg_schedule: str = text(
        "CFG schedule", "The same for the CFG scale, from the first frame on. Empty: the host's own."
    )
    alpha_1_schedule: str = text(
        "alpha_1 schedule", "The same for Iterative Mixing's alpha_1, in the frames that have a mixing reference."
    )
    noise_schedule: str = text("Noise strength schedule", "The same for Noise strength.")
    interpolation_schedule: str = text("Latent interpolation schedule", "The same for Latent interpolation strength.")
    conditioning_slerp_schedule: str = text(
        "Conditioning slerp schedule", "The same for Conditioning slerp strength, at the keyframes."
    )
    seed_schedule: str = text(
        "Seed schedule", "The same for the seed, s being the first: whole numbers, in the place of the seed mode."
    )
    values_between: str = choice("Between values", BETWEEN, "How a schedule goes from one of its numbers to the next.")

    def read_prompts(self) -> PromptSchedule:
        """What the fields of prompts say. Raises SettingsError."""
        around = Around(self.pre_text, self.append_text)
        return read(self.prompts, self.negative_prompts, self.keyframes, self.frames, self.prompt_format, around)

    @property
    def way_of_travel(self) -> str:
        """How the conditioning moves between two keyframes: "slerp", "linear" or, not at all, "off".

        Automatic is slerp, or what the schedule's own program does, and off where a ComfyUI node's results are
        asked for.
        """
        if self.travel != "automatic":
            return self.travel
        is_nodes = self.conditioning_slerp or self.node_seeds != "off"
        return "off" if is_nodes else self.read_prompts().travel

    def check_together(self) -> None:
        if self.way_of_travel != "off" and self.conditioning_slerp:
            raise SettingsError(
                f'travel: "{self.travel}" is not allowed together with conditioning_slerp; switch one of them off'
            )
        if self.seed_keying != "off" and self.node_seeds == "KSampler Sequence":
            raise SettingsError(
                f'seed_keying: "{self.seed_keying}" is not allowed with node_seeds "KSampler Sequence", which has none'
            )
        self.read_prompts()
        require_usable(self)

    @classmethod
    def infotext(cls) -> Infotext:
        return SEQUENCE_INFOTEXT


SEQUENCE_INFOTEXT = Infotext(
    always=("frames",), never={"resume": False}, versions={1: {"travel": "off", "prompt_format": OWN}}
)
