"""Iterative Upscale on a real WebUI, in both tabs: sizes, references, samplers, windows, interrupts, plots."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from itermix.upscale.settings import UpscaleSettings
from tests.hosts.plots import plot
from tests.hosts.sampled import each
from tests.hosts.test_generation import low_band_correlation
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host
KEY = "Iterative Upscale"
TABS = ("txt2img", "img2img")


@pytest.fixture(autouse=True)
def quick(host, disarmed):
    host.arm(network="gaussian")


@pytest.fixture
def enlarged(host, picture):
    def run(tab="img2img", mixing=None, body=None, **settings):
        asked = {"init_images": [as_base64(picture)], "denoising_strength": 0.3} if tab == "img2img" else {}
        return host.generate(tab, mixing, script_name=KEY, script_args=[settings], **{**asked, **(body or {})})

    return run


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("reference", ["latent", "pixel", "both"])
def test_four_times_is_two_phases_from_every_reference(enlarged, tab, reference):
    made = enlarged(tab, factor=4, reference=reference)
    assert made.pictures[0].shape == (256, 256, 3)
    assert [line.split(":")[0] for line in made.log] == ["phase 1 of 2", "phase 2 of 2"]
    assert all(f"reference: upscaled picture, {reference}, mixed" in line for line in made.log)


def test_a_phase_holds_the_shapes_of_what_it_enlarges(host, enlarged):
    """Of latents, as the VAE of a test's model shows nothing. The denoiser knows nothing of the picture."""
    host.arm(denoiser="unit")
    likeness = []
    for mixing in ({"alpha_1": 0.02, "blend": "low-pass"}, {"maximum": 0.0}):
        enlarged(factor=4, steps=10, denoise=1.0, mixing={"enabled": True, **mixing})
        trace = host.trace()
        likeness.append(low_band_correlation(trace["final"], trace["z_ref"]))
    held, free = likeness
    assert held > 0.95 and held > free


@pytest.mark.parametrize("tab", TABS)
def test_the_same_again_is_the_same_and_without_the_script_nothing_is_left(host, enlarged, picture, tab):
    body = {"init_images": [as_base64(picture)]} if tab == "img2img" else {}
    plain = host.generate(tab, **body)
    first = enlarged(tab, factor=4, reference="both")
    assert enlarged(tab, factor=4, reference="both").same_as(first)
    assert host.generate(tab, **body).same_as(plain)


def test_every_sampler_goes_in_phases(host, enlarged):
    refused = ("is not known to itermix", "is for flow models", "is wrong for flow models")

    def check(name):
        made = enlarged("txt2img", factor=4, steps=4, body={"sampler_name": name, "steps": 4})
        assert made.pictures[0].shape == (256, 256, 3), made.pictures[0].shape
        assert len(made.log) == 2, made.log
        for line in made.log:
            assert ", mixed " in line or any(reason in line for reason in refused), line

    each([sampler["name"] for sampler in host.get("/sdapi/v1/samplers")], check)


@pytest.mark.parametrize("how", ["interrupt", "skip"])
@pytest.mark.parametrize("tab, passes", [("txt2img", 2), ("img2img", 1)])
def test_interrupted_in_phase_2_it_keeps_phase_1(host, enlarged, tab, passes, how):
    host.post("/itermix-probe/disturb", {"how": how, "evaluation": 1, "passes": passes})
    made = enlarged(tab, factor=4)
    assert made.pictures[0].shape == (128, 128, 3)
    assert any("stopped in phase 2 of 2; phase 1 is kept" in line for line in made.log)
    assert enlarged(tab, factor=4).pictures[0].shape == (256, 256, 3)


def test_a_batch_has_the_pictures_of_its_seeds_alone(enlarged):
    """From latents: pixels are rounded to 8 bits between phases, which makes more of a batch's last bits."""
    batch = enlarged("txt2img", factor=4, reference="latent", body={"batch_size": 2})
    alone = enlarged("txt2img", factor=4, reference="latent", body={"seed": 2})
    assert batch.same_as_picture(alone.pictures[0])


