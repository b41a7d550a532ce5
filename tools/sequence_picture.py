"""The README's picture of a sequence, docs/sequence.png, of the small model: `python -m tools.sequence_picture`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from PIL import Image

from itermix.commands import render
from itermix.pictures.sheet import composed

FILE = Path(__file__).resolve().parents[1] / "docs" / "sequence.png"
FRAMES = 8
SETTINGS = {"travel": "slerp", "seed_mode": "fixed", "denoise_seq": 0.6, "video_format": "none"}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.sequence_picture", description=__doc__.partition(":")[0])
    parser.add_argument("--first", default="strawberry on a blue background")
    parser.add_argument("--last", default="pineapple on a pink background")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    prompts = f"0: {options.first}\n{FRAMES - 1}: {options.last}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "settings.json").write_text(json.dumps({**SETTINGS, "frames": FRAMES, "prompts": prompts}))
        more = ["--sequence", str(folder / "settings.json"), "--seed", options.seed]
        code = render.main(["", *more, "--out", str(folder / "frame.png")])
        if code:
            return code
        pictures = [Image.open(file).convert("RGB") for file in sorted(folder.glob("frame-*.png"))]
        labels = [f"frame {index}" for index in range(FRAMES)]
        sentence = f"From “{options.first}” to “{options.last}”, with travel."
        composed("Latent Sequence", sentence, labels, [""], [pictures]).save(options.out, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
