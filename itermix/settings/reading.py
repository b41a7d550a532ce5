"""Settings from JSON text and from files, with one message for each way in which they can be wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LONGEST_VALUE_SHOWN = 60  # characters of a refused value repeated in its message
LONGEST_LIST = 300  # characters of the names of settings in a message
NEAR_SHOWN = 3  # names that are like an unknown one
LARGEST_FILE = 4 * 2**20  # bytes
BOM = "\ufeff"  # that some editors put before a text
NAMED = re.compile(r"(?:mixing: )?(\w+)(?=[:,] )")  # what is wrong with a field, or with a line of it, begins so


class SettingsError(ValueError):
    """A setting that is not allowed. The message names the field, its value and what is allowed."""


def shown(value: Any) -> str:
    """A refused value for a message: its JSON-like text, cut when long."""
    if isinstance(value, str):
        value = value[: LONGEST_VALUE_SHOWN + 1]
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE_SHOWN else text[:LONGEST_VALUE_SHOWN] + "..."


def labelled(message: str, labels: Mapping[str, str]) -> str:
    """A message for a page, which shows its fields by their labels. labels: by field name."""
    named = NAMED.match(message)
    return labels[named[1]] + message[named.end() :] if named and named[1] in labels else message


def unknown(name: Any, known: list[str]) -> str:
    """The message about a name that no setting has: all that there are or, where they are many, those like it."""
    import difflib  # late: a host's start waits for every import

    listed = ", ".join(known)
    if len(listed) <= LONGEST_LIST:
        return f"{shown(name)} is not a setting; the settings are {listed}"
    meant = str(name)[:LONGEST_VALUE_SHOWN].strip().lower().replace("-", "_")
    near = difflib.get_close_matches(meant, known, NEAR_SHOWN)
    advice = f"the nearest are {', '.join(near)}; " if near else ""
    return f"{shown(name)} is not a setting; {advice}docs/settings.md has all {len(known)} of them"


def json_object(text: str, name: str = "settings") -> dict[str, Any]:
    """An object from JSON text; name: what the text is called in a message.

    Raises SettingsError.
    """
    try:
        return require_object(_parsed(text), name)
    except _Twice as error:
        raise SettingsError(f"{name}: {error}") from None
    except Damaged:
        raise SettingsError(f"{name}: {shown(text)} is not allowed; it takes a JSON object") from None


def require_object(values: Any, name: str = "settings") -> dict[str, Any]:
    """The values themselves. Raises SettingsError where they are no object."""
    if not isinstance(values, dict):
        raise SettingsError(f"{name}: {shown(values)} is not allowed; they are one object of named fields")
    return values


def read_json(file: str | Path, name: str = "settings") -> dict[str, Any]:
    """The object in a file, as `read_object`. name: of the option that gave the file. Raises SettingsError."""
    try:
        return read_object(file)
    except FileNotFoundError:
        raise SettingsError(f"{name}: {file} cannot be read: there is no such file") from None
    except OSError as error:
        raise SettingsError(f"{name}: {file} cannot be read: {error.strerror or error}") from None
    except Damaged as error:
        raise SettingsError(f"{name}: {file} cannot be used: {error}") from None


class Damaged(Exception):
    """What is wrong with the text of settings, and where."""


def read_object(file: str | Path) -> dict[str, Any]:
    """The object in a file of JSON text, UTF-8 with or without a byte order mark. Raises OSError and Damaged."""
    try:
        data = Path(file).read_bytes() if Path(file).stat().st_size <= LARGEST_FILE else None
    except ValueError:  # a NUL in the path
        raise FileNotFoundError(file) from None
    if data is None:
        raise Damaged(f"it is larger than {LARGEST_FILE // 2**20} MB, which no settings are")
    try:
        values = _parsed(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise Damaged("it is not UTF-8 text; save it as UTF-8") from None
    if not isinstance(values, dict):
        raise Damaged(f"it holds no JSON object but {shown(values)}")
    return values


class _Twice(Damaged):
    """An object has a key twice; JSON's own readers take the last one without a word."""


def _parsed(text: str) -> Any:
    """Raises Damaged."""
    try:
        return json.loads(text.removeprefix(BOM), object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise Damaged(f"it is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise Damaged("it is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise Damaged(f"it is not JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Twice(f"{shown(twice)} is there twice; leave one of them out")
    return made
