"""Makes the example that the standalone's page shows at first: `python -m tools.example`, after a new small model."""

from __future__ import annotations

import dataclasses
import sys

from itermix.commands.studio import PROMPT
from itermix.mixing.settings import MixingSettings
from itermix.studio import pictures
from itermix.studio.jobs import results_of
from itermix.studio.page.example import FOLDER
from itermix.studio.pipeline import Studio
from itermix.studio.request import Request
from itermix.studio.runner import without_mixing
from itermix.studio.source import Source

SEED = 1
REQUEST = Request(prompt=PROMPT, seed=SEED, hires=2.0, mixing=MixingSettings(enabled=True))


def main() -> int:
    studio = Studio.open()
    request = studio.network.resolved(dataclasses.replace(REQUEST))
    ((result, infotext),) = results_of(studio, request, Source(), "itermix small model")
    other = without_mixing(studio, request, Source(), result, lambda *step: None, lambda: False)
    FOLDER.mkdir(exist_ok=True)
    pictures.write(FOLDER / "mixed.png", result.picture, infotext)
    pictures.write(FOLDER / "without.png", other, "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
