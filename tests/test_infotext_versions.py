"""An old picture's parameters mean what they meant when it was made, whatever the defaults are today.

Whoever changes a default adds two lines: the old value to `versions` in the settings, the new one to RECORDED here.
"""

import json
from dataclasses import dataclass

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings
from itermix.settings import VERSION_KEY, Infotext, SettingsError, number
from itermix.upscale.settings import UpscaleSettings

MODELS = [MixingSettings, UpscaleSettings, SequenceSettings]
# The defaults of each version; of a later one, those that it changed or that came with a new field.
RECORDED = {
    MixingSettings: {
        1: {
            "enabled": False, "alpha_1": 0.02, "curve": "cosine", "blend": "low-pass", "hires_denoise": 1.0,
            "passes": "all", "start": 0.0, "stop": 1.0, "clamp": 1.0, "minimum": 0.0, "maximum": 1.0,
            "progress": "noise level", "noise": "shared", "timing": "start of step", "reference_scale": 0.0,
            "reference": "automatic", "reference_fit": "crop", "reference_image": None,
        },
        2: {
            "alpha_1": 0.5, "blend": "two bands", "hires_denoise": 0.7, "high_exponent": 3.0, "window": "fitted",
            "normalize": False, "mask": "none", "mask_image": None, "mask_softness": 0.0, "mask_invert": False,
            "mask_bands": "all frequencies", "rewind": False, "rewind_min": 0.5, "rewind_max": 0.8,
            "perlin": "off", "perlin_strength": 0.75, "perlin_scale": 10.0, "perlin_octaves": 4, "perlin_seed": 0,
            "hires_reference": "as upscaled", "hires_phases": 1, "hires_seed": -1,
            "unit": "shares of the run", "start_at": 0.0, "stop_at": 0.0,
        },
        3: {"hires_reference": "automatic"},
    },
    UpscaleSettings: {
        1: {
            "factor": 2.0, "upscaler": "Lanczos", "reference": "pixel", "phases": 0, "denoise": 0.7, "steps": 0,
            "seed": -1, "windows": "automatic", "window_size": 1024, "window_overlap": 0.25, "tiled_vae": False,
            "own_parameters": False, "keep_sizes": False,
        },
    },
    SequenceSettings: {
        1: {
            "frames": 12, "prompts": "", "negative_prompts": "", "keyframes": "numbered", "travel": "off",
            "conditioning_slerp": False, "conditioning_slerp_strength": 0.5, "latent_interpolation": "off",
            "latent_interpolation_strength": 0.5, "denoise_start": 1.0, "denoise_seq": 0.5, "denoise_sine": False,
            "denoise_max": 0.9, "unsample": False, "unsample_steps": 0, "inject_noise": False, "noise_strength": 0.1,
            "seed_mode": "increment", "alternate": False, "seed_keying": "off", "seed_divisor": 4,
            "node_seeds": "off", "mixing_reference": "off", "colour_anchor": 0.0, "video_format": "mp4", "fps": 12.0,
            "hold_first": 0, "hold_last": 0, "ping_pong": False, "finish_interrupted": True, "resume": False,
            "prompt_format": "itermix",
        },
        2: {
            "travel": "automatic", "prompt_format": "automatic", "pre_text": "", "append_text": "",
            "denoise_schedule": "", "cfg_schedule": "", "alpha_1_schedule": "", "noise_schedule": "",
            "interpolation_schedule": "", "conditioning_slerp_schedule": "", "seed_schedule": "",
            "values_between": "linear", "zoom_schedule": "", "pan_x_schedule": "", "pan_y_schedule": "",
            "rotation_schedule": "", "border_noise": 0.5, "close_loop": False,
        },
    },
}  # fmt: skip
# What each version wrote: text, and what is not at that version's default. Taken from pictures, never rewritten.
WRITTEN = {
    MixingSettings: [
        (1, '{"alpha_1": 0.02}', {}),
        (1, '{"alpha_1": 0.7, "blend": "slerp", "minimum": 0.1}', {"alpha_1": 0.7, "blend": "slerp", "minimum": 0.1}),
        (1, '{"alpha_1": 2.4, "curve": "cosine (node pack)", "timing": "end of step (node pack)"}',
         {"alpha_1": 2.4, "curve": "cosine (node pack)", "timing": "end of step (node pack)"}),
        (2, '{"alpha_1": 0.5, "version": 2}', {}),
        (2, '{"alpha_1": 0.3, "high_exponent": 2.0, "version": 2}', {"alpha_1": 0.3, "high_exponent": 2.0}),
        (3, '{"alpha_1": 0.5, "version": 3}', {}),
        (3, '{"alpha_1": 0.5, "hires_reference": "both", "version": 3}', {"hires_reference": "both"}),
    ],
    SequenceSettings: [
        (1, '{"frames": 12}', {}),
        (1, '{"frames": 2, "prompts": "0: a \\"cat\\", (sat:1.2)\\n1: b", "denoise_seq": 0.3, "video_format": "none"}',
         {"frames": 2, "prompts": '0: a "cat", (sat:1.2)\n1: b', "denoise_seq": 0.3, "video_format": "none"}),
        (2, '{"frames": 2, "prompts": "0: a\\n1: b", "version": 2}', {"frames": 2, "prompts": "0: a\n1: b"}),
    ],
}  # fmt: skip


def recorded(model, version):
    values = {}
    for past in sorted(RECORDED[model]):
        values |= RECORDED[model][past] if past <= version else {}
    return values


