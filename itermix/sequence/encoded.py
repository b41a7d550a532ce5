"""The conditionings of a sequence's frames: what is encoded, what has travelled, and what can be let go."""

from __future__ import annotations

from itermix.sequence.conditioning import Conditioning, between
from itermix.sequence.host import Host
from itermix.sequence.plan import Frame, Passage


class Conditionings:
    """The conditionings in use, frame by frame; each prompt is encoded once and let go after its last frame."""

    def __init__(self, host: Host, frames: list[Frame]):
        self.host = host
        self.known: dict[tuple[str, bool], Conditioning] = {}
        self.current: dict[bool, Conditioning] = {}
        self.last: tuple[Conditioning, Conditioning] | None = None
        self.last_use = {
            (prompt, negative): frame.index
            for frame in frames
            for negative in (False, True)
            for prompt in _passage(frame, negative).prompts
        }
        self.steps = any(frame.positive.method == "step" or frame.negative.method == "step" for frame in frames)

    def of(self, frame: Frame) -> tuple[Conditioning, Conditioning]:
        both = (self._moved(frame.positive, False), self._moved(frame.negative, True))
        self.known = {key: value for key, value in self.known.items() if self.last_use[key] > frame.index}
        self.last = both
        return both

    def pass_by(self, frame: Frame, last: bool) -> None:
        """For a frame that is there already: the node's steps go on from all before, unsampling from the last one."""
        if self.steps or last:
            self.of(frame)

    def _moved(self, passage: Passage, negative: bool) -> Conditioning:
        start = self.current.get(negative) if passage.start is None else None
        if start is None and passage.start is not None and passage.weight < 1.0:
            start = self._encoded(passage.start, negative)
        if passage.weight >= 1.0 or start is None:
            start = self._encoded(passage.goal, negative)
        elif passage.weight > 0.0:
            start = between(start, self._encoded(passage.goal, negative), passage.weight, passage.method)
        self.current[negative] = start
        return start

    def _encoded(self, prompt: str, negative: bool) -> Conditioning:
        key = (prompt, negative)
        if key not in self.known:
            self.known[key] = self.host.encode(prompt, negative)
        return self.known[key]


def _passage(frame: Frame, negative: bool) -> Passage:
    return frame.negative if negative else frame.positive
