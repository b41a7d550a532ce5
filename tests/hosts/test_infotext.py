"""From the page's fields into a picture and back to the fields; through a real WebUI's own code where there is one."""

from __future__ import annotations

import base64
import io
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image, PngImagePlugin

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings
from tests import infotext_of_host
from tests.strategies import mixing_values, sequence_values

HIRES = dict(enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.5)
OTHER = {"Steps": 6, "Sampler": "Euler", "CFG scale": 7, "Seed": 1, "Size": "64x64"}
RANDOM = dict(max_examples=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])


def as_on_the_page(model, values):
    """What gradio hands over, in the order of the fields: a slider at a whole number gives an int."""
    ordered = [values[field.name] for field in model.fields()]
    return tuple(int(value) if isinstance(value, float) and value.is_integer() else value for value in ordered)


def picture_of(text):
    """A PNG with these parameters, as base64."""
    buffer, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add_text("parameters", text)
    Image.new("RGB", (1, 1)).save(buffer, "PNG", pnginfo=info)
    return base64.b64encode(buffer.getvalue()).decode()


def carried(host, key, value):
    """The parameters that a host reads from a picture with ours among its own."""
    text = infotext_of_host.written({**OTHER, key: value, "Version": "v1.10.1"})
    found = infotext_of_host.parsed(text)
    if os.environ.get("ITERMIX_HOST"):
        assert host.post("/sdapi/v1/png-info", {"image": picture_of(text)})["parameters"][key] == found[key]
    return found


def pasted(model, params):
    """What each field is set to, by name."""
    from itermix.webui import infotext

    names = [field.name for field in model.fields()]
    return {name: reader(params) for name, reader in infotext.fields(dict(zip(names, names)), model)}


@pytest.fixture(scope="module", autouse=True)
def importable():
    from tests.webui import fake_modules

    fake_modules.install()  # the extension's own code runs in this process, also beside a real host


@settings(**RANDOM)
@given(mixing_values())
def test_the_accordions_fields_come_back_from_a_picture(host, values):
    from itermix.webui.mixing import arguments

    pictures = {"reference_image": None, "mask_image": None}
    shown = {**values, "enabled": True, **pictures}
    made = arguments.read(as_on_the_page(MixingSettings, shown), {}, arguments.Handed()).settings
    expected = {name: value for name, value in shown.items() if name not in pictures}
    assert pasted(MixingSettings, carried(host, MixingSettings.infotext_key, made.to_infotext())) == expected


@settings(**RANDOM)
@given(sequence_values())
def test_the_fields_of_a_sequence_come_back_from_a_picture(host, values):
    from itermix.webui.sequence.arguments import settings_of

    made = settings_of(as_on_the_page(SequenceSettings, values))
    found = carried(host, SequenceSettings.infotext_key, made.to_infotext())
    assert pasted(SequenceSettings, found) == {**values, "resume": False}


@pytest.mark.parametrize("model", [MixingSettings, SequenceSettings])
def test_a_picture_without_our_key_resets_every_field(model):
    expected = {field.name: field.default for field in model.fields() if field.kind != "image"}
    assert pasted(model, infotext_of_host.parsed(infotext_of_host.written(OTHER))) == expected


@pytest.fixture
def said(caplog):
    """What itermix has logged."""
    from itermix.webui.log import log

    log.addHandler(caplog.handler)
    yield lambda: [record.getMessage() for record in caplog.records]
    log.removeHandler(caplog.handler)


@pytest.mark.parametrize("text", ["", "nonsense", "{", "[]", '{"version": "new"}', '{"start": 0.9, "stop": 0.1}'])
def test_a_damaged_value_resets_every_field_and_is_said_once(text, said):
    found = pasted(MixingSettings, {MixingSettings.infotext_key: text})
    assert found == {field.name: field.default for field in MixingSettings.fields() if field.kind != "image"}
    assert [message.split(": ")[1] for message in said()] == ["none of them are used"]


def test_what_a_newer_itermix_wrote_is_used_as_far_as_it_is_known_and_said(said):
    found = pasted(MixingSettings, {MixingSettings.infotext_key: '{"alpha_1": 0.4, "tiles": 2, "version": 99}'})
    assert found["alpha_1"] == 0.4 and found["enabled"] is True
    newer, unknown = said()
    assert "newer itermix" in newer and "'tiles'" in unknown


@pytest.mark.real_host
def test_a_pictures_infotext_in_a_request_makes_the_same_picture(host):
    host.arm(network="gaussian")
    # A1111 does not understand its own "Use same sampler" here, and Forge Neo adds "Use same scheduler".
    body = {**HIRES, "hr_sampler_name": "Euler", "hr_scheduler": "Automatic"}
    settings = {"enabled": True, "alpha_1": 0.7, "blend": "slerp", "minimum": 0.1, "hires_denoise": 0.8}
    made = host.generate(mixing=settings, **body)
    again = host.generate(infotext=made.infotexts[0], styles=[], **body)
    assert again.same_as(made) and again.infotexts == made.infotexts
    newer = made.infotexts[0].replace('\\"version\\": 3', '\\"tiles\\": 2, \\"version\\": 99')
    assert newer != made.infotexts[0]
    later = host.generate(infotext=newer, styles=[], **body)
    assert later.same_as(made) and json.dumps("tiles").strip('"') in " ".join(later.log)
