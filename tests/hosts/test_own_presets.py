"""The user's own presets by name in API requests."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.sequence.plan import plan, table
from itermix.sequence.settings import SequenceSettings
from tools.real_host import as_base64


@pytest.fixture
def presets(host):
    """The file of the host under test, which begins empty and ends so."""
    folder = getattr(host, "data", None) or Path(sys.modules["modules.paths"].data_path)
    file = folder / "itermix" / "presets.json"
    file.unlink(missing_ok=True)
    yield Presets(file, MixingSettings, "mixing")
    file.unlink(missing_ok=True)


def mixed(host, picture, **settings):
    host.arm(network="gaussian")  # the encoder's own random numbers are the same ones then
    return host.generate("img2img", mixing=settings, init_images=[as_base64(picture)], denoising_strength=1.0, steps=4)


def settings_in(infotext):
    value, _ = json.JSONDecoder().raw_decode(infotext.split(f"{MixingSettings.infotext_key}: ")[1])
    return MixingSettings.from_infotext(value)


def test_an_own_preset_by_name_is_its_settings(host, picture, presets):
    presets.save("mine", {"alpha_1": 2.5, "blend": "linear"})
    by_name, spelled_out = mixed(host, picture, preset="mine"), mixed(host, picture, alpha_1=2.5, blend="linear")
    assert by_name.same_as(spelled_out)
    assert settings_in(by_name.infotexts[0]) == MixingSettings(enabled=True, alpha_1=2.5, blend="linear")


def test_a_field_beside_an_own_preset_wins(host, picture, presets):
    presets.save("mine", {"alpha_1": 2.5, "blend": "linear"})
    assert settings_in(mixed(host, picture, preset="mine", alpha_1=1.5).infotexts[0]) == MixingSettings(
        enabled=True, alpha_1=1.5, blend="linear"
    )


def test_a_name_that_nobody_saved_is_refused_with_the_built_in_ones(host, picture, presets):
    made = mixed(host, picture, preset="mine")
    assert f"{MixingSettings.infotext_key}: " not in made.infotexts[0].split("Steps")[1]
    assert any("preset: 'mine' is not allowed" in line and '"Balanced"' in line for line in made.log)


def test_a_damaged_file_refuses_own_names_and_no_built_in_one(host, picture, presets):
    presets.file.parent.mkdir(exist_ok=True)
    presets.file.write_text("{")
    refused = mixed(host, picture, preset="mine")
    assert any("presets.json is damaged; correct it" in line for line in refused.log)
    assert settings_in(mixed(host, picture, preset="Creative").infotexts[0]) == MixingSettings.from_dict(
        {"preset": "Creative", "enabled": True}
    )


@pytest.mark.real_host
def test_the_routes_know_an_own_preset_by_name(host, presets):
    presets.save("mine", {"curve": "linear", "progress": "step"})
    Presets(presets.file, SequenceSettings, "sequence").save("ours", {"frames": 3, "denoise_seq": 0.3})
    schema = host.get("/itermix/v1/schema")
    assert schema["mixing"]["properties"]["preset"]["enum"] == [*MixingSettings.presets(), "mine"]
    assert schema["sequence"]["properties"]["preset"]["enum"] == ["Defaults", "ours"]
    weights = host.get(f"/itermix/v1/curve?steps=4&settings={quote(json.dumps({'preset': 'mine'}))}")["weights"]
    assert weights == [1.0, 0.75, 0.5, 0.25]
    frames = host.get(f"/itermix/v1/plan?seed=1&settings={quote(json.dumps({'preset': 'ours', 'frames': 2}))}")[
        "frames"
    ]
    assert frames == table(plan(SequenceSettings(frames=2, denoise_seq=0.3), 1))
