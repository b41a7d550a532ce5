"""Values over time: what a schedule gives in each frame, and that a constant one changes nothing."""

import dataclasses
import math

import pytest
import torch

import itermix
from itermix.sequence.fields.values import BETWEEN
from itermix.sequence.plan import overview, plan
from itermix.sequence.run import run
from itermix.sequence.values import read_values
from itermix.settings import SettingsError
from tests.sequence.hosts import Gaussian

Settings = itermix.SequenceSettings


def values(text, frames=5, between="linear", seed=0, **more):
    return read_values("denoise_schedule", text, frames, **more).values(seed, between)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("0:(0.5)", [0.5] * 5),
        ("0.5", [0.5] * 5),
        ("0:(0), 4:(1)", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("0: 0, 4: 1,", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("0:(0)\n4:(1)", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("\ufeff0:(0),\r\n4:(1)\r\n", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("０：（０）、４：（１）".replace("、", "，"), [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("4:(1), 0:(0)", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ('"0":(-1), "max_f":(1)', [-1.0, -0.5, 0.0, 0.5, 1.0]),
        ("0:(0), max_f/2:(1)", [0.0, 0.5, 1.0, 1.0, 1.0]),
        ("2:(0.5)", [0.5] * 5),
        ("2:(0), 4:(1)", [0.0, 0.0, 0.0, 0.5, 1.0]),
        ("0:(0), 8:(1)", [0.0, 0.125, 0.25, 0.375, 0.5]),
        ("0:(t/max_f)", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("t/max_f", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("0:(t), 3:(min(t, 9) * 2)", [0, 1, 2, 6, 8]),
        ("0:(0), 2:(t)", [0.0, 1.0, 2.0, 3.0, 4.0]),
        ("0:(where(t == 2, 1, 0))", [0, 0, 1, 0, 0]),
        ("0:(s + t)", [0, 1, 2, 3, 4]),
    ],
)
def test_a_schedule_is_read_as_deforum_reads_it(text, expected):
    """Numbers go to the next key's value, arithmetic is worked out in each frame up to the next key."""
    assert values(text) == pytest.approx(expected, abs=0)


@pytest.mark.parametrize(
    "between, expected", [("linear", [0.0, 0.25, 0.5, 0.75, 1.0]), ("smooth", [0.0, 0.15625, 0.5, 0.84375, 1.0]),
                          ("step", [0.0, 0.0, 0.0, 0.0, 1.0])],
)  # fmt: skip
def test_between_two_numbers_it_goes_straight_or_smoothly_or_in_a_step(between, expected):
    """smooth: x^2 (3 - 2 x)."""
    assert values("0:(0), 4:(1)", between=between) == expected


def test_it_is_what_arithmetic_says_of_the_frame():
    wave = values("0:(0.5 + 0.2 * sin(2 * 3.14159 * t / 12))", frames=24)
    assert wave == [0.5 + 0.2 * math.sin(2 * 3.14159 * t / 12) for t in range(24)]


def test_a_seed_keeps_all_its_digits():
    first = 2**63 + 1
    assert values("0:(s + 2 * t)", seed=first, is_whole=True) == [first + d for d in (0, 2, 4, 6, 8)]
    assert values(f"0:({first}), 4:({first + 8})", is_whole=True) == [first + d for d in (0, 2, 4, 6, 8)]
    frames = plan(Settings(frames=4, seed_schedule="0:(s), 2:(s - 10)", values_between="step"), 5)
    assert [frame.seed for frame in frames] == [5, 5, 2**64 - 5, 2**64 - 5]


BAD = {
    "0:(1.2)": "1.2 in frame 0 is not allowed; it takes numbers from 0 to 1",
    "0:(t)": "2 in frame 2 is not allowed; it takes numbers from 0 to 1",
    "0:(0.5), 0:(0.6)": "'0:\\(0.6\\)' is not allowed; frame 0 has its value already",
    "0:(0.5": "'0:\\(0.5' is not allowed; its value is no arithmetic",
    "0:": "'0:' is not allowed; its value is no arithmetic",
    "x:(0.5)": "'x:\\(0.5\\)' is not allowed; its frame has \"x\"",
    "-1:(0.5)": "its frame is a whole number from 0",
    "1.5:(0.5)": "its frame is a whole number from 0",
    "0:(1/t)": "it divides by 0 at t = 0",
    "0:(open(1))": 'its value has "open", which is no function',
    "0:(u)": 'its value has "u", which is no variable; they are t, max_f, s, pi',
    "0:(0.5) 4:(1)": "is not allowed",
    "0.5, 0.6": "frame 0 has its value already",
}


@pytest.mark.parametrize("text", BAD)
def test_a_schedule_that_has_no_value_is_refused(text):
    with pytest.raises(SettingsError, match=f"^denoise_schedule: .*{BAD[text]}"):
        Settings(denoise_schedule=text)


def test_what_depends_on_the_seed_is_refused_where_the_seed_is_known():
    settings = Settings(denoise_schedule="0:(s / 10)")
    assert plan(settings, 5)[3].denoise == 0.5
    with pytest.raises(SettingsError, match="denoise_schedule: 2 in frame 0 is not allowed"):
        plan(settings, 20)


def test_two_ways_to_say_a_value_are_refused():
    with pytest.raises(SettingsError, match="denoise_schedule: it is not allowed together with denoise_sine"):
        Settings(denoise_schedule="0.5", denoise_sine=True)
    with pytest.raises(SettingsError, match="seed_schedule: it is not allowed together with node_seeds"):
        Settings(seed_schedule="s", node_seeds="KSampler Sequence")


def test_each_schedule_stands_in_the_place_of_its_field():
    settings = Settings(
        frames=5, denoise_start=0.9, denoise_schedule="0:(0), 4:(1)", cfg_schedule="0:(1), 4:(9)", inject_noise=True,
        noise_schedule="t/10", latent_interpolation="blend", interpolation_schedule="1 - t/10",
        mixing_reference="first frame", alpha_1_schedule="t", seed_schedule="7 + t % 2",
    )  # fmt: skip
    frames = plan(settings, 3)
    assert [frame.denoise for frame in frames] == [0.9, 0.25, 0.5, 0.75, 1.0]
    assert [frame.cfg for frame in frames] == [1.0, 3.0, 5.0, 7.0, 9.0]
    assert [frame.noise for frame in frames] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert [frame.interpolation_strength for frame in frames] == [1.0, 0.9, 0.8, 0.7, 0.6]
    assert [frame.alpha_1 for frame in frames] == [None, 1.0, 2.0, 3.0, 4.0]
    assert [frame.seed for frame in frames] == [7, 8, 7, 8, 7]


def test_the_nodes_slerp_has_the_strength_of_its_keyframe():
    frames = plan(
        Settings(frames=4, prompts="0: a\n2: b", conditioning_slerp=True, conditioning_slerp_schedule="0:(0), 4:(1)")
    )
    assert [frame.positive.weight for frame in frames] == [1.0, 0.0, 0.5, 0.0]


CONSTANT = {
    "denoise_schedule": ("denoise_seq", 0.4, {}),
    "noise_schedule": ("noise_strength", 0.3, {"inject_noise": True}),
    "interpolation_schedule": ("latent_interpolation_strength", 0.7, {"latent_interpolation": "slerp"}),
    "conditioning_slerp_schedule": (
        "conditioning_slerp_strength", 0.2, {"conditioning_slerp": True, "prompts": "0: a\n2: b"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("name", CONSTANT)
def test_a_constant_schedule_gives_the_frames_of_the_field_bit_by_bit(name, between):
    field, value, more = CONSTANT[name]
    same = Settings(frames=5, **more, **{field: value})
    for text in (f"0:({value}), 3:({value})", f"{value}"):
        scheduled = Settings(frames=5, values_between=between, **more, **{name: text})
        assert plan(scheduled, 3, "x") == plan(same, 3, "x")
    made = [Gaussian(), Gaussian()]
    for host, settings in zip(made, (same, scheduled)):
        run(host, settings, plan(settings, 3, "x"), None)
    assert all(torch.equal(made[0].emitted[k], made[1].emitted[k]) for k in range(5))


def test_constant_seeds_are_those_of_the_fixed_mode():
    assert plan(Settings(seed_schedule="s"), 9) == plan(Settings(seed_mode="fixed"), 9)


def test_without_schedules_a_plan_leaves_cfg_and_alpha_1_to_the_host():
    assert all(frame.cfg is None and frame.alpha_1 is None for frame in plan(Settings()))


def test_a_schedule_of_cfg_alone_changes_nothing_else():
    plain, scheduled = plan(Settings(), 3), plan(Settings(cfg_schedule="7"), 3)
    assert [dataclasses.replace(frame, cfg=None) for frame in scheduled] == plain


def test_the_overview_has_a_curve_for_each_schedule_and_says_which_have_no_use():
    shown = overview(Settings(frames=3, denoise_schedule="0:(0.2), 2:(0.6)", noise_schedule="0.1", cfg_schedule="5"))
    assert shown["curves"] == {
        "denoise_schedule": [1.0, pytest.approx(0.4), 0.6], "cfg_schedule": [5.0] * 3, "noise_schedule": [0.1] * 3,
    }  # fmt: skip
    assert shown["messages"] == ["Noise strength schedule has no use while Inject noise is off"]
    assert [row["cfg"] for row in shown["frames"]] == [5.0] * 3
    assert overview(Settings()) == {**overview(Settings()), "messages": [], "curves": {}}


def test_settings_with_schedules_go_through_a_picture_and_back():
    settings = Settings(denoise_schedule='0:(0.5), "max_f":(0.8)', values_between="smooth", seed_schedule="0:(s)")
    assert Settings.from_infotext(settings.to_infotext()) == settings
