"""Ways around iterative mixing: each is iterative mixing where the one thing that it changes is not changed."""

import dataclasses

import pytest
import torch
from torch.testing import assert_close

pytest.importorskip("diffusers")

from benchmarks import network_variants as variants  # noqa: E402
from benchmarks.cases import cases  # noqa: E402
from benchmarks.enlargements import METHODS, Native, Store  # noqa: E402
from benchmarks.evaluations import Counted  # noqa: E402
from benchmarks.network_methods import Run, sampled  # noqa: E402
from itermix.studio.pipeline import Studio  # noqa: E402
from itermix.upscale.phases import restored  # noqa: E402
from itermix.upscale.trajectory import Trajectory  # noqa: E402

STEPS = 4
SETTINGS = dataclasses.replace(variants.DEFAULTS, hires_denoise=0.7)
NOTHING = dataclasses.replace(SETTINGS, minimum=0.0, maximum=0.0)


@pytest.fixture(scope="module")
def run():
    studio = Studio(Counted(Studio.open().network))
    native = Native(studio, cases(2, 1)[0][0], STEPS, Store(None))
    asked = next(method for method in METHODS if method.name == "itermix").request(native.request, 2)
    return Run(studio.network, asked, asked.seed, native.result.latent, native.first_pass)


def plain(run, upscaler="latent", settings=SETTINGS):
    """Iterative mixing as it is."""
    return variants.mixed(run, settings, run.reference(run.native, run.size, upscaler))


def test_mixing_as_it_is_is_the_hires_pass(run):
    studio = Studio(run.network)
    latent, _ = studio.hires(run.request, run.seed, run.native)
    assert_close(plain(run, run.request.effective_upscaler(), run.request.mixing), latent)


@pytest.mark.parametrize("is_matched", [False, True])
def test_a_prediction_that_is_not_mixed_is_a_plain_second_pass(run, is_matched):
    found = variants.prediction(run, NOTHING, "latent", is_matched)
    reference = run.reference(run.native, run.size)
    wanted = sampled(run, run.task(run.size, init=reference.latent, strength=0.7))
    assert_close(found, wanted, atol=1e-4, rtol=0)


def test_a_prediction_that_is_mixed_in_full_comes_to_the_reference(run):
    whole = dataclasses.replace(SETTINGS, alpha_1=0.0, high_exponent=1.0)
    found = variants.prediction(run, whole, "pixel")
    assert_close(found, run.reference(run.native, run.size, "pixel").latent, atol=1e-4, rtol=0)


def test_a_first_pass_that_knew_its_end_is_the_finished_reference(run):
    known = Trajectory()
    known.record(1.0, run.native)
    found = variants.matched(dataclasses.replace(run, first_pass=known), SETTINGS, "latent")
    assert_close(found, plain(run), atol=2e-2, rtol=0)  # it is kept in half precision


def test_guidance_alike_in_both_bands_is_guidance(run, monkeypatch):
    monkeypatch.setattr(variants, "LOW_GUIDANCE", run.request.guidance)
    assert_close(variants.banded(run, SETTINGS, "latent"), plain(run), atol=1e-3, rtol=0)


def test_no_noise_at_edges_is_the_reference_itself(run, monkeypatch):
    assert not torch.allclose(variants.edge_noise(run, SETTINGS, "latent"), plain(run), atol=1e-2)
    monkeypatch.setattr(variants, "EDGE_NOISE", (0.0, 0.0))
    assert_close(variants.edge_noise(run, SETTINGS, "latent"), plain(run))


def test_one_phase_is_the_pass_with_the_small_pictures_mean_and_deviation(run):
    assert_close(variants.phased(run, SETTINGS, "latent"), restored(plain(run), run.native))
