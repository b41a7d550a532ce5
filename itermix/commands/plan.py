"""python -m itermix plan: the frames of a sequence as JSON, one object for each, before anything is made."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from itermix.commands.frames import with_name
from itermix.commands.parser import Parser, run, say, whole
from itermix.pictures import limits
from itermix.sequence import gallery
from itermix.sequence.plan import overview
from itermix.sequence.seeds import SEEDS
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError, json_object, read_json

EXAMPLES = """examples:
  python3 -m itermix plan --settings morph.json --prompt "a cat" --seed 7
  echo '{"frames": 3, "prompts": "2: a dog"}' | python3 -m itermix plan --settings -
"""


def main(arguments: list[str]) -> int:
    """Prints one JSON object per line and gives 0; or one line of what is wrong to stderr, and 2."""
    return run("plan", parser(), arguments, show)


def parser() -> Parser:
    made = Parser("plan", "Shows the frames of a sequence as JSON, before anything is made.", EXAMPLES)
    made.add_argument(
        "--settings",
        metavar="FILE.json",
        help="settings of Latent Sequence, or the name of an example; - reads standard input",
    )
    made.add_argument("--seed", type=whole, default=0, help="of the first frame, 0 to 2^64 - 1 (default: 0)")
    made.add_argument("--prompt", default="", help="where the settings have none")
    made.add_argument("--negative", default="", help="negative prompt, where the settings have none")
    return made


def show(options: argparse.Namespace) -> None:
    """Prints the frames. Raises SettingsError."""
    if not 0 <= options.seed < SEEDS:
        raise SettingsError(f"seed: {options.seed} is not allowed; it takes a whole number from 0 to {SEEDS - 1}")
    try:
        settings = SequenceSettings.from_dict(_values(options.settings))
    except SettingsError as error:
        raise SettingsError(with_name("settings", str(error))) from None
    shown = overview(settings, options.seed, options.prompt, options.negative)
    rows = shown["frames"]
    for line in (*shown["messages"], *limits.of_film(settings.video_format, settings.fps)):
        say(line)
    say(f"keyframes: {', '.join(str(row['frame']) for row in rows if row['keyframe'])}")
    for row in rows:
        print(json.dumps(row))


def _values(file: str | None) -> dict[str, Any]:
    if file is None:
        return {}
    chosen = gallery.named(file)
    if chosen is not None:
        return chosen.settings.to_dict()
    return json_object(sys.stdin.read()) if file == "-" else read_json(file)
