"""The settings of Latent Sequence: every input of the ComfyUI nodes "KSampler Sequence" and "KSampler Sequence (v2)"
that the host has no field for (seed, steps, cfg, sampler and scheduler are the host's own), and what is ours alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from itermix.sequence.fields.camera import CameraFields, LoopFields
from itermix.sequence.fields.film import FilmFields
from itermix.sequence.fields.latents import LatentFields, ReferenceFields, SeedFields
from itermix.sequence.fields.prompts import OWN, FormatFields, PromptFields
from itermix.sequence.fields.values import ValueFields
from itermix.settings import Infotext, Settings, SettingsError

if TYPE_CHECKING:
    from itermix.sequence.prompt_schedule import PromptSchedule


@dataclass(frozen=True)
class SequenceSettings(
    # From the last one to the first: so dataclasses puts their fields in order. A new group stands first here.
    LoopFields, CameraFields, ValueFields, FormatFields, FilmFields, ReferenceFields, SeedFields, LatentFields,
    PromptFields, Settings,
):  # fmt: skip
    """Settings of Latent Sequence. Frames are counted from 0."""

    title = "Latent Sequence"
    infotext_key = "Latent Sequence"

    def read_prompts(self) -> PromptSchedule:
        """What the fields of prompts say. Raises SettingsError."""
        from itermix.sequence.formats import read  # late: a host's start waits for every import
        from itermix.sequence.prompt_schedule import Around

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
        if self.close_loop and self.ping_pong:
            raise SettingsError("close_loop: it is not allowed together with ping_pong; switch one of them off")
        from itermix.sequence.schedules import require_usable  # late, as above

        self.read_prompts()
        require_usable(self)

    @classmethod
    def infotext(cls) -> Infotext:
        return SEQUENCE_INFOTEXT


SEQUENCE_INFOTEXT = Infotext(
    always=("frames",), never={"resume": False}, versions={1: {"travel": "off", "prompt_format": OWN}}
)
