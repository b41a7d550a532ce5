"""How far a difference between two rows is from chance: 95 % intervals over prompts, by a paired bootstrap.

Prompts are drawn again with replacement (Efron 1979), the same draw for every row, so that what makes a prompt hard
for all rows does not count. The seeds of a prompt are one value, their mean: pictures of a prompt are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

DRAWS = 10_000
SURE = 0.95
LEAST = 6  # prompts; of fewer ones too few different draws can be made


@dataclass(frozen=True)
class Interval:
    """A mean over prompts and where it lies with 95 % certainty."""

    value: float
    low: float
    high: float

    @property
    def is_above_zero(self) -> bool:
        return self.low > 0.0

    def to_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


class Bootstrap:
    """The same draws of so many prompts for all that is asked."""

    def __init__(self, prompts: int, seed: int = 0, draws: int = DRAWS):
        chosen = torch.randint(prompts, (draws, prompts), generator=torch.Generator().manual_seed(seed))
        self.shares = torch.zeros(draws, prompts, dtype=torch.float64)
        self.shares.scatter_add_(1, chosen, torch.full(chosen.shape, 1.0 / prompts, dtype=torch.float64))
        self.is_enough = prompts >= LEAST

    def interval(self, values: Tensor) -> Interval:
        """Of one value for each prompt; of the differences of two rows, for a difference."""
        means = self.shares @ values.double()
        low, high = means.quantile(torch.tensor([(1.0 - SURE) / 2.0, (1.0 + SURE) / 2.0], dtype=torch.float64)).tolist()
        return Interval(float(values.double().mean()), low, high)

    def is_better(self, ours: Tensor, theirs: Tensor, sign: float) -> bool:
        """Whether our mean is the better one whatever prompts are drawn. sign: 1 where more is better, else -1."""
        return self.is_enough and self.interval(sign * (ours - theirs)).is_above_zero
