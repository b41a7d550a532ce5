"""Sampling backwards in a WebUI's sequence: what the sampler begins from, and what scripts and mixing are told."""

from __future__ import annotations

import inspect
import sys
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.settings import MixingSettings
from itermix.sequence.conditioning import Conditioning
from itermix.sequence.host import Job
from itermix.sequence.plan import plan
from itermix.sequence.settings import SequenceSettings
from tests.webui import fake_modules
from tests.webui.fake_processing import Processing
from tests.webui.fake_samplers import SAMPLERS as SAMPLERS_BY_NAME
from tests.webui.fake_sampling import Sampler

SAMPLERS = ("Euler", "Heun", "DPM++ 2M", "DPM adaptive", "DDIM", "PLMS", "UniPC")
BY_TIMESTEP = ("DDIM", "PLMS", "UniPC")


def latent(seed):
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


class Frame1:
    """The second frame of a sequence on the fake host, unsampled and sampled from a known latent."""

    def __init__(self, monkeypatch, sampler, reference=None, mixing=None):
        fake_modules.install()
        from itermix.webui import run_state
        from itermix.webui.sequence import host
        from itermix.webui.sequence.prompts import PreparedPrompts

        self.mixing = mixing
        p = self.p = Processing("txt2img", {"steps": 10, "sampler_name": sampler})
        p.seeds, p.subseeds = [2], [0]
        p.scripts = SimpleNamespace(process_before_every_sampling=self._scripts)
        monkeypatch.setattr(sys.modules["modules.sd_samplers"], "create_sampler", self._sampler, raising=False)
        self.host = host.WebUIHost(p, {}, PreparedPrompts([], 1))
        run_state.change(p, sequence=self.host)  # which says that a frame is being sampled
        conditioning = Conditioning.of(torch.zeros(1, 1))
        frame = plan(SequenceSettings(frames=2, denoise_seq=0.7), 1, "a cat", "")[1]
        self.job = Job(frame, (2,), conditioning, conditioning, reference, 2)
        self.begun, self.seen, self.told = [], [], {}

    def _sampler(self, name, model):
        """A sampler that notes the state that its function begins from, and what its model is given."""
        sampler = Sampler(name, model)
        sampler.model_wrap_cfg.register_forward_hook(lambda _, args, made: self.seen.append((args[0].clone(), args[1])))
        return sampler

    def _scripts(self, p, x, noise, c, uc):
        """The always-on scripts: one that notes what it is given, and ours."""
        self.told = {"x": x.clone(), "noise": noise.clone()}
        function = p.sampler.func

        def begun(model, x, *args, **kwargs):
            self.begun.append((x.clone(), kwargs))
            return function(model, x, *args, **kwargs)

        begun.__name__, begun.__wrapped__ = function.__name__, function
        p.sampler.func = begun
        if self.mixing is not None:
            from itermix.webui.mixing import passes

            passes.attach(p, SimpleNamespace(settings=self.mixing, upload=None), x, noise, {})

    def made(self, clean, injected=None):
        state = self.host.unsample(self.job, clean, 0)
        self.state = state if injected is None else state + injected
        self.seen.clear()
        return self.host.sample(self.job, self.state, True)

    def coefficients(self):
        """(a, s) of the level that sampling begins from."""
        _, arguments = self.begun[-1]
        from itermix.webui.compat import sampling

        sampler = self.p.sampler
        noising = sampling.noising_of(SAMPLERS_BY_NAME[self.p.sampler_name], sampler.model_wrap_cfg)
        levels = arguments.get("timesteps", arguments.get("sigmas"))
        top = arguments["sigma_max"] if levels is None else max(levels)
        return noising.coefficients(float(top))


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_sampling_begins_from_the_unsampled_state_and_injected_noise_is_in_it(monkeypatch, sampler, strength):
    frame, clean = Frame1(monkeypatch, sampler), latent(1)
    frame.made(clean, strength * latent(5))
    (start, _), *_ = frame.begun
    assert torch.equal(start, frame.state)
    (first, _), *_ = frame.seen
    assert torch.equal(first, frame.state)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_scripts_get_the_clean_latent_and_the_noise_that_make_the_state(monkeypatch, sampler, strength):
    frame, clean = Frame1(monkeypatch, sampler), latent(1)
    frame.made(clean, strength * latent(5))
    a, s = frame.coefficients()
    assert torch.equal(frame.told["x"], clean)
    assert_close(a * frame.told["x"] + s * frame.told["noise"], frame.state)
    assert torch.equal(frame.p.sampler.model_wrap_cfg.init_latent, clean)  # what a mask keeps


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_step_0_mixes_the_reference_at_the_level_that_sampling_begins_from(monkeypatch, sampler):
    """All reference at weight 1: a ref + s noise, with the noise of the unsampled state."""
    reference, clean = latent(3), latent(1)
    mixing = MixingSettings(enabled=True, alpha_1=0.0, blend="linear")
    frame = Frame1(monkeypatch, sampler, reference, mixing)
    frame.made(clean)
    a, s = frame.coefficients()
    assert a < 0.6 if sampler in BY_TIMESTEP else a == 1.0
    noise = (frame.state - a * clean) / s
    (first, _), *_ = frame.seen
    assert_close(first, a * reference + s * noise, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sampler, schedule", [("Euler", "sigmas"), ("DPM adaptive", "sigmas"), ("DDIM", "timesteps")])
def test_what_stands_in_for_a_sampler_takes_whatever_the_host_hands_it(monkeypatch, sampler, schedule):
    frame = Frame1(monkeypatch, sampler)
    made = frame.host._sampler()
    arrived = []
    from itermix.webui.sequence.backwards import replace_by_ascent

    replace_by_ascent(made, latent(1), 0, arrived.append)
    parameters = inspect.signature(made.func).parameters
    assert {"model", "x", schedule, "extra_args", "callback", "disable"} <= set(parameters)
    assert not {"sigma_min", "sigma_max", "n"} & set(parameters)  # the host would hand these in its place
    levels = torch.tensor([1.0, 401.0]) if schedule == "timesteps" else torch.tensor([4.0, 1.0, 0.0])
    surplus = dict(noise_sampler=None, solver_type="heun", eta=0.5, s_noise=1.0, s_churn=0.0, is_img2img=True)
    state = made.func(made.model_wrap_cfg, latent(9), disable=False, **{schedule: levels}, **surplus)
    assert torch.equal(state, arrived[0].state) and bool(state.isfinite().all())