def rows(table):
    return [pytest.param(model, *row, id=f"{model.__name__}-{row[0]}") for model in table for row in table[model]]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_changed_default_comes_with_a_version(model):
    version, now = model.infotext().version, model.defaults()
    old = recorded(model, version)
    changed = {name: old[name] for name in old if now.get(name) != old[name]}
    assert not changed, f"defaults have changed; add to versions of {model.__name__}'s Infotext: {version}: {changed}"
    new = {name: value for name, value in now.items() if name not in old}
    assert not new, f"add to RECORDED[{model.__name__}][{version}]: {new}"


@pytest.mark.parametrize("model, version", [
    (model, version) for model in MODELS for version in range(1, model.infotext().version + 1)
])  # fmt: skip
def test_each_version_has_the_defaults_that_it_had(model, version):
    assert version in RECORDED[model], f"add to RECORDED[{model.__name__}]: {version}: its changed defaults"
    old = recorded(model, version)
    assert {name: model.defaults(version)[name] for name in old} == old
    if version < model.infotext().version:
        assert version in {written for written, _, _ in WRITTEN[model]}, f"add a text of version {version} to WRITTEN"


@pytest.mark.parametrize("model, version, text, values", rows(WRITTEN))
def test_what_a_version_wrote_is_read_as_it_was_meant(model, version, text, values):
    assert json.loads(text).get("version", 1) == version
    settings, messages = model.read_infotext(text)
    expected = {**recorded(model, version), **values, **model.infotext().never}
    assert {name: settings.to_dict()[name] for name in expected} == expected
    assert not messages


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_todays_defaults_are_left_out_and_the_version_is_named_from_the_second_on(model):
    version = model.infotext().version
    written = json.loads(model().to_infotext())
    assert set(written) == {*model.infotext().always, *(["version"] if version > 1 else [])}
    assert written.get("version", 1) == version


@dataclass(frozen=True)
class Third(MixingSettings):
    """As if defaults had changed twice: alpha_1 from 0.02 over 0.5 to 1, stop from 1 to 0.8."""

    alpha_1: float = number("alpha_1", 1.0, 0.0, 10.0, 0.01, "As it may be later.")
    stop: float = number("Stop", 0.8, 0.0, 1.0, 0.01, "As it may be later.")

    @classmethod
    def infotext(cls):
        return Infotext(("alpha_1",), {"enabled": True, "reference_image": None, "mask_image": None}, VERSIONS)


VERSIONS = {1: {"alpha_1": 0.02, "stop": 1.0}, 2: {"alpha_1": 0.5}}


@pytest.mark.parametrize("text, alpha_1, stop", [
    ("{}", 0.02, 1.0),
    ('{"version": 1}', 0.02, 1.0),
    ('{"version": 2}', 0.5, 0.8),
    ('{"version": 3}', 1.0, 0.8),
    ('{"alpha_1": 3}', 3.0, 1.0),
    ('{"alpha_1": 3, "stop": 0.6, "version": 2}', 3.0, 0.6),
])  # fmt: skip
def test_what_is_left_out_is_the_default_of_the_version_that_wrote_it(text, alpha_1, stop):
    settings, messages = Third.read_infotext(text)
    assert (settings.alpha_1, settings.stop, settings.enabled) == (alpha_1, stop, True)
    assert not messages


def test_a_later_version_writes_its_number_and_reads_itself():
    settings = Third(enabled=True, stop=0.5)
    assert json.loads(settings.to_infotext()) == {"alpha_1": 1.0, "stop": 0.5, "version": 3}
    assert Third.from_infotext(settings.to_infotext()) == settings


def test_an_old_default_that_is_chosen_today_is_written():
    assert json.loads(Third(stop=1.0).to_infotext()) == {"alpha_1": 1.0, "stop": 1.0, "version": 3}


def test_of_a_newer_version_what_is_known_is_used_and_the_rest_is_named():
    text = '{"alpha_1": 0.4, "tiles": 9, "blend": "wavelet", "clamp": 0.7, "version": 99}'
    settings, messages = MixingSettings.read_infotext(text)
    assert settings == MixingSettings(enabled=True, alpha_1=0.4, clamp=0.7)
    assert len(messages) == 3
    assert "newer itermix (version 99" in messages[0]
    assert "'tiles' is unknown here" in messages[1]
    assert messages[2].startswith("blend: 'wavelet' is not allowed; it takes one of")


def test_a_value_that_is_not_allowed_costs_that_field_alone():
    settings, messages = MixingSettings.read_infotext('{"alpha_1": 99, "clamp": 0.7, "version": 3}')
    assert settings == MixingSettings(enabled=True, clamp=0.7)
    assert messages == ["alpha_1: 99 is not allowed; it takes a number from 0 to 10"]


def test_pictures_and_switches_in_the_text_are_not_taken():
    text = '{"alpha_1": 1, "enabled": false, "reference_image": "aGVsbG8=", "version": 3}'
    settings, messages = MixingSettings.read_infotext(text)
    assert settings == MixingSettings(enabled=True, alpha_1=1.0) and len(messages) == 2
    assert SequenceSettings.from_infotext('{"frames": 3, "resume": true, "version": 2}') == SequenceSettings(frames=3)


@pytest.mark.parametrize("version", [0, -1, 1.5, "2", None, True, [], {}])
def test_a_version_that_is_none_is_refused(version):
    with pytest.raises(SettingsError, match="version: .* it takes a whole number from 1"):
        MixingSettings.read_infotext(json.dumps({"version": version}))


def test_values_that_contradict_each_other_are_refused():
    with pytest.raises(SettingsError, match="it must be below stop"):
        MixingSettings.read_infotext('{"alpha_1": 1, "start": 0.9, "stop": 0.2, "version": 99}')


def test_a_field_cannot_be_named_as_the_version_is():
    assert VERSION_KEY not in {field.name for model in MODELS for field in model.fields()}
