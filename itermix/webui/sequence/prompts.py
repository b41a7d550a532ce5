"""What the host and its extensions make of a plan's prompts before they are sampled: styles, comments, wildcards.

Each prompt of the plan is made once, where it is first shown, and is the same in every frame and in every image of a
batch: a wildcard drawn again for each frame would be another picture, and not a travel between two.
"""

from __future__ import annotations

from typing import Any

from itermix.sequence.plan import Frame
from itermix.webui.compat import conditionings


class PreparedPrompts:
    """By the plan's own text. frames: all of the plan, `batch` images each, as the host was given them.

    to_edit: the picture that an editing model is given beside each of them; None without one.
    """

    def __init__(self, frames: list[Frame], batch: int):
        self.frames, self.batch = frames, batch
        self.to_edit: Any | None = None
        self._made: dict[tuple[str, bool], str] = {}
        self._parsed: tuple[list[str], list[str]] = ([], [])

    def take_over(self, p: Any) -> None:
        """Reads what has become of the prompts of all frames, and makes equal prompts equal again, in the infotext too.

        An extension may have made other pictures of the request, with another number of prompts.
        """
        for name, is_negative in (("all_prompts", False), ("all_negative_prompts", True)):
            found = getattr(p, name)
            for place, frame in enumerate(self.frames):
                key = (self.shown(frame, is_negative), is_negative)
                if place * self.batch < len(found):
                    self._made.setdefault(key, found[place * self.batch])
            texts = [self.of(self.shown(frame, is_negative), is_negative) for frame in self.frames]
            setattr(p, name, [text for text in texts for _ in range(self.batch)])

    def take_over_batch(self, p: Any, frame: Frame) -> None:
        """Reads what an extension has changed for the batch of a frame alone, which the host does not write down."""
        for texts, is_negative in ((p.prompts, False), (p.negative_prompts, True)):
            if texts:
                self._made[self.shown(frame, is_negative), is_negative] = texts[0]

    def note_parsed(self, p: Any) -> None:
        """What the batch has before the last of the scripts' own turns, its networks' tags taken out by the host."""
        self._parsed = list(p.prompts[:1]), list(p.negative_prompts[:1])

    def take_over_changes(self, p: Any, frame: Frame) -> None:
        """Reads what an extension has changed in that turn."""
        for texts, parsed, is_negative in zip((p.prompts, p.negative_prompts), self._parsed, (False, True)):
            if texts and parsed and texts[0] != parsed[0]:
                tags = "" if is_negative else conditionings.network_tags(p)
                self._made[self.shown(frame, is_negative), is_negative] = texts[0] + tags

    def of(self, text: str, is_negative: bool) -> str:
        """What is sampled for a prompt of the plan."""
        return self._made.get((text, is_negative), text)

    def as_data(self) -> list[Any]:
        return sorted(self._made.items())

    @staticmethod
    def shown(frame: Frame, is_negative: bool) -> str:
        """The prompt that a frame is shown under, and whose extra networks are on."""
        return (frame.negative if is_negative else frame.positive).prompt
