"""python -m itermix plan: the frames of a sequence as JSON, one object for each, before anything is made."""

from __future__ import annotations

import argparse
import json
import sys

from itermix.sequence.plan import plan, table
from itermix.sequence.seeds import SEEDS
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError, read_json


def main(arguments: list[str]) -> int:
    """Prints one JSON object per line and gives 0; or one line of what is wrong to stderr, and 2."""
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options.settings)
        frames = plan(settings, _seed(options.seed), options.prompt, options.negative)
    except SettingsError as error:
        print(f"itermix plan: {error}", file=sys.stderr)
        return 2
    rows = table(frames)
    print(f"keyframes: {', '.join(str(row['frame']) for row in rows if row['keyframe'])}", file=sys.stderr)
    for row in rows:
        print(json.dumps(row))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m itermix plan", description=__doc__, allow_abbrev=False)
    parser.add_argument("--settings", metavar="FILE.json", help="settings of Latent Sequence; - reads standard input")
    parser.add_argument("--seed", default="0", help="of the first frame, 0 to 2^64 - 1 (default: 0)")
    parser.add_argument("--prompt", default="", help="where the settings have none")
    parser.add_argument("--negative", default="", help="negative prompt, where the settings have none")
    return parser


def _settings(file: str | None) -> SequenceSettings:
    if file is None:
        return SequenceSettings()
    if file == "-":
        return SequenceSettings.from_json(sys.stdin.read())
    return SequenceSettings.from_dict(read_json(file))


def _seed(text: str) -> int:
    if not text.isdecimal() or len(text) > 20 or int(text) >= SEEDS:
        raise SettingsError(f"seed: {text[:30]!r} is not allowed; it takes a whole number from 0 to {SEEDS - 1}")
    return int(text)
