"""The picture benchmark's rows: each measure with its interval, its difference to itermix's, which rows are best."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.enlargements import OURS
from benchmarks.intervals import Bootstrap, Interval

CEILING = "the VAE's best"  # the right picture through the VAE: no method, and what every method is below
# 1: more is better, -1: less is better, 0: neither, 1 is right.
BETTER = {
    "ssim": 1, "edges": -1, "structure": 1, "distance": -1, "sharpness": 0, "objects": 1, "recognised": 1, "calls": 0,
}  # fmt: skip
DECISIVE = ("ssim", "distance")  # what the best row is best in
Key = tuple[str, int]  # method, scale
Values = dict[Key, dict[str, Tensor]]  # of each measure, one value for each prompt


def summary(results: list[dict[str, Any]], half: str, classifier: dict[str, float]) -> dict[str, Any]:
    """All of it as plain JSON. results: of `pictures.Bench`, one for each prompt."""
    usable = [result for result in results if result["rows"]]
    drawn, kept = sum(one["drawn"] for one in results), sum(one["native"]["recognised"] for one in usable)
    found: dict[str, Any] = {
        "half": half, "prompts": len(usable), "pictures": kept, "recognised": kept / max(drawn, 1),
        "classifier": classifier, "seconds": sum(one["seconds"] for one in results), "rows": [], "check": [],
    }  # fmt: skip
    if usable:
        found["registered"] = sum(one["native"]["ssim"] for one in usable) / len(usable)
        values, draws = by_row(usable), Bootstrap(len(usable))
        found["rows"] = rows(values, draws)
        for row, (key, _) in zip(found["rows"], values.items()):
            levels = torch.tensor([one["rows"][key]["distances"] for one in usable]).mean(dim=0)
            row["distances"] = levels.tolist()
        found["check"] = check(found["rows"], draws.is_enough)
    return found


def by_row(results: list[dict[str, Any]]) -> Values:
    keys = list(results[0]["rows"])
    return {key: {m: torch.tensor([one["rows"][key][m] for one in results]) for m in BETTER} for key in keys}


def rows(values: Values, draws: Bootstrap) -> list[dict[str, Any]]:
    """{"method", "scale", "measures": {name: {"value", "low", "high", "difference", "best"}}, "best"} for each.

    difference: to itermix's row of the scale, with its interval. A measure is best where the row's difference to every
    other row's is on the better side with certainty; a row, where all that is decisive is. What the VAE could show at
    best is no method and takes no part.
    """
    found = []
    for (method, scale), own in values.items():
        others = [values[key] for key in values if key[1] == scale and key[0] not in (method, CEILING)]
        ours, cells = values.get((OURS, scale)), {}
        for name, sign in BETTER.items():
            is_best = sign != 0 and method != CEILING and bool(others)
            is_best = is_best and all(draws.is_better(own[name], other[name], sign) for other in others)
            cells[name] = {**draws.interval(own[name]).to_dict(), "best": is_best}
            if ours is not None and method != OURS:
                cells[name]["difference"] = draws.interval(own[name] - ours[name]).to_dict()
        is_best = all(cells[name]["best"] for name in DECISIVE)
        found.append({"method": method, "scale": scale, "measures": cells, "best": is_best})
    return found


def check(found: list[dict[str, Any]], is_enough: bool = True) -> list[dict[str, Any]]:
    """Whether the VAE's best is the best row of every scale in what is decisive, its interval touching no other's.

    One line for each scale and measure: {"scale", "measure", "holds", "ceiling": interval, "nearest": method,
    "interval": of that}. is_enough: whether there are prompts enough for intervals to say anything.
    """
    lines = []
    for top in (row for row in found if row["method"] == CEILING):
        others = [row for row in found if row["scale"] == top["scale"] and row is not top]
        for name in DECISIVE if others else ():
            sign = BETTER[name]
            near = max(others, key=lambda row: reach(row["measures"][name], sign))
            ceiling, nearest = (interval_of(row["measures"][name]) for row in (top, near))
            lowest = min(sign * ceiling.low, sign * ceiling.high)
            holds = is_enough and lowest > reach(near["measures"][name], sign)
            lines.append({
                "scale": top["scale"], "measure": name, "holds": holds, "ceiling": ceiling.to_dict(),
                "nearest": near["method"], "interval": nearest.to_dict(),
            })  # fmt: skip
    return lines


def reach(cell: dict[str, Any], sign: int) -> float:
    """The better end of a cell's interval, larger is better."""
    return max(sign * cell["low"], sign * cell["high"])


def interval_of(cell: dict[str, Any]) -> Interval:
    return Interval(cell["value"], cell["low"], cell["high"])
