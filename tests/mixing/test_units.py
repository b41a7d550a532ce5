"""Start and stop in steps and per cent are those of the shares that they are."""

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.curve import weights
from itermix.mixing.mixer import Mixer
from itermix.mixing.settings import MixingSettings
from itermix.settings import SettingsError

BY_LEVEL = torch.tensor([0.05, 0.1, 0.3, 0.6, 0.9], dtype=torch.float64)


@pytest.mark.parametrize("window", ["fitted", "cut (node pack)"])
@pytest.mark.parametrize("unit, start, stop, shares", [
    ("per cent", 20, 80, {"start": 0.2, "stop": 0.8}),
    ("per cent", 0, 150, {"stop": 1.5}),
    ("per cent", 30, 0, {"start": 0.3}),
    ("steps", 1, 4, {"start": 0.2, "stop": 0.8, "progress": "step"}),
    ("steps", 2, 0, {"start": 0.4, "progress": "step"}),
    ("steps", 0, 500, {"stop": 2.0, "progress": "step"}),
])  # fmt: skip
def test_the_curve_is_that_of_the_shares(unit, start, stop, shares, window):
    given = MixingSettings(unit=unit, start_at=start, stop_at=stop, window=window)
    assert_close(weights(given, 5, BY_LEVEL), weights(MixingSettings(window=window, **shares), 5, BY_LEVEL))


def test_in_steps_the_weight_falls_from_the_step_that_is_named_on():
    found = weights(MixingSettings(unit="steps", start_at=3, stop_at=6, curve="linear"), 10)
    assert_close(found, torch.tensor([1, 1, 1, 1, 2 / 3, 1 / 3, 0, 0, 0, 0], dtype=torch.float64))


@pytest.mark.parametrize("start", [10, 40])
def test_a_start_beyond_the_run_holds_the_weight_at_its_top(start):
    assert weights(MixingSettings(unit="steps", start_at=start), 10).tolist() == [1.0] * 10


def test_a_mixer_counts_in_its_own_runs_steps():
    x, settings = torch.zeros(1, 4, 4, 4), MixingSettings(unit="steps", start_at=5, stop_at=10, curve="linear")
    mixer = Mixer(settings, x, torch.randn(1, 4, 4, 4), 20)
    assert [mixer.weight(step, 1.0) for step in (0, 5, 7, 10, 19)] == pytest.approx([1.0, 1.0, 0.6, 0.0, 0.0])


def test_shares_count_for_nothing_where_another_unit_is_chosen_and_the_other_way_round():
    MixingSettings(unit="steps", start=0.9, stop=0.2)
    assert MixingSettings(start_at=9.0, stop_at=3.0).in_shares(20) == MixingSettings(start_at=9.0, stop_at=3.0)


@pytest.mark.parametrize("values, message", [
    ({"unit": "steps", "start_at": 5, "stop_at": 5}, "start_at: 5 is not allowed; it must be below stop_at"),
    ({"unit": "per cent", "start_at": 101}, "start_at: 101 is not allowed in per cent; it takes"),
    ({"unit": "per cent", "stop_at": 201}, "stop_at: 201 is not allowed in per cent; it takes"),
    ({"unit": "metres"}, "unit: 'metres' is not allowed; it takes one of"),
])  # fmt: skip
def test_what_contradicts_itself_is_refused_by_name(values, message):
    with pytest.raises(SettingsError) as refused:
        MixingSettings.from_dict(values)
    assert str(refused.value).startswith(message)
