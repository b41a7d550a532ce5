"""Faults on either side of the hook: the picture or the host's own error comes out, and no hook is left behind.

On the fake host, whose insides can be broken at will.
"""

from __future__ import annotations

import functools
import gc
import json
import weakref
from types import FunctionType, SimpleNamespace

import numpy as np
import pytest

from itermix.mixing.settings import MixingSettings
from tests.webui import fake_samplers
from tools.real_host import as_base64

HIRES = dict(enable_hr=True, denoising_strength=0.5)
AS_UPSCALED = {"hires_reference": "as upscaled"}  # what the pass starts from is then the host's own
ON = {"enabled": True}


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
    from itermix.webui.mixing import passes

    def broken(*args, **more):
        raise RuntimeError("no")

    monkeypatch.setattr(passes, "mixer_for", broken)
    settings = {"enabled": True, "hires_denoise": 0.0, **AS_UPSCALED}
    generation = fake.generate(mixing=settings, **HIRES)
    assert generation.same_as(fake.generate(**HIRES))
    assert any("mixing could not be set up" in line for line in generation.log)


def read_picture(text):
    from itermix.pictures.uploads import Upload

    return Upload(text, "reference_image").picture()


def broken_in_the_hires_pass(monkeypatch, name, batch=0):
    """Breaks a function of `passes` for one batch alone."""
    from itermix.webui.mixing import passes

    kept, calls = getattr(passes, name), []

    def broken(*args, **more):
        calls.append(name)
        if len(calls) == batch + 1:
            raise RuntimeError("no")
        return kept(*args, **more)

    monkeypatch.setattr(passes, name, broken)


def test_a_pass_that_cannot_be_mixed_keeps_the_hosts_own_denoising_strength(fake, monkeypatch):
    """In the second of three batches; the first and the third have ours, and the host gets its own back."""
    broken_in_the_hires_pass(monkeypatch, "find_reference", batch=1)
    settings = {"enabled": True, "hires_denoise": 0.8}
    made = fake.generate(mixing=settings, n_iter=3, **HIRES)
    assert ["Denoising strength: 0.8" in text for text in made.infotexts] == [True, False, True]
    assert "Denoising strength: 0.5" in made.infotexts[1] and fake.p.denoising_strength == 0.5
    monkeypatch.undo()
    plain = fake.generate(n_iter=3, **HIRES)
    assert [(a == b).all() for a, b in zip(made.pictures, plain.pictures)] == [False, True, False]


def test_a_pass_that_fails_too_late_says_which_denoising_strength_it_has(fake, monkeypatch):
    broken_in_the_hires_pass(monkeypatch, "mixer_for")
    made = fake.generate(mixing={"enabled": True, "hires_denoise": 0.8, **AS_UPSCALED}, **HIRES)
    assert "Denoising strength: 0.8" in made.infotexts[0] and fake.p.denoising_strength == 0.5
    assert any("at the denoising strength that was meant for it, 0.8" in line for line in made.log)
    monkeypatch.undo()
    assert made.same_as(fake.generate(**{**HIRES, "denoising_strength": 0.8}))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_reference_of_no_numbers_is_not_mixed(fake, monkeypatch, picture, value):
    from itermix.webui.compat import latents

    encode = latents.encode

    def overflowing(*args):
        latent = encode(*args)
        latent[..., 0, 0] = value
        return latent

    monkeypatch.setattr(latents, "encode", overflowing)
    made = fake.generate(mixing={"reference_image": as_base64(picture)})
    assert made.same_as(fake.generate())
    assert "nothing mixed: the reference (uploaded image) became values that are no numbers" in made.log[-1]


@pytest.mark.parametrize("mixing", [[True], [False]], ids=["on", "off"])
def test_a_picture_of_the_page_is_plain_data_for_an_extension_that_shares_batches(fake, monkeypatch, picture, mixing):
    args = [*mixing, *fake.defaults[1:]]
    place = [field.name for field in MixingSettings.fields()].index("reference_image")
    args[place] = picture
    alone = fake.generate(mixing=list(args))
    assert fake.p.script_args[place] is picture
    monkeypatch.setattr(fake, "others", [SimpleNamespace(title=lambda: "Distribute")])
    shared = fake.generate(mixing=list(args))
    assert shared.same_as(alone)
    json.dumps(fake.p.script_args)
    text = fake.p.script_args[place]
    assert text is None if mixing == [False] else (np.array(read_picture(text)) == np.array(picture)).all()
    assert fake.p.script_args[:place] == args[:place] and fake.p.script_args[place + 1 :] == args[place + 1 :]


