"""The user's own presets: named settings in one JSON file, replaced whole at each change.

The file is `{"version": 1, "mixing": {name: {field: value}}}`, one part for each settings model. A file that cannot
be used (broken, from a newer itermix, unreadable) is left exactly as it is: the user's presets are then not offered
and not saved, and the message says what to do.
"""

from __future__ import annotations

import json
import threading
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itermix.files import reason_of, write_json
from itermix.settings import PRESET_HELP, Field, Settings, SettingsError, shown
from itermix.settings.reading import Damaged, read_object

VERSION = 1
LONGEST_NAME = 60  # characters
MOST_PRESETS = 1000
CUSTOM = "custom"  # what settings are called that are no preset
JOINERS = dict.fromkeys((0x200C, 0x200D))  # not printable by themselves: Persian words and many emoji have them
BLANKS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and a symbol of which nothing is seen: fillers, Braille's blank
SEEN = "LNPS"  # first letters of the categories of what is seen by itself: letters, numbers, punctuation, symbols
NOT_KEPT = ("enabled", "resume")  # what a run is asked to do, not how

_changing = threading.RLock()  # a page's events run in threads, and a change is read, made and written


class PresetsError(Exception):
    """A preset, or the file of presets, that cannot be used. The message says what to do."""


@dataclass(frozen=True)
class Offer:
    """What a page offers: all fields that presets set, by preset; the user's own, unusable ones too; what is wrong."""

    values: dict[str, dict[str, Any]]
    own: list[str]
    trouble: str

    def name_of(self, values: dict[str, Any], preferred: str | None = None) -> str:
        """The preset that these values are, the preferred one of several; CUSTOM where they are none."""
        names = [name for name, wanted in self.values.items() if wanted == values]
        return preferred if preferred in names else names[0] if names else CUSTOM

    def stored(self) -> str:
        """JSON text for javascript/itermix_presets.js: the values by preset, in the order of the fields."""
        presets = [[name, list(values.values())] for name, values in self.values.items()]
        return json.dumps({"presets": presets, "custom": CUSTOM})


class Presets:
    """The presets of one settings model. part: its name in the file.

    The file is read at each call, so that two pages, or a page and an editor, agree.
    """

    def __init__(self, file: str | Path, model: type[Settings], part: str):
        self.file, self.model = Path(file), model
        self._stored = _File(self.file, part)
        self.built_in = model.presets() or {"Defaults": {}}

    def fields(self) -> list[Field]:
        """What a preset sets: neither switches of a run, nor pictures and texts, which are what the run is about."""
        return [
            field for field in self.model.fields() if field.kind not in ("image", "text") and field.name not in NOT_KEPT
        ]

    def names(self) -> list[str]:
        """Of the built-in presets, then of the user's. Raises PresetsError."""
        return [*self.built_in, *(name for name in self._stored.presets() if not self._is_taken(name))]

    def offer(self) -> Offer:
        """Everything at once, for a page; it has the built-in presets whatever the file is like."""
        try:
            own, trouble = self.own_names(), []
        except PresetsError as error:
            own, trouble = [], [str(error)]
        taken = [name for name in own if self._is_taken(name)]
        trouble += [f'your preset "{name}" has the name of a built-in one; rename it to use it' for name in taken]
        values = {}
        for name in [*self.built_in, *(name for name in own if name not in taken)]:
            try:
                settings = self.model.from_dict(self.values(name))
            except PresetsError as error:
                trouble.append(str(error))
            else:
                values[name] = {field.name: getattr(settings, field.name) for field in self.fields()}
        return Offer(values, own, "; ".join(trouble))

    def own_names(self) -> list[str]:
        """Of the user's presets. Raises PresetsError."""
        return list(self._stored.presets())

    def values(self, name: str) -> dict[str, Any]:
        """What a preset sets; the other fields are at their defaults. Raises PresetsError."""
        if name in self.built_in:
            return dict(self.built_in[name])
        own = self._stored.presets()
        if name not in own:
            raise PresetsError(f'there is no preset "{name}"')
        try:
            return self.model.from_dict(own[name]).changed()
        except SettingsError as error:
            raise PresetsError(
                f'the preset "{name}" cannot be used: {error}; delete it, or correct {self.file}'
            ) from None

    def resolved(self, values: dict[str, Any]) -> dict[str, Any]:
        """Settings as a request gives them, with what a preset sets put in for `"preset": name`; fields beside it win.

        Raises SettingsError.
        """
        if values.get("preset") is None:
            return {field: value for field, value in values.items() if field != "preset"}
        name = values["preset"]
        try:
            if not isinstance(name, str) or name not in self.built_in and name not in self._stored.presets():
                names = ", ".join(f'"{known}"' for known in self.names())
                raise SettingsError(f"preset: {shown(name)} is not allowed; it takes one of {names}")
            preset = self.values(name)
        except PresetsError as error:
            raise SettingsError(f"preset: {error}") from None
        return {**preset, **{field: value for field, value in values.items() if field != "preset"}}

    def schema(self) -> dict[str, Any]:
        """A JSON schema of what a request may give: the settings' own, with the names of the user's presets, too."""
        schema = self.model.schema()
        schema["properties"]["preset"] = {"enum": list(self.offer().values), "description": PRESET_HELP}
        return schema

    def save(self, name: str, values: dict[str, Any]) -> str:
        """Writes a new preset or replaces the user's own of that name; gives the name as it was saved.

        Raises PresetsError, and SettingsError for values that are not allowed.
        """
        name = self._allowed(name)
        settings = self.model.from_dict(values)
        with _changing:
            own = self._stored.presets()
            if name not in own and len(own) >= MOST_PRESETS:
                raise PresetsError(f"there are {MOST_PRESETS} presets already; delete one first")
            self._stored.replace({**own, name: self._kept(settings)})
        return name

    def rename(self, name: str, new: str) -> str:
        """Renames one of the user's presets; gives the new name as it was saved. Raises PresetsError."""
        new = self._allowed(new)
        with _changing:
            own = self._stored.presets()
            self._require(name, own)
            if new != name and new in own:
                raise PresetsError(f'there is a preset "{new}" already')
            self._stored.replace({new if key == name else key: value for key, value in own.items()})
        return new

    def delete(self, name: str) -> None:
        """Deletes one of the user's presets. Raises PresetsError."""
        with _changing:
            own = self._stored.presets()
            self._require(name, own)
            self._stored.replace({key: value for key, value in own.items() if key != name})

    def _kept(self, settings: Settings) -> dict[str, Any]:
        """What a preset holds of settings: defaults too, as those of another version may be others."""
        return {field.name: getattr(settings, field.name) for field in self.fields()}

    def _allowed(self, name: Any) -> str:
        name = " ".join(str(name or "").split())
        if not _is_name(name) or not _shows(name):
            raise PresetsError(
                f"a preset's name takes 1 to {LONGEST_NAME} characters that show; {name[:LONGEST_NAME]!r} is not one"
            )
        if self._is_taken(name):
            raise PresetsError(f'"{name}" is a built-in preset; take another name')
        return name

    def _is_taken(self, name: str) -> bool:
        """Whether it looks like a name of ours; the user may have a preset of it from before it was."""
        return name.translate(JOINERS) in (*self.built_in, CUSTOM)

    def _require(self, name: str, own: dict[str, Any]) -> None:
        if name not in own:
            if name in self.built_in:
                raise PresetsError(f'"{name}" is a built-in preset; it cannot be changed')
            raise PresetsError(f'there is no preset "{name}"')


