"""Axes of a sweep: names and values from text, ranges, and one line for what is not allowed."""

import pytest

from itermix.studio.axes import axis_of, swept
from itermix.studio.errors import StudioError


@pytest.mark.parametrize("text, values", [
    ("alpha_1=0.5,1, 2,4", (0.5, 1.0, 2.0, 4.0)),
    ("alpha_1=0.5-3 [6]", (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)),
    ("alpha_1=0, 1-2[3]", (0.0, 1.0, 1.5, 2.0)),
    ("seed=1-4", (1, 2, 3, 4)),
    ("steps=10-20 [3]", (10, 15, 20)),
    ("curve=cosine, linear", ("cosine", "linear")),
    ("enabled=false,true", (False, True)),
    ("negative=,blue", ("", "blue")),
    ('prompt="a, b",c', ("a, b", "c")),
    ("preset=Faithful,Node pack", ("Faithful", "Node pack")),
    ("sampler=Euler,DPM++ 2M", ("Euler", "DPM++ 2M")),
])  # fmt: skip
def test_values(text, values):
    axis = axis_of("x", text)
    assert axis.name == text.partition("=")[0] and axis.values == values
    assert [type(value) for value in axis.values] == [type(value) for value in values]


def test_labels_are_short():
    assert axis_of("x", "alpha_1=0.5-1 [2]").labels == ["alpha_1 = 0.5", "alpha_1 = 1"]
    assert axis_of("x", "enabled=false,true").labels == ["enabled = false", "enabled = true"]


def test_a_value_goes_where_it_belongs():
    values = {"prompt": "a", "mixing": {"blend": "linear"}}
    assert axis_of("x", "steps=3").put(values, 3) == {**values, "steps": 3}
    assert axis_of("x", "alpha_1=3").put(values, 3.0) == {"prompt": "a", "mixing": {"blend": "linear", "alpha_1": 3.0}}
    assert values == {"prompt": "a", "mixing": {"blend": "linear"}}


@pytest.mark.parametrize("text, said", [
    ("alpha_2=1", "x: 'alpha_2' is not a setting that can be swept; they are prompt, negative, width"),
    ("count=1,2", "'count' is not a setting that can be swept"),
    ("mixing={}", "'mixing' is not a setting that can be swept"),
    ("reference_image=a", "'reference_image' is not a setting that can be swept"),
    ("steps", "x: 'steps' is not allowed; it takes 1 to 100 values as steps=A,B,C"),
    ("steps=", "x: 'steps=' is not allowed"),
    ("steps=1.5", "x: steps: '1.5' is not allowed; it takes a whole number"),
    ("alpha_1=many", "x: alpha_1: 'many' is not allowed; it takes a number"),
    ("alpha_1=1-3", "x: alpha_1: '1-3' is not allowed; a range is LOW-HIGH [HOW MANY], such as 0.5-3 [6]"),
    ("alpha_1=3-1 [4]", "a range is LOW-HIGH"),
    ("alpha_1=1-3 [1]", "a range is LOW-HIGH"),
    ("seed=1-1000000000", "a range is LOW-HIGH"),
    ("seed=1-60,1-60", "1 to 100 values"),
])  # fmt: skip
def test_what_is_not_allowed_is_one_line(text, said):
    with pytest.raises(StudioError) as refused:
        axis_of("x", text)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_every_setting_of_mixing_and_of_a_run_is_offered_once():
    names = swept()
    assert len(names) == len(set(names))
    assert {"hires_phases", "hires_upscaler", "hires_reference", "hires_seed", "unit", "start_at", "stop_at"} <= set(
        names
    )
    assert not axis_of("x", "hires_phases=1,2").is_mixing and axis_of("x", "hires_seed=1,2").is_mixing