def test_what_could_not_be_set_up_is_not_kept_in_memory_while_the_host_samples(monkeypatch):
    from itermix.webui.mixing import hook

    monkeypatch.setattr(hook.log, "exception", lambda text: None)  # pytest keeps what is logged

    class Heavy:
        pass

    alive = []

    class Broken:
        def mixer(self, *args):
            heavy = Heavy()
            alive.append(weakref.ref(heavy))
            raise RuntimeError("no")

        def failed(self, error):
            pass

    def sample_euler(model, x, sigmas=None, callback=None):
        assert alive[0]() is None
        return x

    sampler = SimpleNamespace(func=sample_euler)
    hook.Attachment(sampler, Broken())
    assert sampler.func(None, "x", sigmas=[1.0, 0.0]) == "x" and len(alive) == 1


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
    assert "mixed 1 step, then stopped by" in generation.log[-1] and "was not its first" in generation.log[-1]


def test_an_interrupted_run_is_not_mixed_further(fake, monkeypatch):
    from modules import shared

    monkeypatch.setattr(shared.state, "interrupted", True)
    generation = fake.generate(mixing=ON, **HIRES)
    assert "nothing mixed" in generation.log[-1]


class Counted:
    """Says that it was asked for a mixer, and has none."""

    def __init__(self, calls):
        self.calls = calls

    def mixer(self, *args):
        self.calls.append("ours")
        raise RuntimeError("no")

    def failed(self, error):
        pass


def wrapped_sampler():
    """A sampler whose function we have wrapped and somebody else has wrapped again; ours; and what has been called."""
    from itermix.webui.mixing import hook

    sampler, calls = SimpleNamespace(), []

    def sample_euler(model, x, **kwargs):
        return x

    sampler.func = sample_euler
    ours = hook.Attachment(sampler, Counted(calls))
    inner = sampler.func

    @functools.wraps(inner)
    def foreign(*args, **kwargs):
        calls.append("foreign")
        return inner(*args, **kwargs)

    sampler.func = foreign
    return sampler, ours, calls


def test_a_wrapper_that_somebody_put_around_ours_stays_and_ours_acts_once():
    sampler, _, calls = wrapped_sampler()
    foreign = sampler.func
    assert [sampler.func(None, 5, sigmas=[1.0, 0.0]) for _ in range(2)] == [5, 5]
    assert calls == ["foreign", "ours", "foreign"] and sampler.func is foreign


def test_ours_does_not_act_in_somebodys_wrapper_after_it_was_taken_off():
    sampler, ours, calls = wrapped_sampler()
    foreign = sampler.func
    ours.detach()
    assert sampler.func is foreign and sampler.func(None, 5, sigmas=[1.0, 0.0]) == 5
    assert calls == ["foreign"]


def test_attached_again_around_somebodys_wrapper_ours_acts_once():
    """As in Forge, which calls twice before a hires pass."""
    from itermix.webui.mixing import hook

    sampler, ours, calls = wrapped_sampler()
    ours.detach()
    hook.Attachment(sampler, Counted(calls))
    assert [sampler.func(None, 5, sigmas=[1.0, 0.0]) for _ in range(2)] == [5, 5]
    assert calls == ["ours", "foreign", "foreign"]


def test_a_mixed_run_is_forgotten_at_once(fake):
    """Not when memory is swept: what it held may lie on a graphics card."""
    from itermix.mixing.mixer import Mixer
    from itermix.webui.mixing.hook import OURS

    gc.collect()
    gc.disable()
    try:
        fake.generate(mixing=ON, **HIRES)
        alive = [thing for thing in gc.get_objects() if type(thing) in (Mixer, FunctionType)]
        assert not [thing for thing in alive if type(thing) is Mixer or OURS in vars(thing)]
    finally:
        gc.enable()


