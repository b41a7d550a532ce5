"""A whole settings file of Deforum's in the place of the prompts: what is read and left out, and that it is said."""

import json

import pytest

from itermix.sequence.plan import Move, overview, plan
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError

Settings = SequenceSettings
# In the form that the extension saves, with most of what does nothing.
FILE = {
    "W": 512, "H": 256, "seed": 7, "sampler": "Euler a", "steps": 25, "seed_behavior": "iter", "use_init": False,
    "strength": 0.8, "prompts": {"0": "a hare --neg blurry", "4": "a hat"}, "animation_prompts_positive": "",
    "animation_prompts_negative": "", "animation_mode": "2D", "max_frames": 120, "border": "replicate",
    "angle": "0: (0), 7: (14)", "zoom": "0: (1.0025+0.002*sin(1.25*3.14*t/30))", "translation_x": "0: (5.12)",
    "translation_y": "0: (-2.56)", "translation_z": "0: (1.75)", "transform_center_x": "0: (0.5)",
    "rotation_3d_x": "0: (0)", "enable_perspective_flip": False, "noise_schedule": "0: (0)",
    "strength_schedule": "0: (0.65), 7: (0.3)", "contrast_schedule": "0: (1.0)", "cfg_scale_schedule": "0: (7)",
    "enable_steps_scheduling": False, "steps_schedule": "0: (25)",
    "seed_schedule": '0:(s), 1:(-1), "max_f-2":(-1), "max_f-1":(s)', "color_coherence": "None",
    "diffusion_cadence": 1, "hybrid_motion": "None", "cn_1_enabled": False, "cn_1_weight": "0:(1)", "fps": 15,
    "init_images": '{\n    "0": "a.png"\n}',
}  # fmt: skip


def text(**changed):
    return json.dumps({**FILE, **changed}, indent=4)


def settings(frames=8, prompts=None, more=None, **changed):
    return Settings(frames=frames, prompts=prompts or text(**changed), **(more or {}))


def messages(*args, **changed):
    return overview(settings(*args, **changed), 5)["messages"]


def test_its_prompts_are_read_as_those_of_deforum():
    frames = plan(settings(), 5)
    assert [str(frame.positive) for frame in frames] == ["a hare"] * 4 + ["a hat"] * 4
    assert [str(frame.negative) for frame in frames] == ["blurry"] * 4 + [""] * 4


def test_its_own_texts_go_around_each_prompt_as_deforum_puts_them():
    frames = plan(settings(animation_prompts_positive="photo of", animation_prompts_negative="--neg ugly"), 5)
    assert [str(frames[k].positive) for k in (0, 4)] == ["photo of a hare", "photo of a hat"]
    assert [str(frames[k].negative) for k in (0, 4)] == ["blurry ugly", "ugly"]


def test_schedules_with_a_meaning_here_are_read():
    """Strength is what stays; translations are in pixels of its own size."""
    frames = plan(settings(), 5)
    assert [frame.denoise for frame in frames[1:]] == pytest.approx([0.35 + 0.05 * k for k in range(1, 8)])
    assert [frame.cfg for frame in frames] == [7.0] * 8
    assert [frame.move.rotation for frame in frames] == pytest.approx([0, 2, 4, 6, 8, 10, 12, 14])
    assert [frame.move.pan_x for frame in frames[1:]] == pytest.approx([0.01] * 7)
    assert [frame.move.pan_y for frame in frames[1:]] == pytest.approx([-0.01] * 7)
    assert all(1.0025 <= frame.move.zoom <= 1.0045 for frame in frames[1:])
    assert frames[0].move == Move()
    assert [frame.seed for frame in frames] == list(range(5, 13))


def test_a_schedule_of_seeds_counts_where_the_file_says_so():
    frames = plan(settings(seed_behavior="schedule", seed_schedule="0:(s), 4:(s+9)"), 5)
    assert [frames[k].seed for k in (0, 4, 7)] == [5, 14, 14]


def test_the_plan_says_what_is_read_and_what_is_to_be_set_by_hand():
    assert messages() == [
        "Prompts are read as those of Deforum",
        "Of Deforum's settings are read: prompts, cfg_scale_schedule, strength_schedule (denoise is 1 less it), zoom, "
        "angle, translation_x, translation_y",
        "Not taken over, set here by hand: max_frames 120, W 512, H 256, steps 25, sampler Euler a, seed 7, "
        "seed_behavior iter, fps 15",
    ]


