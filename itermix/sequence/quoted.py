"""Quoted prompts as Deforum and FizzNodes have them: `"0": "a cat", "30": "a dog"`, with braces or without.

Read more freely than as JSON, and with the line of everything, so that a message can say where: a comma may follow the
last entry, keys may be bare, line breaks within a prompt are left out (as FizzNodes does), a backslash that escapes
nothing stays (as in `\\(`), and punctuation outside of the quotes may be full-width. Lines with # between the entries
are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from itermix.settings import SettingsError, shown

# Marks that open a quotation, and those that close it.
QUOTES = {
    '"': '"',
    "'": "'",
    "\uff02": "\uff02",
    "\u201c": "\u201c\u201d",
    "\u201d": "\u201d",
    "\u201e": "\u201c\u201d",
}
COLONS, COMMAS, OPEN, CLOSED = ":\uff1a", ",\uff0c\u3001", "{\uff5b", "}\uff5d"
QUOTE = "[" + "".join(QUOTES) + "]"
# How a text of this kind begins.
BRACED = re.compile(rf"\s*[{OPEN}]\s*({QUOTE}|[\w+*/ ().-]+[{COLONS}]|[{CLOSED}]|\Z)")
BARE = re.compile(rf"\s*{QUOTE}[^{''.join(QUOTES)}\n]*{QUOTE}\s*[{COLONS}]")
BARE_KEY = re.compile(rf"[^{COLONS}{COMMAS}{OPEN}{CLOSED}\n]+")
GAP = re.compile(r"(?:\s+|#[^\n]*)*")
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
ESCAPED = {"n": "\n", "t": "\t", "r": "\n", "b": "", "f": "", "/": "/", "\\": "\\", '"': '"', "'": "'"}


@dataclass(frozen=True)
class Entry:
    """One key with its prompt. line: of the key, from 1."""

    line: int
    key: str
    prompt: str


def entries(name: str, text: str) -> list[Entry]:
    """All entries in their order. name: of the field. Raises SettingsError, which names the line."""
    return _Reader(name, re.sub(r"\r\n?", "\n", text)).entries()


class _Reader:
    """Goes through a text once. at: the place of the next character."""

    def __init__(self, name: str, text: str):
        self.name, self.text, self.at = name, text, 0

    def entries(self) -> list[Entry]:
        is_braced, found = self._take(OPEN), []
        while not self._ends(is_braced):
            line, key = self._line(), self._key()
            if not self._take(COLONS):
                raise self.refused(line, f"behind {shown(key)} a colon and the prompt in quotes are missing")
            found.append(Entry(line, key, self._prompt(key)))
            if not self._take(COMMAS) and not self._ends(is_braced):
                raise self.refused(
                    line, f"behind the prompt of {shown(key)} a comma is missing, or a quotation mark too much"
                )
        return found

    def refused(self, line: int, why: str) -> SettingsError:
        return SettingsError(f"{self.name}, line {line}: {why}")

    def _ends(self, is_braced: bool) -> bool:
        """Whether no entry follows. Raises SettingsError for a brace that is missing, and for text after the last."""
        self._skip()
        before = self.at
        if self._take(CLOSED):
            line = self._line()
            self._take(COMMAS)
            self._skip()
            if not is_braced:
                raise self.refused(line, "a closing brace has none that opens")
            if self.at < len(self.text):
                raise self.refused(self._line(), f"{shown(self._rest())} stands behind the closing brace")
            self.at = before
            return True
        if self.at < len(self.text):
            return False
        if is_braced:
            raise self.refused(self._line(), "the closing brace is missing")
        return True

    def _key(self) -> str:
        if self._opens():
            return self._quoted("the frame").strip()
        found = BARE_KEY.match(self.text, self.at)
        if found is None:
            raise self.refused(self._line(), f'a frame in quotes is missing before {shown(self._rest())}, as in "0":')
        self.at = found.end()
        return found.group().strip()

    def _prompt(self, key: str) -> str:
        self._skip()
        if not self._opens():
            raise self.refused(self._line(), f"the prompt of {shown(key)} is not in quotes, but {shown(self._rest())}")
        return self._quoted(f"the prompt of {shown(key)}")

    def _opens(self) -> bool:
        return self.at < len(self.text) and self.text[self.at] in QUOTES

    def _quoted(self, what: str) -> str:
        start, closing = self.at, QUOTES[self.text[self.at]]
        found = re.compile(rf"((?:\\.|[^\\{closing}])*)[{closing}]", re.DOTALL).match(self.text, start + 1)
        if found is None:
            raise self.refused(self._line(start), f"the quotation mark of {what} is not closed")
        self.at = found.end()
        try:
            return _unescaped(found.group(1).replace("\n", ""))
        except UnicodeError:
            raise self.refused(self._line(start), f"{what} has half a character") from None

    def _take(self, marks: str) -> bool:
        """Whether one of the marks comes next; it is gone past then."""
        self._skip()
        is_next = self.at < len(self.text) and self.text[self.at] in marks
        self.at += is_next
        return is_next

    def _skip(self) -> None:
        self.at = GAP.match(self.text, self.at).end()

    def _line(self, at: int | None = None) -> int:
        return self.text.count("\n", 0, self.at if at is None else at) + 1

    def _rest(self) -> str:
        return self.text[self.at :].partition("\n")[0]


def _unescaped(body: str) -> str:
    """JSON's escapes undone. Raises UnicodeError for half a character."""

    def plain(found: re.Match[str]) -> str:
        mark = found.group(1)
        return chr(int(mark[1:], 16)) if len(mark) > 1 else ESCAPED.get(mark, found.group())

    text = ESCAPE.sub(plain, body)
    return text.encode("utf-16", "surrogatepass").decode("utf-16")
