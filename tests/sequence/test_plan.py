"""The plan: what each option does, where the nodes do something else than they say."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import itermix
from itermix.sequence.fields.latents import SEED_KEYINGS, SEED_MODES
from itermix.sequence.plan import overview, plan, table
from itermix.sequence.prompts import SPACINGS, numbered, read, spaced
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError
from tests.oracle_arrays import ORACLE

Settings = itermix.SequenceSettings
SEEDS = st.integers(0, 2**64 - 1)


def seeds(seed=100, **settings):
    return [frame.seed for frame in plan(Settings(**{"frames": 6, **settings}), seed)]


@pytest.mark.parametrize(
    "mode, expected",
    [
        ("increment", [100, 101, 102, 103, 104, 105]),
        ("decrement", [100, 99, 98, 97, 96, 95]),
        ("fixed", [100] * 6),
    ],
)
def test_the_seed_moves_once_per_frame(mode, expected):
    """The node "(v2)": 100, 102, 104."""
    assert seeds(seed_mode=mode) == expected


def test_seeds_wrap_at_both_ends():
    assert seeds(2**64 - 1, frames=3) == [2**64 - 1, 0, 1]
    assert seeds(1, frames=3, seed_mode="decrement") == [1, 0, 2**64 - 1]


def test_random_seeds_are_drawn_from_the_first_and_come_again():
    first, again, other = (seeds(seed, seed_mode="random") for seed in (5, 5, 6))
    assert first == again and first[0] == 5
    assert not set(first[1:]) & set(other[1:]) and len(set(first)) == 6


@pytest.mark.parametrize("seed", [0, 3, 99, 100])
def test_alternating_goes_between_two_seeds_whatever_the_first_one_is(seed):
    """The node's depends on whether 3 divides the first seed."""
    assert seeds(seed, alternate=True) == [seed, seed + 1] * 3


def test_sine_keying_gives_whole_seeds_around_the_first():
    """The node's are floats, which ancestral samplers refuse."""
    chosen = seeds(5000, seed_keying="sine", seed_divisor=4)
    assert chosen == [5000, 6000, 5000, 4000, 5000, 6000]
    assert all(type(seed) is int for seed in chosen)


def test_modulo_keying_takes_a_new_seed_where_the_divisor_divides_the_frame():
    assert seeds(seed_keying="modulo", seed_divisor=2) == [100, 100, 102, 100, 104, 100]


@given(
    seed=SEEDS,
    mode=st.sampled_from(SEED_MODES),
    keying=st.sampled_from(SEED_KEYINGS),
    alternate=st.booleans(),
    divisor=st.integers(2, 1024),
)
def test_every_seed_is_a_whole_number_of_64_bits(seed, mode, keying, alternate, divisor):
    for node in ("off", "KSampler Sequence (v2)"):
        chosen = seeds(
            seed, seed_mode=mode, seed_keying=keying, alternate=alternate, seed_divisor=divisor, node_seeds=node
        )
        assert all(type(value) is int and 0 <= value < 2**64 for value in chosen)


def test_prompts_carry_on_and_frame_0_has_the_hosts():
    frames = plan(Settings(frames=6, prompts="2: a\n4: b", negative_prompts="3: n", travel="off"), 0, "own", "none")
    assert [str(frame.positive) for frame in frames] == ["own", "own", "a", "a", "b", "b"]
    assert [str(frame.negative) for frame in frames] == ["none"] * 3 + ["n"] * 3
    assert [frame.keyframe for frame in frames] == [True, False, True, True, True, False]


