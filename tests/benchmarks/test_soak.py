"""The arithmetic of the soak's table, and that its requests can be made again."""

import random

import pytest

from benchmarks import soak
from itermix.mixing.settings import MixingSettings


def readings(memory):
    return [{"memory": value * soak.MEGABYTE, "left": 0, "callbacks": 3, "seconds": 0.5} for value in memory]


def test_the_slope_of_a_line_is_its_own():
    assert soak.slope([3.0 + 0.25 * n for n in range(40)]) == pytest.approx(0.25)
    assert soak.slope([7.0] * 9) == 0.0 and soak.slope([7.0]) == 0.0


def test_the_slope_is_that_of_least_squares():
    assert soak.slope([0.0, 0.0, 3.0]) == pytest.approx(1.5)  # sum (x - 1)(y - 1) / sum (x - 1)^2


def test_the_table_has_the_medians_of_both_ends_and_the_slope_per_100():
    text = soak.table(readings([100.0 + 0.5 * n for n in range(200)]))
    assert "| resident memory, MB | 112.25 | 187.25 | 50.00 |" in text
    assert "| left of itermix | 0.00 | 0.00 | 0.00 |" in text and "| seconds per generation | 0.50 | 0.50 |" in text


def test_random_settings_are_allowed_and_the_same_for_a_seed():
    drawn = [soak.settings(random.Random(seed)) for seed in range(100)]
    assert drawn == [soak.settings(random.Random(seed)) for seed in range(100)]
    enabled = sum(MixingSettings.from_dict(values).enabled for values in drawn)
    assert 50 < enabled < 100


def test_without_itermix_each_sequence_is_a_batch_count_of_as_many_pictures():
    drawn = [soak.generation(random.Random(seed), "picture")[1] for seed in range(100)]
    sequences = [body for body in drawn if "script_name" in body]
    assert 0 < len(sequences) < 30
    for body in sequences:
        asked = soak.without_itermix(body)
        assert asked == {"seed": body["seed"], "sampler_name": body["sampler_name"], "steps": 4, "n_iter": 3}
    assert all(soak.without_itermix(body) is body for body in drawn if "script_name" not in body)


def test_it_says_which_variable_is_missing(monkeypatch, capsys):
    monkeypatch.delenv(soak.VARIABLE, raising=False)
    with pytest.raises(SystemExit):
        soak.main([])
    assert "ITERMIX_HOST is not set" in capsys.readouterr().err
