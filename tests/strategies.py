"""Random values for property tests."""

from hypothesis import strategies as st

from itermix.settings import MixingSettings


def value_of(field):
    if field.kind == "switch":
        return st.booleans()
    if field.kind == "number":
        return st.floats(field.minimum, field.maximum)
    if field.kind == "choice":
        return st.sampled_from(field.choices)
    return st.none() | st.text(min_size=1)


def in_order(values):
    """The same values with start below stop and minimum not above maximum."""
    values["start"], values["stop"] = sorted((values["start"], values["stop"]))
    values["minimum"], values["maximum"] = sorted((values["minimum"], values["maximum"]))
    return values


def mixing_values():
    """A dict of a value that is allowed for every field of MixingSettings."""
    fields = st.fixed_dictionaries({field.name: value_of(field) for field in MixingSettings.fields()})
    return fields.map(in_order).filter(lambda values: values["start"] < values["stop"])


def mixing_settings():
    return mixing_values().map(MixingSettings.from_dict)
