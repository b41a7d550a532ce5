"""What the picture benchmark draws: prompts in two halves, one to choose settings on, one to report."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tools.small_model.artwork import ALIKE, BACKGROUNDS, SUBJECTS

PROMPTS, SEEDS = 32, 4
HALVES = ("even", "odd")  # settings may be chosen on the even prompts; what is reported is made from the odd ones
SEEDS_APART = 1000  # from one prompt to the next, so that no two start from the same noise


@dataclass(frozen=True)
class Case:
    """What is drawn, and from which seed."""

    subject: str
    background: str
    seed: int

    @property
    def prompt(self) -> str:
        return f"{self.subject} on {'an' if self.background[0] in 'aeiou' else 'a'} {self.background} background"


def cases(prompts: int = PROMPTS, seeds: int = SEEDS, half: str = "odd") -> list[list[Case]]:
    """One half of so many prompts, with so many seeds each; the same ones every time.

    Prompt 2 k and prompt 2 k + 1 have the same subject on two backgrounds, and 24 of a half show every subject once.
    """
    draw, chosen = random.Random("pictures"), []
    while len(chosen) < prompts:
        for subject in draw.sample(list(SUBJECTS), len(SUBJECTS)):
            fit = [name for name in BACKGROUNDS if subject not in ALIKE[name] and (subject, name) not in chosen]
            if len(fit) < 2:
                raise ValueError(f"prompts: {prompts} are more than there are subjects on backgrounds; take fewer")
            chosen += [(subject, name) for name in draw.sample(fit, 2)]
    wanted = list(enumerate(chosen[:prompts]))[HALVES.index(half) :: 2]
    return [[Case(*pair, SEEDS_APART * number + seed) for seed in range(seeds)] for number, pair in wanted]