@pytest.mark.parametrize("sampler, broken", [
    ("Euler", "progress.is_interrupted"), ("Euler", "passes.find_reference"), ("LMS", "runs.InSegments._segments"),
    ("Euler", "hook.pattern_of"), ("Euler", "sampling.noising_of"), ("Euler", "runs.MixedRun.hook_into"),
])  # fmt: skip
def test_a_fault_of_ours_anywhere_costs_no_picture(fake, monkeypatch, sampler, broken):
    from itermix.webui.compat import progress, sampling
    from itermix.webui.mixing import hook, passes, runs

    def raising(*args):
        raise KeyError("a fault of ours")

    name, _, attribute = broken.rpartition(".")
    module, *inner = name.split(".")
    holder = dict(progress=progress, sampling=sampling, hook=hook, passes=passes, runs=runs)[module]
    monkeypatch.setattr(getattr(holder, inner[0]) if inner else holder, attribute, raising)
    body = {**HIRES, "sampler_name": sampler}
    settings = {"enabled": True, "hires_denoise": 0.0, **AS_UPSCALED}
    generation = fake.generate(mixing=settings, **body)
    automatic = fake.generate(mixing={**settings, "hires_reference": "automatic"}, **body)
    monkeypatch.undo()
    assert any(line.startswith(("hires pass", "mixing could not", "mixing stopped")) for line in generation.log)
    plain = fake.generate(**body)
    assert generation.same_as(plain)
    if broken != "passes.find_reference":  # the reference was found: the pass starts from it, and mixes none of it in
        plain = fake.generate(mixing={"enabled": True, "hires_denoise": 0.0, "maximum": 0.0}, **body)
        assert not plain.same_as(generation)
    assert automatic.same_as(plain)


def test_a_run_that_cannot_be_reported_is_not_lost(fake, monkeypatch):
    from itermix.webui.mixing import passes

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

    from itermix.webui.compat import latents

    like = torch.zeros(1, 4, 8, 16)  # 64 pixels high, 128 wide
    expected = (max(wanted),) * 2 if fit == "crop" else wanted
    assert latents.fitting_scale(SimpleNamespace(sd_model=None), Image.new("RGB", size), fit, like) == expected


def grey():
    from PIL import Image

    from tools.real_host import as_base64

    return as_base64(Image.new("RGB", (64, 64), (90, 120, 150)))


@pytest.mark.parametrize("sampler", ["Euler", "LMS", "DPM++ 2M", "UniPC", "DPM++ SDE"])
def test_a_wrapper_of_another_extension_may_hand_the_arguments_on_by_their_places(fake, sampler):
    """Put around ours when the pass begins, and never taken off."""

    class Other:
        def title(self):
            return "Other"

        def process_before_every_sampling(self, p, *args, **kwargs):
            inner = p.sampler.func

            @functools.wraps(inner)
            def theirs(model, x, levels=None, extra_args=None, callback=None, disable=None, **more):
                levels = more.pop("sigmas", levels) if "sigmas" in more else more.pop("timesteps", levels)
                return inner(model, x, levels, extra_args, callback, disable, **more)

            p.sampler.func = theirs

    alone = fake.generate(mixing=ON, sampler_name=sampler, **HIRES)
    fake.others = [Other()]
    try:
        both = fake.generate(mixing=ON, sampler_name=sampler, **HIRES)
    finally:
        fake.others = []
    assert both.same_as(alone) and both.log == alone.log
    assert ", mixed " in alone.log[-1]


def test_a_sampler_that_another_extension_puts_in_the_place_of_ours_is_said(fake):
    class Other:
        def title(self):
            return "Other"

        def process_before_every_sampling(self, p, *args, **kwargs):
            from modules import sd_samplers

            p.sampler = sd_samplers.create_sampler(p.sampler_name, p)

    fake.others = [Other()]
    try:
        made = fake.generate(mixing=ON, **HIRES)
    finally:
        fake.others = []
    reason = "the sampler that was to be mixed was not used; another extension has put its own in its place"
    assert made.log[-1] == f"nothing mixed: {reason}"
    assert f'Iterative Mixing not done: "{reason}"' in made.infotexts[0] or f"not done: {reason}" in made.infotexts[0]
