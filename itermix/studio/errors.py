"""What can be wrong with what a user asks of the studio."""

from __future__ import annotations


class StudioError(ValueError):
    """A request that cannot be met. The message is one line: what was given, what is allowed, what to do."""


class Cancelled(Exception):
    """The run was ended by its caller between two steps; there is no picture. A message says how to go on."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was no room for a run's numbers: on a GPU, where torch has them, or elsewhere."""
    said = ("out of memory", "can't allocate memory", "not enough memory", "Cannot allocate memory")
    return isinstance(error, MemoryError) or any(text in str(error) for text in said)


def one_line(error: BaseException, longest: int = 160) -> str:
    """The message of somebody else's exception on one line, cut when long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= longest else text[:longest] + "..."
