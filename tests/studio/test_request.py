"""What a run is asked for: checked once, before anything is loaded, and written down so that it can be repeated."""

import dataclasses

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.studio.errors import StudioError
from itermix.studio.request import SAMPLERS, Request, Resolved

REQUEST = Resolved(prompt="a", width=64, height=48, sampler="Euler", guidance=5.0)


@pytest.mark.parametrize("name, value, allowed", [
    ("width", -8, "a whole number from 0 to 8192"),
    ("height", 12, "a multiple of 8"),
    ("steps", 0, "a whole number from 1 to 1000"),
    ("steps", 2.0, "a whole number from 1 to 1000"),
    ("guidance", float("inf"), "a number from 0 to 100"),
    ("hires", 0.5, "a number from 1 to 16"),
    ("sampler", "Nobody", 'one of "automatic", "Euler", "Euler a", "DPM++ 2M", "Heun", "DDIM", "Flow Euler"'),
    ("schedule", "odd", 'one of "karras", "uniform"'),
    ("hires_upscaler", "none", 'one of "latent", "pixel", "both"'),
    ("hires_phases", 9, "a whole number from 0 to 8"),
])  # fmt: skip
def test_what_is_not_allowed_is_named_with_its_value(name, value, allowed):
    with pytest.raises(StudioError) as refused:
        Request(**{name: value})
    assert str(refused.value) == f"{name}: {str(value)!r} is not allowed; it takes {allowed}"


def test_phases_that_would_more_than_double_a_side_are_refused():
    with pytest.raises(StudioError, match=r"hires_phases: '2' is not allowed; it takes 0, 1, or as many .* for 4.5x"):
        Request(hires=4.5, hires_phases=2)
    for hires, phases in ((4.0, 2), (4.5, 0), (4.5, 1)):
        assert Request(hires=hires, hires_phases=phases).hires_phases == phases


@pytest.mark.parametrize("phases, text", [(1, None), (2, "Hires phases: 2"), (0, "Hires phases: automatic")])
def test_phases_are_in_the_infotext_where_there_is_more_than_one(phases, text):
    found = dataclasses.replace(REQUEST, hires=4.0, hires_phases=phases).infotext(0, (192, 256))
    assert text in found if text else "phases" not in found


def test_the_samplers_are_those_that_there_are():
    schedules = pytest.importorskip("itermix.studio.schedules")
    assert SAMPLERS == ("automatic", *schedules.SAMPLERS)
    assert [schedules.resolved("automatic", is_flow) for is_flow in (False, True)] == ["DPM++ 2M", "Flow Euler"]
    assert schedules.resolved("Heun", False) == "Heun"


def test_the_infotext_of_a_plain_run():
    assert REQUEST.infotext(7, (48, 64)) == (
        "a\nSteps: 20, Sampler: Euler, Schedule type: Karras, CFG scale: 5, Seed: 7, Size: 64x48"
    )


@pytest.mark.parametrize("name, value", [("width", 0), ("height", 0), ("guidance", 0.0), ("sampler", "automatic")])
def test_a_resolved_request_leaves_nothing_open(name, value):
    with pytest.raises(StudioError, match=f"^{name}: "):
        dataclasses.replace(REQUEST, **{name: value})


def test_a_models_name_that_would_end_the_value_is_quoted():
    assert REQUEST.infotext(0, (48, 64), 'a, "b"').endswith(', Model: "a, \\"b\\""')


@pytest.mark.parametrize("mixing, strength, steps", [
    (MixingSettings(), "0.7", 15),
    (MixingSettings(enabled=True, hires_denoise=0.9), "0.9", 19),
    (MixingSettings(enabled=True, passes="first pass"), "0.7", 15),
    (MixingSettings(enabled=True, hires_denoise=0.0), "0.7", 15),
])  # fmt: skip
def test_the_denoising_strength_is_the_one_that_is_taken(mixing, strength, steps):
    text = dataclasses.replace(REQUEST, hires=2.0, mixing=mixing).infotext(0, (96, 128))
    assert f"Denoising strength: {strength}, Hires upscale: 2, Hires upscaler: pixel, Hires steps: {steps}" in text
    assert (MixingSettings.infotext_key in text) == mixing.enabled


def test_mixings_own_hires_fields_win_where_they_name_something():
    run = dataclasses.replace(REQUEST, hires=4.0, seed=5, hires_upscaler="pixel", hires_phases=2)
    own = MixingSettings(enabled=True, hires_reference="both", hires_phases=0, hires_seed=70)
    found = dataclasses.replace(run, mixing=own)
    assert (found.effective_upscaler(), found.effective_phases(), found.hires_seed(6)) == ("both", 0, 71)
    for mixing in (MixingSettings(), MixingSettings(enabled=True), dataclasses.replace(own, passes="first pass")):
        found = dataclasses.replace(run, mixing=mixing)
        assert (found.effective_upscaler(), found.effective_phases(), found.hires_seed(6)) == ("pixel", 2, 6)
