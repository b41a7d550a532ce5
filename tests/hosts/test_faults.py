"""Faults on either side of the hook: the picture or the host's own error comes out, and no hook is left behind.

On the fake host, whose insides can be broken at will.
"""

from __future__ import annotations

import pytest

from tests.hosts import fake_samplers
from tests.hosts.fake import FakeHost

HIRES = dict(enable_hr=True, denoising_strength=0.5)
ON = {"enabled": True}


@pytest.fixture(scope="module")
def fake():
    return FakeHost()


@pytest.fixture(autouse=True)
def watched(fake):
    fake.arm(watch=True)
    yield
    assert int(fake.trace().get("hooks", 0)) == 0


def test_an_unknown_sampler_is_refused_by_name_and_the_picture_is_made_without_mixing(fake, monkeypatch):
    def sample_of_tomorrow(model, x, sigmas, extra_args=None, callback=None, disable=None):
        return fake_samplers.sample_euler(model, x, sigmas, callback=callback)

    monkeypatch.setitem(fake_samplers.SAMPLERS, "Tomorrow", sample_of_tomorrow)
    off = fake.generate(sampler_name="Tomorrow", **HIRES)
    on = fake.generate(mixing=ON, sampler_name="Tomorrow", **HIRES)
    assert on.same_as(off)
    assert 'the sampler "Tomorrow" is not known to itermix' in on.log[-1]
    assert "Denoising strength: 0.5" in on.infotexts[0]


@pytest.mark.parametrize("method", ["begin", "end"])
def test_a_fault_while_mixing_ends_the_mixing_and_not_the_picture(fake, monkeypatch, method):
    from itermix.mixing.mixer import Mixer

    kept = getattr(Mixer, method)

    def broken(mixer, x, step=99, *level):
        if step >= 2:
            raise RuntimeError("CUDA out of memory")
        return kept(mixer, x, step, *level)

    monkeypatch.setattr(Mixer, method, broken)
    generation = fake.generate(mixing=ON, **HIRES)
    assert len(generation.pictures) == 1
    assert "RuntimeError: CUDA out of memory" in generation.log[-1]


def test_a_fault_while_setting_up_makes_the_pass_without_mixing(fake, monkeypatch):
    from itermix.webui import passes

    def broken(*args):
        raise RuntimeError("no")

    monkeypatch.setattr(passes, "noise_source", broken)
    settings = {"enabled": True, "hires_denoise": 0.0}
    generation = fake.generate(mixing=settings, **HIRES)
    assert generation.same_as(fake.generate(**HIRES))
    assert any("mixing could not be set up" in line for line in generation.log)


def test_an_error_of_the_sampler_is_the_hosts_own_and_leaves_no_hook(fake, monkeypatch):
    seen = []

    def sample_euler(model, x, sigmas, extra_args=None, callback=None, disable=None):
        seen.append(model)
        model(x, sigmas[0] * x.new_ones(len(x)))
        raise ValueError("the sampler's own")

    monkeypatch.setitem(fake_samplers.SAMPLERS, "Euler", sample_euler)
    with pytest.raises(ValueError, match="the sampler's own"):
        fake.generate("img2img", ON, init_images=[grey()])
    assert not seen[-1]._forward_pre_hooks and not seen[-1]._forward_hooks


def test_a_sampler_that_does_not_behave_as_measured_is_left_alone_from_there_on(fake, monkeypatch):
    def sample_heun(model, x, sigmas, extra_args=None, callback=None, disable=None):
        return fake_samplers.sample_euler(model, x, sigmas, callback=callback)  # one evaluation where Heun has two

    monkeypatch.setitem(fake_samplers.SAMPLERS, "Heun", sample_heun)
    generation = fake.generate(mixing=ON, sampler_name="Heun", **HIRES)
    assert len(generation.pictures) == 1
    assert "stopped after 1 mixed steps" in generation.log[-1] and "was not its first" in generation.log[-1]


def test_an_interrupted_run_is_not_mixed_further(fake, monkeypatch):
    from modules import shared

    monkeypatch.setattr(shared.state, "interrupted", True)
    generation = fake.generate(mixing=ON, **HIRES)
    assert "nothing mixed" in generation.log[-1]


def test_a_wrapper_that_somebody_put_around_ours_stays_and_ours_acts_once():
    import functools
    from types import SimpleNamespace

    from itermix.webui import hook

    calls = []

    def sample_euler(model, x, **kwargs):
        return x

    sampler = SimpleNamespace(func=sample_euler)
    hook.attach(sampler, lambda *args: calls.append("ours") or 1 / 0, lambda: False, None)
    inner = sampler.func

    @functools.wraps(inner)
    def foreign(*args, **kwargs):
        calls.append("foreign")
        return inner(*args, **kwargs)

    sampler.func = foreign
    hook.detach(sampler)
    assert sampler.func is foreign
    assert [sampler.func(None, 5, sigmas=[1.0, 0.0]) for _ in range(2)] == [5, 5]
    assert calls == ["foreign", "ours", "foreign"] and sampler.func is foreign


def test_a_run_that_cannot_be_reported_is_not_lost(fake, monkeypatch):
    from itermix.webui import passes

    monkeypatch.setattr(passes, "summary", lambda *args: 1 / 0)
    generation = fake.generate(mixing=ON, **HIRES)
    assert len(generation.pictures) == 1
    assert any("could not be reported" in line for line in generation.log)


@pytest.mark.parametrize(
    "size, fit, wanted",
    [
        ((32, 32), "crop", (2.0, 4.0)),
        ((32, 32), "stretch", (2.0, 4.0)),
        ((256, 256), "crop", (1.0, 1.0)),
        ((64, 32), "crop", (2.0, 2.0)),
    ],
)
def test_an_uploaded_picture_knows_how_many_times_it_is_enlarged(fake, size, fit, wanted):
    import torch
    from PIL import Image

    from itermix.webui import compat

    like = torch.zeros(1, 4, 8, 16)  # 64 pixels high, 128 wide
    expected = (max(wanted),) * 2 if fit == "crop" else wanted
    assert compat.fitting_scale(Image.new("RGB", size), fit, like) == expected


def grey():
    from PIL import Image

    from tests.hosts.host import as_base64

    return as_base64(Image.new("RGB", (64, 64), (90, 120, 150)))