class _File:
    """The user's presets of one settings model, in their file. part: the model's name there."""

    def __init__(self, path: Path, part: str):
        self.path, self.part = path, part

    def presets(self) -> dict[str, dict[str, Any]]:
        """Values by name. Raises PresetsError."""
        part = self.read().get(self.part, {})
        if not isinstance(part, dict) or not all(isinstance(values, dict) for values in part.values()):
            raise self._damaged("")
        for name in part:
            if not _is_name(name):
                raise self._damaged(f"{name[:LONGEST_NAME]!a} is no name for a preset")
        return part

    def replace(self, presets: dict[str, dict[str, Any]]) -> None:
        """Writes these presets in the place of all that the model has in the file. Raises PresetsError."""
        content = {**self.read(), "version": VERSION, self.part: presets}
        try:
            write_json(self.path, content, indent=1)
        except OSError as error:
            raise PresetsError(f"{self.path} cannot be written: {reason_of(error)}") from None

    def read(self) -> dict[str, Any]:
        """The whole file; empty where there is none. Raises PresetsError."""
        try:
            content = read_object(self.path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise PresetsError(f"{self.path} cannot be read: {reason_of(error)}") from None
        except Damaged as error:
            raise self._damaged(str(error)) from None
        version = content.get("version")
        if not isinstance(version, int):
            raise self._damaged("it has no version")
        if version > VERSION:
            raise PresetsError(f"{self.path} is from a newer itermix (version {version}); update itermix to use it")
        return content

    def _damaged(self, why: str) -> PresetsError:
        reason = f" ({why})" if why else ""
        return PresetsError(f"{self.path} is damaged; correct it, or move it away to begin with none{reason}")


def _is_name(name: str) -> bool:
    """What a page can show: a lone half of a character would break the whole of it."""
    seen = name.translate(JOINERS)
    return 0 < len(seen) and len(name) <= LONGEST_NAME and seen.isprintable()


def _shows(name: str) -> bool:
    """Whether something is seen of a name; a file may have one of which nothing is, from before this was asked."""
    return any(unicodedata.category(each)[0] in SEEN and each not in BLANKS for each in name)
