"""Hires fix in phases, from each reference, with its own seed, on a real WebUI; by all of its samplers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tests.hosts.plots import plot
from tests.hosts.sampled import each
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host
SOURCES = ("as upscaled", "latent", "pixel", "both")
PHASES = {"enabled": True, "hires_phases": 0}


@pytest.fixture(autouse=True)
def quick(host, disarmed):
    host.arm(network="gaussian")


def hires(host, upscaler="Latent", scale=4, **settings):
    body = settings.pop("body", {})
    mixing = {"enabled": True, **settings} if settings else None
    return host.generate(
        mixing=mixing, enable_hr=True, hr_scale=scale, hr_upscaler=upscaler, denoising_strength=0.6, **body
    )


@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
@pytest.mark.parametrize("source", SOURCES)
def test_four_times_is_two_phases_from_every_reference(host, upscaler, source):
    made = hires(host, upscaler, hires_reference=source, hires_phases=0)
    assert made.pictures[0].shape == (256, 256, 3)
    assert [line.split(":")[0] for line in made.log] == ["hires pass 1 of 2", "hires pass 2 of 2"]
    assert all(", mixed " in line for line in made.log)


def test_the_second_phase_starts_from_the_picture_of_the_first(host):
    """From pixels; the contrast that phases give back is the rest. On Forge Neo the correlation was 0.31."""
    host.arm(denoiser="gaussian")
    hires(host, "Lanczos", hires_phases=2)
    started = host.trace()["z_ref"]
    small = Image.fromarray(hires(host, "Lanczos", 2, hires_phases=1).pictures[0])
    large = as_base64(small.resize((256, 256), Image.Resampling.LANCZOS))
    host.generate("img2img", init_images=[large], width=256, height=256, steps=2, denoising_strength=0.5)
    assert np.corrcoef(started.ravel(), host.trace()["z_ref"].ravel())[0, 1] > 0.95


@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
def test_each_reference_makes_another_picture_and_the_hosts_own_the_same(host, upscaler):
    made = {source: hires(host, upscaler, 2, hires_reference=source) for source in SOURCES}
    own = "latent" if upscaler in host.upscalers and upscaler == "Latent" else "pixel"
    assert made["as upscaled"].same_as(made[own])
    others = [made[source] for source in SOURCES[1:]]
    assert not any(a.same_as(b) for place, a in enumerate(others) for b in others[:place])


def test_the_same_again_is_the_same_and_off_is_the_hosts_own(host):
    first = hires(host, hires_reference="both", **{"hires_phases": 0})
    plain = hires(host)
    assert hires(host, hires_reference="both", hires_phases=0).same_as(first)
    assert hires(host).same_as(plain)


def test_a_batch_has_the_pictures_of_its_seeds_alone(host):
    """From latents: pixels are rounded to 8 bits between phases, which makes more of a batch's last bits."""
    settings = {"hires_phases": 0, "hires_reference": "latent"}
    batch, alone = (hires(host, **settings, body=body) for body in ({"batch_size": 2}, {"seed": 2}))
    assert batch.same_as_picture(alone.pictures[0])


def test_a_seed_of_its_own_in_the_hires_pass(host):
    own, named, other = (hires(host, scale=2, hires_seed=seed) for seed in (-1, 1, 77))
    assert own.same_as(named) and not own.same_as(other)
    assert "Seed: 1," in other.infotexts[0]


@pytest.mark.parametrize("how", ["interrupt", "skip"])
@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
def test_interrupted_in_phase_2_it_keeps_phase_1(host, how, upscaler):
    host.post("/itermix-probe/disturb", {"how": how, "evaluation": 1, "passes": 2})
    made = hires(host, upscaler, hires_phases=0)
    assert made.pictures[0].shape == (128, 128, 3)
    assert any("stopped in phase 2 of 2; phase 1 is kept" in line for line in made.log)
    assert hires(host, upscaler, hires_phases=0).pictures[0].shape == (256, 256, 3)


def test_every_sampler_goes_in_phases(host):
    """In fewer steps than any of them would be mixed wrongly in; what is refused by name is made without mixing."""
    refused = ("is not known to itermix", "is for flow models", "is wrong for flow models")

    def check(name):
        made = hires(host, hires_phases=0, hires_reference="both", body={"sampler_name": name, "steps": 4})
        assert made.pictures[0].shape == (256, 256, 3), made.pictures[0].shape
        assert len(made.log) == 2, made.log
        for line in made.log:
            assert ", mixed " in line or any(reason in line for reason in refused), line

    each([sampler["name"] for sampler in host.get("/sdapi/v1/samplers")], check)


def test_a_plot_over_phases_has_the_pictures_of_its_values(host):
    label = "[Iterative Mixing] Hires phases"
    body = dict(enable_hr=True, hr_scale=4, hr_upscaler="Latent", denoising_strength=0.6)
    grid = plot(host, (label, "1, 2, 3"), **body)
    cells = grid.pictures[1:4]
    for phases, cell in zip((1, 2, 3), cells):
        alone = hires(host, hires_phases=phases)
        assert np.array_equal(alone.pictures[0], cell), phases
    assert not np.array_equal(cells[0], cells[1])


def test_the_infotext_makes_the_same_picture_again(host):
    made = hires(host, "Lanczos", hires_phases=0, hires_reference="both", hires_seed=5)
    written = json.loads(
        made.infotexts[0].partition('Iterative Mixing: "')[2].partition('}"')[0].replace('\\"', '"') + "}"
    )
    assert {name: written[name] for name in ("hires_phases", "hires_reference", "hires_seed")} == {
        "hires_phases": 0, "hires_reference": "both", "hires_seed": 5,
    }  # fmt: skip


def test_a_size_of_other_proportions_is_cropped_in_the_last_phase(host):
    made = hires(host, hires_phases=0, hires_reference="both", body={"hr_resize_x": 256, "hr_resize_y": 192})
    assert made.pictures[0].shape == (192, 256, 3) and len(made.log) == 2


def test_a_sequence_begins_with_a_frame_in_phases(host):
    settings = {"frames": 2, "video_format": "none"}
    made = hires(host, hires_phases=0, body={"script_name": "Latent Sequence", "script_args": [settings]})
    assert [picture.shape[0] for picture in made.pictures[-2:]] == [256, 256]


def test_too_few_phases_are_refused_by_name(host):
    made = hires(host, scale=8, hires_phases=2)
    assert any("hires_phases: 2 is not allowed for 8x" in line for line in made.log)