@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "DPM++ 2M"])
def test_in_windows_the_picture_is_made_of_parts(enlarged, sampler):
    """256 x 256 pixels in windows of 256 are whole, in windows of a larger picture are not."""
    body = {"sampler_name": sampler}
    whole = enlarged(factor=8, phases=1, windows="off", body=body)
    parts = enlarged(factor=8, phases=1, windows="on", window_size=256, body=body)
    assert parts.pictures[0].shape == whole.pictures[0].shape == (512, 512, 3)
    assert not parts.same_as(whole) and np.isfinite(parts.pictures[0]).all()
    assert largest_step_across(parts.pictures[0]) <= 1.5 * largest_step_across(whole.pictures[0])


def largest_step_across(picture):
    """Of the mean differences of neighbouring rows, and columns: a seam would stand out."""
    values = picture.astype(float).mean(-1)
    return max(np.abs(np.diff(values, axis=axis)).mean(1 - axis).max() for axis in (0, 1))


@pytest.mark.parametrize("field, values", [("Phases", "0, 2, 3"), ("Enlarge by (times)", "2, 3, 4")])
def test_a_plot_over_the_scripts_fields_has_the_pictures_of_its_values(host, enlarged, field, values):
    grid = plot(host, (f"[{KEY}] {field}", values))
    name = {"Phases": "phases", "Enlarge by (times)": "factor"}[field]
    cells = [int(value) for value in values.split(",")]
    alone = [enlarged("txt2img", **{name: value}) for value in cells]
    for one, cell in zip(alone, grid.pictures[1:]):
        assert np.array_equal(one.pictures[0], cell)


def test_intermediate_sizes_come_behind_the_pictures(enlarged):
    made = enlarged("txt2img", factor=4, keep_sizes=True, body={"n_iter": 2, "do_not_save_grid": True})
    sizes = [picture.shape[0] for picture in made.pictures]
    assert sizes[-2:] == [128, 128] and sizes.count(256) == 2


def test_prompt_and_seed_are_read_from_the_picture(host, enlarged):
    source = host.generate(prompt="a blue fish", negative_prompt="red", seed=1234)
    body = {"init_images": [source_text(source)]}
    made = enlarged(factor=2, own_parameters=True, body=body)
    assert made.infotexts[0].startswith("a blue fish\nNegative prompt: red") and "Seed: 1234" in made.infotexts[0]


def source_text(source):
    """The picture with its parameters, as a file of it has them."""
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", source.infotexts[0])
    buffer = io.BytesIO()
    Image.fromarray(source.pictures[0]).save(buffer, "PNG", pnginfo=info)
    return base64.b64encode(buffer.getvalue()).decode()


def test_the_infotext_gives_the_settings_back(enlarged):
    settings = {"factor": 3.0, "reference": "both", "seed": 5}
    text = enlarged("txt2img", **settings).infotexts[0]
    written = json.loads(f'"{text.partition(f"{KEY}: ")[2][1:].partition("}")[0]}}}"')
    assert UpscaleSettings.from_infotext(written) == UpscaleSettings(**settings)


def test_tiled_vae_works_or_is_said_to_be_missing(host, enlarged):
    made = enlarged(factor=2, tiled_vae=True)
    assert made.pictures[0].shape == (128, 128, 3)
    assert any("no tiled VAE" in line for line in made.log) == (not host.is_forge)


def test_what_is_not_allowed_is_refused_by_name(host, enlarged):
    made = enlarged("txt2img", upscaler="nobody")
    assert made.same_as(host.generate()) and any("upscaler: 'nobody' is not allowed" in line for line in made.log)


def test_odd_sizes_are_cut_to_what_the_vae_takes(enlarged, picture):
    body = {"init_images": [as_base64(picture.resize((90, 61)))]}
    made = enlarged(factor=2, body=body)
    height, width = made.pictures[0].shape[:2]
    assert height % 8 == width % 8 == 0 and abs(height - 122) <= 16 and abs(width - 180) <= 16
