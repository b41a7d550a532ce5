"""What others do, on the small model: their predictions, how often they ask the network, and what they come to."""

import pytest
import torch
from torch.testing import assert_close

pytest.importorskip("diffusers")

from benchmarks.cases import cases  # noqa: E402
from benchmarks.enlargements import METHODS, Native, Store  # noqa: E402
from benchmarks.evaluations import Counted  # noqa: E402
from benchmarks.network_methods import FIELD, Run, changed, demofusion, sampled  # noqa: E402
from itermix.studio.passes import schedule_for  # noqa: E402
from itermix.studio.pipeline import Studio  # noqa: E402
from itermix.upscale import dilated  # noqa: E402

STEPS = 4


@pytest.fixture(scope="module")
def native():
    studio = Studio(Counted(Studio.open().network))
    return Native(studio, cases(2, 1)[0][0], STEPS, Store(None))


@pytest.fixture
def run(native):
    asked = next(method for method in METHODS if method.make).request(native.request, 2)
    return Run(native.studio.network, asked, 0, native.result.latent, native.first_pass)


def test_a_prediction_that_is_not_changed_is_the_networks(run):
    task = run.task((16, 16), init=run.native)
    same = changed(
        run, task.predict, lambda denoise, x, sigma, step: denoise(x, sigma), schedule_for(run.network, task)
    )
    x = torch.randn(run.native.shape, generator=torch.Generator().manual_seed(0))
    for t in (999.0, 640.25, 3.5):
        assert_close(same(x, torch.tensor(t)), task.predict(x, torch.tensor(t)), atol=1e-3, rtol=0)


def test_a_sampler_comes_to_what_its_predictions_are_changed_to(run):
    goal = torch.full_like(run.native, 0.25)
    found = sampled(run, run.task((16, 16), init=run.native), lambda denoise, x, sigma, step: goal)
    assert_close(found, goal, atol=1e-5, rtol=0)


def test_steps_are_told_from_the_first(run):
    steps = []
    sampled(run, run.task((16, 16), init=run.native), lambda denoise, x, sigma, step: steps.append(step) or x)
    assert steps == list(range(STEPS))


def test_the_first_pass_is_kept_at_each_of_its_levels(native):
    assert len(native.first_pass) == STEPS
    last = native.first_pass.at(0.0, (16, 16), native.result.latent)
    assert_close(last, native.result.latent, atol=5e-3, rtol=0)


@pytest.mark.parametrize(
    "name, scale, calls",
    [
        ("pixel upscaler alone", 2, 0),
        # in evaluations of a step at the full size: 4 quarters that are interleaved and 9 windows of a quarter
        ("DemoFusion, whole", 2, STEPS * (1 + 9 / 4)),
        ("HiFlow", 2, STEPS),
        ("HiFlow", 4, STEPS * (1 / 4 + 1)),  # in two phases
        ("DiffuseHigh", 2, 2),  # of 4 steps int(0.3 * 4) + 1
        ("FAM, frequency part", 2, STEPS),
        ("hires 0.5, tiled", 2, 3 * 9 / 4),
    ],
)
def test_a_method_comes_to_a_large_picture_in_as_many_calls_as_it_says(native, name, scale, calls):
    method = next(method for method in METHODS if method.name == name)
    drawn = native.enlarged(method, scale)
    assert drawn.picture.shape == (1, 3, 128 * scale, 128 * scale) and bool(torch.isfinite(drawn.picture).all())
    assert drawn.pixels / (16 * scale) ** 2 == pytest.approx(calls)
    assert set(FIELD) == {method.name for method in METHODS if method.make}


def test_demofusions_windows_move_from_step_to_step(run, monkeypatch):
    laid, windows = [], dilated.windows
    monkeypatch.setattr(dilated, "windows", lambda *given: laid.append(windows(*given)) or laid[-1])
    demofusion(run)
    assert len(laid) == STEPS and any(parts != laid[0] for parts in laid[1:])
