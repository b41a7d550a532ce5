"""One setting as every surface needs it, and how a model declares it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from itermix.settings.reading import SettingsError, shown

LONGEST_TEXT = 100_000  # characters of a text field
# What people type for a switch, in any case, with spaces around it.
SPELLINGS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


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
        if self.kind == "switch" and as_switch(value) is not None:
            return as_switch(value)
        if self.kind == "number" and isinstance(value, (int, float)) and not isinstance(value, bool):
            if self.minimum <= value <= self.maximum:  # not so for NaN and infinity
                return float(value)
        if self.kind == "integer" and isinstance(value, (int, float)) and not isinstance(value, bool):
            if self.minimum <= value <= self.maximum and value == int(value):  # a page's slider gives 12.0
                return int(value)
        if self.kind == "choice" and isinstance(value, str) and value in self.choices:
            return value
        if self.kind == "text" and isinstance(value, str) and len(value) <= LONGEST_TEXT and is_writable(value):
            return value
        if self.kind == "image" and (value is None or isinstance(value, str)):
            return value or None
        raise SettingsError(f"{self.name}: {shown(value)} is not allowed; it takes {self.allowed}")


def as_switch(value: Any) -> bool | None:
    """A switch's value from what a page, a request, a plot or a command line gives; None where it is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return SPELLINGS.get(value.strip().lower())
    return SPELLINGS.get(str(value)) if isinstance(value, int) else None


def switch(label: str, default: bool, help: str) -> Any:
    return _declare(kind="switch", default=default, label=label, help=help)


def number(label: str, default: float, minimum: float, maximum: float, step: float, help: str, axis: str = "") -> Any:
    return _declare(
        kind="number", default=float(default), label=label, help=help, minimum=minimum, maximum=maximum, step=step,
        axis=axis,
    )  # fmt: skip


def integer(label: str, default: int, minimum: int, maximum: int, help: str) -> Any:
    return _declare(kind="integer", default=default, label=label, help=help, minimum=minimum, maximum=maximum, step=1)


def text(label: str, help: str, default: str = "") -> Any:
    return _declare(kind="text", default=default, label=label, help=help)


def choice(label: str, choices: tuple[str, ...], help: str, default: str = "") -> Any:
    """A choice; the first one is the default where none is named."""
    return _declare(kind="choice", default=default or choices[0], label=label, help=help, choices=choices)


def image(label: str, help: str) -> Any:
    return _declare(kind="image", default=None, label=label, help=help)


def _declare(*, default: Any, **field: Any) -> Any:
    return dataclasses.field(default=default, metadata=dict(default=default, **field))


def is_writable(text: str) -> bool:
    """Whether a picture's parameters and a file can hold the text as it is."""
    return "\0" not in text and not has_surrogate(text)


def has_surrogate(text: str) -> bool:
    """Whether there is half a character in it, which JSON can write and no file or answer can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
