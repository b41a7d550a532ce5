"""What all settings models share: the one list of fields from which widgets, validation, API and infotext come.

A settings model is a frozen dataclass whose fields carry their label, range, choices and help. A value
that is not allowed is refused here, by name, so that nothing behind this module checks again. The models are
`itermix.mixing.settings` and `itermix.sequence.settings`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

PRESET_HELP = "Values to start from."
LONGEST_VALUE_SHOWN = 60  # characters of a refused value repeated in its message
VERSION_KEY = "version"  # in infotext: of the defaults that it leaves out
LONGEST_TEXT = 100_000  # characters of a text field


class SettingsError(ValueError):
    """A setting that is not allowed. The message names the field, its value and what is allowed."""


@dataclass(frozen=True)
class Field:
    """One setting as every surface needs it: UI label, API and infotext name, range, help."""

    name: str
    kind: str  # "switch", "number", "integer", "choice", "text" or "image"
    default: Any
    label: str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    axis: str = ""  # its name in an X/Y/Z plot, where old plots know it by another one than the label

    @property
    def allowed(self) -> str:
        """What the field takes, in words."""
        if self.kind == "switch":
            return "true or false"
        if self.kind == "number":
            return f"a number from {self.minimum:g} to {self.maximum:g}"
        if self.kind == "integer":
            return f"a whole number from {self.minimum} to {self.maximum}"
        if self.kind == "choice":
            return "one of " + ", ".join(f'"{choice}"' for choice in self.choices)
        if self.kind == "text":
            return f"text of up to {LONGEST_TEXT} characters"
        return "a picture as base64 text, or nothing"

    def schema(self) -> dict[str, Any]:
        """The field as a JSON schema."""
        kinds = {
            "switch": {"type": "boolean"},
            "number": {"type": "number", "minimum": self.minimum, "maximum": self.maximum},
            "integer": {"type": "integer", "minimum": self.minimum, "maximum": self.maximum},
            "choice": {"enum": list(self.choices)},
            "text": {"type": "string", "maxLength": LONGEST_TEXT},
            "image": {"type": ["string", "null"], "contentEncoding": "base64"},
        }
        return {"title": self.label, "description": self.help, "default": self.default, **kinds[self.kind]}

    def check(self, value: Any) -> Any:
        """The value as the field's own type. Raises SettingsError if it is not allowed."""
        if self.kind == "switch" and isinstance(value, bool):
            return value
        if self.kind == "number" and isinstance(value, (int, float)) and not isinstance(value, bool):
            if self.minimum <= value <= self.maximum:  # not so for NaN and infinity
                return float(value)
        if self.kind == "integer" and isinstance(value, (int, float)) and not isinstance(value, bool):
            if self.minimum <= value <= self.maximum and value == int(value):  # a page's slider gives 12.0
                return int(value)
        if self.kind == "choice" and isinstance(value, str) and value in self.choices:
            return value
        if self.kind == "text" and isinstance(value, str) and len(value) <= LONGEST_TEXT and not _has_surrogate(value):
            return value
        if self.kind == "image" and (value is None or isinstance(value, str)):
            return value or None
        raise SettingsError(f"{self.name}: {shown(value)} is not allowed; it takes {self.allowed}")


def switch(label: str, default: bool, help: str) -> Any:
    return _declare(kind="switch", default=default, label=label, help=help)


def number(label: str, default: float, minimum: float, maximum: float, step: float, help: str, axis: str = "") -> Any:
    return _declare(
        kind="number", default=float(default), label=label, help=help, minimum=minimum, maximum=maximum, step=step,
        axis=axis,
    )  # fmt: skip


def integer(label: str, default: int, minimum: int, maximum: int, help: str) -> Any:
    return _declare(kind="integer", default=default, label=label, help=help, minimum=minimum, maximum=maximum, step=1)


def text(label: str, help: str) -> Any:
    return _declare(kind="text", default="", label=label, help=help)


def choice(label: str, choices: tuple[str, ...], help: str) -> Any:
    """A choice; the first one is the default."""
    return _declare(kind="choice", default=choices[0], label=label, help=help, choices=choices)


def image(label: str, help: str) -> Any:
    return _declare(kind="image", default=None, label=label, help=help)


def _declare(*, default: Any, **field: Any) -> Any:
    return dataclasses.field(default=default, metadata=dict(default=default, **field))


@dataclass(frozen=True)
class Infotext:
    """How a settings model is written into an image, so that a later itermix makes the same picture of it.

    Defaults are left out, so a changed default would change what an old image says. versions: of each past version
    of the defaults, those that ended with it, {1: {"alpha_1": 0.02}}; the present version is the one after the last.
    Whoever changes a default adds one line here, with the old value. Version 1 is written without its number.
    """

    always: tuple[str, ...] = ()  # written at their default too
    never: dict[str, Any] = dataclasses.field(default_factory=dict)  # not written, and what they are when read
    versions: dict[int, dict[str, Any]] = dataclasses.field(default_factory=dict)

    @property
    def version(self) -> int:
        return max(self.versions, default=0) + 1


