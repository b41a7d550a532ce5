"""Every sampler with the closed-form denoiser: mixing is in its state, at the start of a step, at its noise level."""

import dataclasses

import pytest
import torch

from benchmarks import fields, solvers
from itermix.mixing.mixer import Mixer
from itermix.mixing.noising import noised
from itermix.mixing.reference import equalised
from itermix.mixing.settings import MixingSettings
from itermix.studio import passes, sampling
from itermix.studio.passes import Pass, Reference
from itermix.studio.schedules import SAMPLERS, schedule_of

pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")
pytest.importorskip("transformers", reason="the studio needs transformers, which is not installed")

SIZE, STEPS, SEED = (1, 4, 16, 16), 7, 3
ALL = MixingSettings(enabled=True, minimum=1.0, maximum=1.0, blend="linear")
NONE = MixingSettings(enabled=True, minimum=0.0, maximum=0.0)

each_sampler = pytest.mark.parametrize("name", SAMPLERS)
each_schedule = pytest.mark.parametrize("kind", ["karras", "uniform"])
each_prediction = pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])


@pytest.fixture
def reference():
    return torch.randn(SIZE, generator=torch.Generator().manual_seed(11))


OFF = MixingSettings()


def task(network, name, mixing=OFF, **changes):
    return Pass(network.predict, name, "karras", STEPS, SEED, SIZE, mixing=mixing, **changes)


def states_of(monkeypatch):
    """The state after each mixing, with its level and convention."""
    seen = []
    begin = Mixer.begin

    def watched(self, x, step, sigma):
        x = begin(self, x, step, sigma)
        seen.append((x.clone(), sigma, self.noising))
        return x

    monkeypatch.setattr(Mixer, "begin", watched)
    return seen


@each_sampler
def test_weight_0_is_bit_identical_to_no_mixing(name, closed_form, reference):
    network = closed_form(SAMPLERS[name].is_flow)
    start = dict(init=reference, strength=0.8, reference=Reference(reference))
    plain, _ = passes.run(network, task(network, name, **start))
    mixed, _ = passes.run(network, task(network, name, NONE, **start))
    assert torch.equal(plain, mixed)


@each_sampler
def test_weight_1_makes_the_state_the_noised_reference_at_the_start_of_each_step(
    name, closed_form, reference, monkeypatch
):
    network, seen = closed_form(SAMPLERS[name].is_flow), states_of(monkeypatch)
    _, report = passes.run(network, task(network, name, ALL, reference=Reference(reference)))
    noise = torch.randn(SIZE, generator=torch.Generator().manual_seed(SEED))
    assert report.steps == len(seen) == STEPS
    for x, level, noising in seen:
        assert torch.allclose(x, noised(noising, reference, noise, level), atol=1e-4)


@each_sampler
@pytest.mark.parametrize("steps", [8, 30, 1])
def test_the_convention_is_the_schedulers_own(name, steps, closed_form, reference):
    """A scheduler that is told the truth about x0 keeps its state the noised x0 at the level that we name."""
    network = closed_form(SAMPLERS[name].is_flow)
    schedule = schedule_of(name, network.scheduler_config, steps, "karras", network.is_flow, 64)
    noise = torch.randn(SIZE, generator=torch.Generator().manual_seed(1))
    noises, seen = [], []

    class Watcher:
        trace = None

        def begin(self, x, step, level):
            signal, sigma = schedule.noising.coefficients(level)
            noises.append((x - signal * reference) / sigma)
            return x

        def end(self, x):
            return x

    def predict(x, t):
        seen.append(float(t))
        return noises[-1] - reference if network.is_flow else noises[-1]

    x = noised(schedule.noising, reference, noise, schedule.levels[0])
    final = sampling.sample(schedule, predict, x, torch.Generator().manual_seed(2), mixer=Watcher())
    for step, left in enumerate(noises):
        if name == "Euler a":  # replaces noise by new noise, as much as there was
            assert float(left.std()) == pytest.approx(1.0, abs=0.1), f"step {step}"
        else:
            assert torch.allclose(left, noise, atol=2e-3), f"step {step}"
    assert torch.allclose(final, reference, atol=2e-3)
    assert len(seen) == (2 * steps - 1 if name == "Heun" else steps)


@each_prediction
@each_schedule
@pytest.mark.parametrize("name", solvers.SAMPLERS)
def test_the_result_agrees_with_the_benchmarks_solver(name, kind, prediction, closed_form, reference):
    """Same sigmas, same mixer settings, same noise: x = x0 + sigma n there, the scheduler's own state here."""
    network = closed_form(prediction=prediction)
    settings = MixingSettings(enabled=True, alpha_1=0.5)
    clean = equalised(reference, (8, 8), "bicubic")
    ours = dataclasses.replace(
        task(network, name, settings, init=reference, strength=1.0, reference=Reference(clean, (2.0, 2.0))),
        schedule=kind,
    )
    got, report = passes.run(network, ours)
    schedule = schedule_of(name, network.scheduler_config, STEPS, kind, False, 64)
    sigmas = torch.tensor([*schedule.levels, 0.0], dtype=torch.float64)
    noise = torch.randn(SIZE, generator=torch.Generator().manual_seed(SEED)).double()
    mixer = Mixer(settings, clean.double(), noise, STEPS, scale=(2.0, 2.0))
    power = fields.power_spectrum(SIZE[-2:], 2.0)
    wanted = solvers.SAMPLERS[name](
        lambda x, sigma: fields.denoise(x, sigma, power), reference + sigmas[0] * noise, sigmas, mixer.begin
    )
    assert report.weights == pytest.approx(mixer.report.weights)
    assert torch.allclose(got.double(), wanted, atol=1e-5 * float(wanted.abs().max()))


def test_the_karras_levels_are_the_benchmarks(closed_form):
    """Up to diffusers' float32 betas."""
    schedule = schedule_of("Euler", closed_form().scheduler_config, 20, "karras", False, 64)
    assert list(schedule.levels) == pytest.approx(solvers.karras(20)[:-1].tolist(), rel=1e-4)


def test_heun_is_mixed_at_the_first_of_its_two_evaluations_only(closed_form, reference, monkeypatch):
    network, seen = closed_form(), states_of(monkeypatch)
    passes.run(network, task(network, "Heun", reference=Reference(reference), mixing=ALL))
    assert len(seen) == STEPS and len(network.asked) == 2 * STEPS - 1


@each_sampler
def test_what_an_inpainting_mask_keeps_is_the_original(name, closed_form, reference):
    network = closed_form(SAMPLERS[name].is_flow)
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 4:12, 4:12] = 1.0
    result, _ = passes.run(
        network, task(network, name, ALL, init=reference, strength=0.9, mask=mask, reference=Reference(reference))
    )
    outside = mask.expand(SIZE) == 0.0
    assert torch.equal(result[outside], reference[outside])
    assert not torch.equal(result[~outside], reference[~outside])