LEFT_OUT = {
    "noise_schedule": ({"noise_schedule": "0: (0.065)"}, "noise_schedule"),
    "contrast": ({"contrast_schedule": "0: (0.95)"}, "contrast_schedule"),
    "colours": ({"color_coherence": "LAB"}, "color_coherence"),
    "cadence": ({"diffusion_cadence": 2}, "diffusion_cadence"),
    "a switched schedule": ({"enable_steps_scheduling": True}, "steps_schedule"),
    "ControlNet": ({"cn_1_enabled": True}, "cn_1_enabled"),
    "another centre": ({"transform_center_x": "0: (0.25)"}, "transform_center_x"),
    "no size to divide by": ({"W": None}, "translation_x"),
    "3D": (
        {"animation_mode": "3D", "rotation_3d_x": "0: (t)"},
        "the camera of animation_mode 3D, translation_z, rotation_3d_x",
    ),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_the_plan_names_what_would_have_done_something_and_is_left_out(case):
    changed, named = LEFT_OUT[case]
    assert f"Left out of them: {named}" in messages(**changed)


def test_in_three_dimensions_the_camera_is_left_out():
    assert all(frame.move == Move() for frame in plan(settings(animation_mode="3D"), 5))


def test_a_field_of_the_users_own_wins_and_the_plan_says_so():
    own = {"zoom_schedule": "1.5", "denoise_schedule": "0.2"}
    assert plan(settings(more=own), 5)[3].move.zoom == 1.5
    assert plan(settings(more=own), 5)[3].denoise == 0.2
    assert "Left out of them: strength_schedule, zoom" in messages(more=own)
    swings = {"denoise_sine": True}
    assert plan(settings(more=swings), 5) != plan(settings(), 5)
    assert "Left out of them: strength_schedule" in messages(more=swings)


def test_a_constant_file_makes_the_frames_of_the_plain_fields():
    still = dict(zoom="0: (1)", angle="0: (0)", translation_x="0: (0)", translation_y="0: (0)")
    file = settings(**still, strength_schedule="0: (0.5)", cfg_scale_schedule="0: (7)")
    plain = Settings(frames=8, prompts=json.dumps(FILE["prompts"]), denoise_seq=0.5, cfg_schedule="7")
    assert plan(file, 5) == plan(plain, 5)


@pytest.mark.parametrize("spelt", ["\ufeff{}", "\r\n{}\r\n"])
def test_marks_and_line_ends_of_other_editors_are_read(spelt):
    assert plan(settings(prompts=spelt.format(text().replace("\n", "\r\n"))), 5) == plan(settings(), 5)


BROKEN = {
    "no JSON": (text() + "}", "prompts, line [0-9]+: Deforum's settings are not JSON: Extra data"),
    "a comma too much": (text().replace("15,", "15,,"), "prompts, line 39: Deforum's settings are not JSON"),
    "no prompts": (json.dumps({"max_frames": 3, "zoom": "0:(1)"}), 'Deforum\'s settings have no "prompts"'),
    "a strength above 1": (
        text(strength_schedule="0: (1.5)"), "prompts, strength_schedule: 1.5 in frame 0 .* from 0 to 1",
    ),
    "a zoom of 0": (text(zoom="0: (0)"), "prompts, zoom: 0 in frame 0 .* from 0.5 to 2"),
    "a pan beyond the picture": (text(translation_x="0: (600)"), "translation_x: 600 in frame 0 .* from -512 to 512"),
    "no arithmetic": (text(angle="0: (open(1))"), 'prompts, angle: .* has "open", which is no function'),
    "a prompt twice": (
        text(prompts={"0": "a", "max_f*0": "b"}), "prompts, line 1[0-9]: 'max_f\\*0' is not allowed; frame 0 has its",
    ),
    "no prompt at all": (text(prompts={}), "there is no keyframe"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_read_is_refused_by_its_line_or_its_name(case):
    broken, message = BROKEN[case]
    with pytest.raises(SettingsError, match=message):
        settings(prompts=broken)


def test_it_goes_through_a_picture_and_back():
    given = settings()
    assert Settings.from_infotext(given.to_infotext()) == given


def test_a_prompt_that_only_speaks_of_frames_is_no_settings_file():
    frames = plan(Settings(frames=3, prompts='{"0": "a sign that says max_frames: 3"}'), 5)
    assert str(frames[0].positive) == "a sign that says max_frames: 3"


@pytest.mark.parametrize("key", ["W", "diffusion_cadence", "zoom", "seed", "translation_x"])
@pytest.mark.parametrize("number", [10**400, -(10**400), 10**299], ids=["large", "negative", "the largest"])
def test_a_number_beyond_all_bounds_is_one_like_another(key, number):
    """A file from anywhere: the plan is a list of frames or a message, and no error of the server."""
    assert [frame.seed for frame in plan(settings(**{key: number}), 5)] == [frame.seed for frame in plan(settings(), 5)]
    said = " ".join(messages(**{key: number}))
    assert f"{key} " in said or f"{key}, " in said or said.endswith(key)