class Settings:
    """What all settings models share. Subclasses are frozen dataclasses of the helpers above."""

    def __post_init__(self) -> None:
        for field in self.fields():
            object.__setattr__(self, field.name, field.check(getattr(self, field.name)))
        self.check_together()

    def check_together(self) -> None:
        """Raises SettingsError where two fields contradict each other."""

    @classmethod
    def fields(cls) -> tuple[Field, ...]:
        """The fields in their one order: of the page, the positional API arguments and the documentation."""
        return tuple(Field(name=field.name, **field.metadata) for field in dataclasses.fields(cls))

    @classmethod
    def from_dict(cls, values: dict[str, Any]):
        """Settings from plain JSON; missing keys take their default.

        `"preset": name` starts from that preset. Raises SettingsError for unknown keys and refused values.
        """
        values = dict(_object(values))
        preset = values.pop("preset", None)
        known = [field.name for field in cls.fields()]
        unknown = [name for name in values if name not in known]
        if unknown:
            also = " (and preset)" if cls.presets() else ""
            raise SettingsError(f"{shown(unknown[0])} is not a setting; the settings are {', '.join(known)}{also}")
        if preset is not None:
            if not isinstance(preset, str) or preset not in cls.presets():
                names = ", ".join(f'"{name}"' for name in cls.presets())
                raise SettingsError(f"preset: {shown(preset)} is not allowed; it takes one of {names}")
            values = {**cls.presets()[preset], **values}
        return cls(**values)

    @classmethod
    def from_json(cls, text: str):
        """`from_dict` of a JSON object. Raises SettingsError."""
        return cls.from_dict(json_object(text))

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """A JSON schema of what `from_dict` takes."""
        properties = {field.name: field.schema() for field in cls.fields()}
        if cls.presets():
            properties["preset"] = {"enum": list(cls.presets()), "description": PRESET_HELP}
        return {"type": "object", "title": cls.__name__, "properties": properties, "additionalProperties": False}

    @classmethod
    def presets(cls) -> dict[str, dict[str, Any]]:
        """Named starting points: the values that differ from the defaults."""
        return {}

    @classmethod
    def infotext(cls) -> Infotext:
        """How the settings are written into an image."""
        return Infotext()

    @classmethod
    def defaults(cls, version: int | None = None) -> dict[str, Any]:
        """Every field's default, as this or an earlier version had it."""
        values = {field.name: field.default for field in cls.fields()}
        versions = cls.infotext().versions
        for past in sorted(versions, reverse=True):
            if version is not None and version <= past:
                values.update(versions[past])
        return values

    def to_infotext(self) -> str:
        """The settings as one compact infotext value, a JSON object on one line."""
        rules = self.infotext()
        values = {name: getattr(self, name) for name in rules.always} | self.changed()
        values = {name: value for name, value in values.items() if name not in rules.never}
        if rules.version > 1:
            values[VERSION_KEY] = rules.version
        return json.dumps(values)

    @classmethod
    def from_infotext(cls, text: str):
        """Settings from the value that `to_infotext` wrote, in this version or another. Raises SettingsError."""
        return cls.read_infotext(text)[0]

    @classmethod
    def read_infotext(cls, text: str) -> tuple[Any, list[str]]:
        """The same, and what in the text was not used, one message each: a newer itermix may have written it.

        Raises SettingsError where the text is not of settings at all, or its values contradict each other.
        """
        rules, written = cls.infotext(), json_object(text)
        version = written.pop(VERSION_KEY, 1)
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise SettingsError(f"{VERSION_KEY}: {shown(version)} is not allowed; it takes a whole number from 1")
        messages = []
        if version > rules.version:
            messages.append(
                f"it was written by a newer itermix (version {shown(version)} of the settings, this one knows "
                f"{rules.version}); what it leaves out may have another default there"
            )
        fields = {field.name: field for field in cls.fields() if field.name not in rules.never}
        values = {**cls.defaults(version), **rules.never}
        for name, value in written.items():
            if name not in fields:
                messages.append(f"{shown(name)} is unknown here and was left out")
                continue
            try:
                values[name] = fields[name].check(value)
            except SettingsError as error:
                messages.append(str(error))
        return cls(**values), messages

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain JSON; `from_dict` gives an equal object back."""
        return {field.name: getattr(self, field.name) for field in self.fields()}

    def changed(self) -> dict[str, Any]:
        """The fields that are not at their default."""
        return {field.name: value for field in self.fields() if (value := getattr(self, field.name)) != field.default}


def shown(value: Any) -> str:
    """A refused value for a message: its JSON-like text, cut when long."""
    if isinstance(value, str):
        value = value[: LONGEST_VALUE_SHOWN + 1]
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE_SHOWN else text[:LONGEST_VALUE_SHOWN] + "..."


def json_object(text: str) -> dict[str, Any]:
    """An object from JSON text. Raises SettingsError."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise SettingsError(f"settings: {shown(text)} is not allowed; it takes a JSON object") from None
    return _object(values)


def _object(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise SettingsError(f"settings: {shown(values)} is not allowed; they are one object of named fields")
    return values


def _has_surrogate(text: str) -> bool:
    """Whether there is half a character in it, which JSON can write and no file or answer can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
