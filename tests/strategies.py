"""Random values for property tests."""

import math

from hypothesis import strategies as st

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings

MOST_KEYFRAMES = 4
# What a user may write and a format may trip over: the host's separators, quotes, other scripts, lines within lines.
PROMPT_CHARACTERS = st.one_of(
    st.sampled_from('abc ,:"\\<>()[]{}=#%|\t'), st.characters(codec="utf-8", exclude_characters="\n\r\0")
)


def value_of(field):
    if field.kind == "switch":
        return st.booleans()
    if field.kind == "number":
        return st.floats(field.minimum, field.maximum)
    if field.kind == "integer":
        return st.integers(field.minimum, field.maximum)
    if field.kind == "choice":
        return st.sampled_from(field.choices)
    if field.kind == "text":
        return st.just("")  # `with_prompts` writes it
    return st.none() | st.text(min_size=1)


def values_of(model):
    return st.fixed_dictionaries({field.name: value_of(field) for field in model.fields()})


def in_order(values):
    """The same values with start below stop, in each unit, and rewind_min not above rewind_max."""
    for low, high in (("start", "stop"), ("rewind_min", "rewind_max"), ("start_at", "stop_at")):
        values[low], values[high] = sorted((values[low], values[high]))
    if values["unit"] == "per cent":  # of the run, and at most to twice its length
        values["start_at"], values["stop_at"] = values["start_at"] / 10, values["stop_at"] / 5
    if values["start_at"] == values["stop_at"]:
        values["stop_at"] = 0.0
    return values


def mixing_values():
    """A dict of a value that is allowed for every field of MixingSettings."""
    return values_of(MixingSettings).map(in_order).filter(lambda values: values["start"] < values["stop"])


def mixing_settings():
    return mixing_values().map(MixingSettings.from_dict)


def without_contradictions(values):
    """The same values where no field forbids another."""
    if values["travel"] != "off":
        values["conditioning_slerp"] = False
    if values["node_seeds"] == "KSampler Sequence":
        values["seed_keying"] = "off"
    if values["ping_pong"]:
        values["close_loop"] = False
    values["prompt_format"] = "automatic"  # `with_prompts` writes our own
    return values


def line():
    """A prompt of one line, as `splitlines` counts lines, that says something."""
    words = st.text(PROMPT_CHARACTERS, max_size=30).map(lambda text: " ".join(text.split()))
    return words.map(lambda text: f"x{text}").filter(lambda text: len(text.splitlines()) == 1)


@st.composite
def with_prompts(draw, values):
    """The values with keyframes in both prompts, spaced or numbered as they say, or none."""
    count = draw(st.integers(0, min(MOST_KEYFRAMES, values["frames"])))
    for name in ("prompts", "negative_prompts"):
        lines = draw(st.lists(line(), min_size=count, max_size=count))
        if values["keyframes"] == "numbered":
            starts = [math.floor(i * values["frames"] / count) for i in range(count)]
            lines = [f"{start}: {text}" for start, text in zip(starts, lines)]
        values[name] = draw(st.sampled_from(["\n", "\n\n", "\n# a remark\n", "\r\n"])).join(lines)
    return values


def sequence_values():
    """A dict of a value that is allowed for every field of SequenceSettings."""
    return values_of(SequenceSettings).map(without_contradictions).flatmap(with_prompts)


def sequence_settings():
    return sequence_values().map(SequenceSettings.from_dict)
