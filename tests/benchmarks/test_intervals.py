"""Intervals over prompts are what theory says of them, and a row is best only where they say so."""

from __future__ import annotations

import pytest
import torch

from benchmarks.intervals import Bootstrap
from benchmarks.picture_report import text
from benchmarks.picture_rows import BETTER, CEILING, check, rows, summary

PROMPTS = 40


def values(mean, std=1.0, seed=0):
    """So many with exactly that mean and standard deviation."""
    drawn = torch.randn(PROMPTS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (drawn - drawn.mean()) / drawn.std(correction=0) * std + mean


def test_an_interval_is_nearly_the_normal_one_of_the_mean():
    found = Bootstrap(PROMPTS).interval(values(3.0))
    half = 1.96 / PROMPTS**0.5
    assert found.value == pytest.approx(3.0)
    assert (found.low, found.high) == (pytest.approx(3.0 - half, abs=0.04), pytest.approx(3.0 + half, abs=0.04))


def test_what_all_prompts_share_is_certain():
    found = Bootstrap(PROMPTS).interval(torch.full((PROMPTS,), 0.7, dtype=torch.float64))
    assert (found.low, found.high) == (pytest.approx(0.7), pytest.approx(0.7))


def test_pairing_takes_out_what_makes_a_prompt_hard():
    hard, draws = values(0.0, std=10.0), Bootstrap(PROMPTS)
    a, b = hard + values(0.1, std=0.1, seed=1), hard
    assert draws.is_better(a, b, 1) and not draws.is_better(b, a, 1) and draws.is_better(b, a, -1)
    assert draws.interval(a).low < draws.interval(b).high  # the rows' own intervals cannot tell them apart


def test_few_prompts_make_nothing_certain():
    assert not Bootstrap(3).is_better(torch.ones(3), torch.zeros(3), 1)


def given(**by_row):
    """Rows whose every measure is the better, the larger the number is: {name: (mean, std)}."""
    made = {}
    for seed, (name, (mean, std)) in enumerate(by_row.items()):
        own = values(mean, std, seed)
        made[CEILING if name == "ceiling" else name, 2] = {m: own if sign >= 0 else -own for m, sign in BETTER.items()}
    return made


def best_of(found):
    return [row["method"] for row in found if row["best"]]


def test_the_best_row_is_better_than_every_other_with_certainty():
    found = rows(
        given(direct=(0.1, 0.1), itermix=(0.8, 0.1), hires=(0.5, 0.1), ceiling=(0.95, 0.01)), Bootstrap(PROMPTS)
    )
    assert best_of(found) == ["itermix"]
    row = next(row for row in found if row["method"] == "hires")
    difference = row["measures"]["ssim"]["difference"]
    assert difference["value"] == pytest.approx(-0.3) and difference["high"] < 0.0
    assert not any(row["measures"]["sharpness"]["best"] for row in found)  # 1 is right, more is not better


def test_no_row_is_best_where_chance_could_turn_two():
    found = rows(given(direct=(0.1, 0.1), itermix=(0.8, 0.5), hires=(0.79, 0.5)), Bootstrap(PROMPTS))
    assert not best_of(found)


def test_the_check_wants_intervals_that_do_not_touch():
    draws = Bootstrap(PROMPTS)
    far, near = (
        check(rows(given(itermix=(0.5, 0.1), direct=(0.2, 0.1), ceiling=(top, 0.1)), draws)) for top in (0.9, 0.52)
    )
    assert [(line["measure"], line["holds"], line["nearest"]) for line in far] == [
        ("ssim", True, "itermix"), ("distance", True, "itermix")
    ]  # fmt: skip
    assert not any(line["holds"] for line in near)


def result(prompt, ssim):
    row = {**dict.fromkeys(BETTER, 0.5), "ssim": ssim, "distances": [0.5, 0.25]}
    own = {("itermix", 2): row, (CEILING, 2): {**row, "ssim": 1.0}}
    return {"prompt": prompt, "drawn": 4, "native": {"recognised": 3, "ssim": 0.9}, "rows": own, "seconds": 1.0}


def test_prompts_that_show_nothing_are_counted_and_left_out():
    empty = {"prompt": "c", "drawn": 4, "native": {}, "rows": {}, "seconds": 1.0}
    classifier = {"subjects": 1.0, "broken": 1.0}
    found = summary([result("a", 0.6), result("b", 0.8), empty], "odd", classifier)
    assert (found["prompts"], found["pictures"], found["recognised"]) == (2, 6, 0.5)
    assert found["rows"][0]["measures"]["ssim"]["value"] == pytest.approx(0.7)
    assert found["rows"][0]["distances"] == [0.5, 0.25]
    assert "| itermix | 0.700 |" in text(found)
    assert "Nothing can be measured" in text(summary([empty], "odd", classifier))
