"""What all settings models share. A subclass is a frozen dataclass of the helpers of `fields`."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar

from itermix.settings.fields import Field
from itermix.settings.reading import SettingsError, json_object, require_object, shown, unknown

PRESET_HELP = "Values to start from."
VERSION_KEY = "version"  # in infotext: of the defaults that it leaves out


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
    """What all settings models share.

    title: of the script and its accordion, an API name. infotext_key: under which an image has the settings.
    """

    title: ClassVar[str] = ""
    infotext_key: ClassVar[str] = ""

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
        values = dict(require_object(values))
        preset = values.pop("preset", None)
        known = [field.name for field in cls.fields()]
        for name in values:
            if name not in known:
                raise SettingsError(unknown(name, [*known, *(["preset"] if cls.presets() else [])]))
        if preset is not None:
            if not cls.presets():
                raise SettingsError(f"preset: {shown(preset)} is not allowed; there are none here, leave it out")
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
        """`from_infotext`, and what in the text was not used, one message each: a newer itermix may have written it.

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