@pytest.mark.parametrize("method", ["slerp", "linear"])
def test_travel_arrives_at_the_keyframe(method):
    frames = plan(Settings(frames=6, prompts="0: a\n4: b", travel=method))
    assert [frame.positive.weight for frame in frames] == [1.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert [frame.positive.prompts for frame in frames] == [("a",), *[("a", "b")] * 3, ("b",), ("b",)]


def test_between_two_keyframes_it_travels_unless_the_nodes_frames_are_asked_for():
    keyed = dict(frames=6, prompts="0: a\n4: b")
    assert plan(Settings(**keyed)) == plan(Settings(**keyed, travel="slerp"))
    for asked in ({"conditioning_slerp": True}, {"node_seeds": "KSampler Sequence"}):
        assert plan(Settings(**keyed, **asked)) == plan(Settings(**keyed, **asked, travel="off"))
    assert plan(Settings(frames=6, prompts="0: a")) == plan(Settings(frames=6, prompts="0: a", travel="off"))


def test_a_picture_from_before_travel_was_the_default_does_not_travel():
    old = Settings.from_infotext('{"frames": 6, "prompts": "0: a\\n4: b"}')
    assert old.travel == "off" and [str(frame.positive) for frame in plan(old)] == ["a"] * 4 + ["b"] * 2


def test_the_nodes_conditioning_slerp_is_one_step_at_each_keyframe():
    frames = plan(Settings(frames=4, prompts="0: a\n2: b", conditioning_slerp=True, conditioning_slerp_strength=0.3))
    assert [frame.positive.weight for frame in frames] == [1.0, 0.0, 0.3, 0.0]


def test_denoise_sine_swings_between_its_ends():
    frames = plan(Settings(frames=8, denoise_sine=True, denoise_seq=0.4, denoise_max=0.8))
    assert [frame.denoise for frame in frames][:7:2] == pytest.approx([1.0, 0.8, 0.6, 0.4])


def test_the_first_frame_is_neither_unsampled_nor_noised_nor_interpolated():
    frames = plan(Settings(frames=2, unsample=True, inject_noise=True, latent_interpolation="slerp"))
    assert [frame.unsample_steps for frame in frames] == [None, 0]
    assert [frame.noise for frame in frames] == [0.0, 0.1]
    assert [frame.interpolation for frame in frames] == ["off", "slerp"]


def test_the_table_is_plain_json_of_one_row_for_each_frame():
    rows = table(plan(Settings(frames=3, prompts="0: a\n2: b", travel="slerp", latent_interpolation="blend"), 7))
    assert json.loads(json.dumps(rows)) == rows
    assert [row["prompt"] for row in rows] == ["a", "a -> b (50%)", "b"]
    assert [row["interpolation"] for row in rows] == ["off", "blend 0.5", "blend 0.5"]
    assert [row["seed"] for row in rows] == [7, 8, 9]


BAD = [
    ("0: a\n0: b", "prompts, line 2: '0: b' .* frame 0 has its prompt in line 1"),
    ("0: a\n# remark\n12: b", "prompts, line 3: .* the last of 12 frames is 11"),
    ("0: a\nx: b", 'prompts, line 2: .* "x" is no frame number'),
    ("-1: a", 'line 1: .* "-1" is no frame number'),
    ("1.5: a", 'line 1: .* "1.5" is no frame number'),
    ("²: a", "line 1: .* is no frame number"),
    ("99999999999999999999: a", "is no frame number"),
    ("0:\n3: b", "line 1: '0:' .* frame 0 has no prompt"),
    ("a rose", "line 1: 'a rose' .* begins with its frame number"),
    ("16:9 picture", "line 1: '16:9 picture' .* its frame number, a colon and a blank"),
    ("0: a\n  12：b", "prompts, line 2: .* the last of 12 frames is 11"),
]


@pytest.mark.parametrize("text, message", BAD)
def test_a_bad_table_is_refused_with_its_line(text, message):
    with pytest.raises(SettingsError, match=message):
        Settings(prompts=text)


def test_the_negative_table_is_named_and_may_be_empty_at_a_frame():
    with pytest.raises(SettingsError, match="negative_prompts, line 2"):
        Settings(negative_prompts="0: a\n0: b")
    assert str(plan(Settings(negative_prompts="0: a\n3:"))[5].negative) == ""


def test_bodies_go_over_lines_with_remarks_left_out():
    text = "# a table\n0: a rose,\n   red: very\nin bloom <lora:x:1> (soft:1.2)\n\n# then\n3: b"
    frames = plan(Settings(prompts=text))
    assert str(frames[0].positive) == "a rose,\nred: very\nin bloom <lora:x:1> (soft:1.2)"
    assert str(frames[3].positive) == "b"


KEYFRAMES = {
    "indented": ("0: a\n   8: a fox", {0: "a", 8: "a fox"}),
    "by a tab": ("0: a\n\t8:\ta fox", {0: "a", 8: "a fox"}),
    "full-width colon": ("0：ねこ\n8： きつね", {0: "ねこ", 8: "きつね"}),
    "full-width digits": ("０: a\n８：a fox", {0: "a", 8: "a fox"}),
    "a ratio": ("0: a fox\n16:9 picture, 4:3", {0: "a fox\n16:9 picture, 4:3"}),
    "an indented ratio": ("0: a fox\n  16:9", {0: "a fox\n16:9"}),
    "a ratio with a full-width colon": ("0: a fox\n16：9", {0: "a fox\n16：9"}),
    "a ratio behind its keyframe": ("0: 16:9 picture", {0: "16:9 picture"}),
    "digits that begin a word": ("0: a\n8:1girl\n9:3人", {0: "a", 8: "1girl", 9: "3人"}),
    "no blanks": ("0:a\n8:a fox", {0: "a", 8: "a fox"}),
    "a byte order mark": ("\ufeff0: a\n8: a fox", {0: "a", 8: "a fox"}),
    "prose with a full-width colon": ("0: 絵\n注意：明るい", {0: "絵\n注意：明るい"}),
}


@pytest.mark.parametrize("text, expected", KEYFRAMES.values(), ids=KEYFRAMES)
def test_keyframes_are_read_as_people_type_them(text, expected):
    assert numbered("prompts", text, 20) == expected
    rows = table(plan(Settings(frames=20, prompts=text)))
    assert [row["frame"] for row in rows if row["keyframe"]] == list(expected)


def test_a_list_may_begin_with_a_byte_order_mark():
    assert read("\ufeffa\nb", "", "linear", 4) == ({0: "a", 2: "b"}, {})


def test_more_prompts_than_frames_are_refused():
    with pytest.raises(SettingsError, match="3 prompts are not allowed in 2 frames"):
        Settings(frames=2, prompts="a\nb\nc", keyframes="linear")


def test_a_shorter_negative_list_changes_together_with_the_prompts_and_stays():
    settings = Settings(frames=6, prompts="a\nb\nc", negative_prompts="m\nn", keyframes="linear", travel="off")
    frames = plan(settings)
    assert "".join(str(frame.positive) for frame in frames) == "aabbcc"
    assert "".join(str(frame.negative) for frame in frames) == "mmnnnn"


@given(st.sampled_from(SPACINGS[1:]), st.integers(1, 1024), st.data())
def test_every_spacing_begins_at_0_and_gives_each_prompt_its_frames(spacing, frames, data):
    """The node's leave the first prompt out, give indices instead of frames, or go below 0."""
    count = data.draw(st.integers(1, min(frames, 64)))
    starts = spaced(spacing, frames, count)
    assert len(starts) == count and starts[0] == 0 and starts[-1] < frames
    assert all(a < b for a, b in pairwise(starts))


def test_spacings_are_short_and_long_where_they_say():
    def lengths(spacing):
        starts = [*spaced(spacing, 120, 6), 120]
        return [b - a for a, b in pairwise(starts)]

    sinus, inverted = lengths("sinus"), lengths("sinus inverted")
    assert sinus[0] < sinus[2] > sinus[-1] and inverted[0] > inverted[2] < inverted[-1]
    assert lengths("linear") == [20] * 6
    half = lengths("half sinus")
    assert half[1:] == sorted(half[1:], reverse=True) and lengths("half sinus inverted") == half[::-1]


def test_linear_and_half_sinus_are_the_nodes_keyframes():
    """A prompt's keyframe there is where it ends; where two fall together, or on frame 0, a prompt is never seen."""
    rows = json.loads((ORACLE / "sequence_keyframes.json").read_text())["rows"]
    names = {"linear": "linear", "half_sinus": "half sinus"}
    compared = 0
    for row in rows:
        keys = row.get("keyframes")
        if row["type"] in names and keys and keys[0] > 0 and all(a < b for a, b in pairwise(keys)):
            starts = spaced(names[row["type"]], row["frame_count"], row["conditionings"])
            assert starts == [0, *keys[:-1]], row
            compared += 1
    assert compared >= 30


def test_two_ways_of_moving_the_conditioning_are_refused():
    with pytest.raises(SettingsError, match='travel: "slerp" is not allowed together with conditioning_slerp'):
        Settings(travel="slerp", conditioning_slerp=True)


@pytest.mark.parametrize("value", [0, 1025, 1.5, True, "12", float("nan"), float("inf")])
def test_impossible_numbers_of_frames_are_refused(value):
    with pytest.raises(SettingsError, match="frames: .* a whole number from 1 to 1024"):
        Settings(frames=value)


def test_infotext_gives_equal_settings_back():
    settings = Settings(frames=30, prompts="0: a,\n b: c\n5: d", travel="linear", seed_divisor=7, fps=24)
    assert Settings.from_infotext(settings.to_infotext()) == settings
    assert json.loads(Settings().to_infotext()) == {"frames": 12, "version": 2}
    assert "resume" not in Settings(resume=True).to_infotext()


@given(st.data())
def test_settings_go_through_a_dict_and_back(data):
    values = {}
    for field in Settings.fields():
        if field.kind == "choice" and field.name not in ("travel", "seed_keying"):
            values[field.name] = data.draw(st.sampled_from(field.choices))
        elif field.kind == "integer":
            values[field.name] = data.draw(st.integers(int(field.minimum), int(field.maximum)))
    settings = Settings.from_dict(values)
    assert Settings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_planning_imports_no_torch():
    code = "import sys, itermix.sequence.plan, itermix.commands.plan; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_what_looks_like_a_keyframe_and_is_read_as_prompt_is_said_in_the_plan():
    text = "0: a fox\n16:9 picture\n 8:2 cats\n8: a wolf\n9:1girl"
    shown = overview(SequenceSettings(frames=10, prompts=text))
    assert [row["frame"] for row in shown["frames"] if row["keyframe"]] == [0, 8, 9]
    read_as = "is read as prompt; a frame number has a blank behind its colon"
    assert shown["messages"] == [f"prompts, line 2: '16:9 picture' {read_as}", f"prompts, line 3: '8:2 cats' {read_as}"]
