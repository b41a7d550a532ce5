"""The user's own presets: named settings in one JSON file, replaced whole at each change.

The file is `{"version": 1, "mixing": {name: {field: value}}}`, one part for each settings model. A file that cannot
be used (broken, from a newer itermix, unreadable) is left exactly as it is: presets are then not offered and not
saved, and the message says what to do.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from itermix.settings import Settings, SettingsError

VERSION = 1
LONGEST_NAME = 60  # characters
MOST_PRESETS = 1000
LARGEST_FILE = 4 * 2**20  # bytes


class PresetsError(Exception):
    """A preset, or the file of presets, that cannot be used. The message says what to do."""


class Presets:
    """The presets of one settings model. part: its name in the file.

    The file is read at each call, so that two pages, or a page and an editor, agree.
    """

    def __init__(self, file: str | Path, model: type[Settings], part: str):
        self.file, self.model, self.part = Path(file), model, part

    def names(self) -> list[str]:
        """Of the built-in presets, then of the user's. Raises PresetsError."""
        return [*self.model.presets(), *self._own()]

    def own_names(self) -> list[str]:
        """Raises PresetsError."""
        return list(self._own())

    def values(self, name: str) -> dict[str, Any]:
        """What a preset sets; the other fields are at their defaults. Raises PresetsError."""
        if name in self.model.presets():
            return dict(self.model.presets()[name])
        own = self._own()
        if name not in own:
            raise PresetsError(f'there is no preset "{name}"')
        try:
            return self.model.from_dict(own[name]).changed()
        except SettingsError as error:
            raise PresetsError(
                f'the preset "{name}" cannot be used: {error}; delete it, or correct {self.file}'
            ) from None

    def save(self, name: str, values: dict[str, Any]) -> str:
        """Writes a new preset or replaces the user's own of that name; gives the name as it was saved.

        Raises PresetsError, and SettingsError for values that are not allowed.
        """
        name = self._allowed(name)
        settings = self.model.from_dict(values)
        own = self._own()
        if name not in own and len(own) >= MOST_PRESETS:
            raise PresetsError(f"there are {MOST_PRESETS} presets already; delete one first")
        self._write({**own, name: self._kept(settings)})
        return name

    def rename(self, name: str, new: str) -> str:
        """Gives the new name as it was saved. Raises PresetsError."""
        new = self._allowed(new)
        own = self._own()
        self._require(name, own)
        if new != name and new in own:
            raise PresetsError(f'there is a preset "{new}" already')
        self._write({new if key == name else key: value for key, value in own.items()})
        return new

    def delete(self, name: str) -> None:
        """Raises PresetsError."""
        own = self._own()
        self._require(name, own)
        self._write({key: value for key, value in own.items() if key != name})

    def same_as(self, settings: Settings) -> str | None:
        """The name of the preset that these settings are, or None. Broken presets and a broken file count as none."""
        wanted = self._kept(settings)
        try:
            names = self.names()
        except PresetsError:
            names = list(self.model.presets())
        for name in names:
            try:
                if self._kept(self.model.from_dict(self.values(name))) == wanted:
                    return name
            except (PresetsError, SettingsError):
                continue
        return None

    @staticmethod
    def _kept(settings: Settings) -> dict[str, Any]:
        """What a preset holds of settings: neither the switch nor the picture."""
        kinds = {field.name: field.kind for field in settings.fields()}
        return {
            name: value for name, value in settings.changed().items() if name != "enabled" and kinds[name] != "image"
        }

    def _allowed(self, name: Any) -> str:
        name = " ".join(str(name or "").split())
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise PresetsError(
                f"a preset's name takes 1 to {LONGEST_NAME} characters; {name[:LONGEST_NAME]!r} is not one"
            )
        if name in self.model.presets() or name == "custom":
            raise PresetsError(f'"{name}" is a built-in preset; take another name')
        return name

    def _require(self, name: str, own: dict[str, Any]) -> None:
        if name in self.model.presets():
            raise PresetsError(f'"{name}" is a built-in preset; it cannot be changed')
        if name not in own:
            raise PresetsError(f'there is no preset "{name}"')

    def _own(self) -> dict[str, dict[str, Any]]:
        part = self._read().get(self.part, {})
        if not isinstance(part, dict) or not all(isinstance(values, dict) for values in part.values()):
            raise PresetsError(f"{self.file} is damaged; correct it, or move it away to begin anew")
        return part

    def _read(self) -> dict[str, Any]:
        try:
            if self.file.stat().st_size > LARGEST_FILE:
                raise PresetsError(f"{self.file} is larger than {LARGEST_FILE} bytes; move it away to begin anew")
            content = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise PresetsError(f"{self.file} cannot be read: {error.strerror or error}") from None
        except (ValueError, RecursionError):
            raise PresetsError(f"{self.file} is damaged; correct it, or move it away to begin anew") from None
        version = content.get("version") if isinstance(content, dict) else None
        if not isinstance(version, int):
            raise PresetsError(f"{self.file} is damaged; correct it, or move it away to begin anew")
        if version > VERSION:
            raise PresetsError(f"{self.file} is from a newer itermix (version {version}); update itermix to use it")
        return content

    def _write(self, own: dict[str, Any]) -> None:
        content = {**self._read(), "version": VERSION, self.part: own}
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        unfinished = None
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self.file.parent, suffix=".part", delete=False
            ) as file:
                unfinished = file.name
                file.write(text)
            os.replace(unfinished, self.file)
        except OSError as error:
            if unfinished is not None:
                Path(unfinished).unlink(missing_ok=True)
            raise PresetsError(f"{self.file} cannot be written: {error.strerror or error}") from None
