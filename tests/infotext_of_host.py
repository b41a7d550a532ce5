"""How A1111 and Forge write a picture's parameters and read them again, for tests without a WebUI.

Only the last line, and its quoting. tests/hosts/test_infotext.py compares it with the real ones.
"""

import json
import re

PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
SIZE = re.compile(r"^(\d+)x(\d+)$")
FEWEST_PAIRS = 3


def written(values, prompt="a cat"):
    """The text of a picture with this prompt and these parameters."""
    pairs = [f"{key}: {quoted(value)}" for key, value in values.items() if value is not None]
    return f"{prompt}\n{', '.join(pairs)}".strip()


def parsed(text):
    """The parameters by name, all of them text; a size becomes two."""
    line = text.strip().split("\n")[-1]
    pairs = PAIR.findall(line)
    values = {}
    for key, value in pairs if len(pairs) >= FEWEST_PAIRS else []:
        if value and value[0] == '"' and value[-1] == '"':
            value = _unquoted(value)
        size = SIZE.match(value)
        values |= {f"{key}-1": size.group(1), f"{key}-2": size.group(2)} if size else {key: value}
    return values


def quoted(value):
    """A parameter as it stands in the text."""
    text = str(value)
    return json.dumps(value, ensure_ascii=False) if any(mark in text for mark in ",\n:") else text


def _unquoted(text):
    try:
        return json.loads(text)
    except ValueError:
        return text
