"""The page is told the host's own noise levels: of each kind of sampler and of each pass, and no more than is known."""

from __future__ import annotations

import functools
import math
import sys
from types import SimpleNamespace

import pytest
import torch

from itermix.mixing.noising import alphas_cumprod
from itermix.settings import SettingsError
from tests.webui import fake_modules

SIGMA_MIN, SIGMA_MAX = 0.0292, 14.6146
LOG_SIGMAS = ((1 - alphas_cumprod()) / alphas_cumprod()).sqrt().log()


def euler(model, x, sigmas=None, extra_args=None, callback=None, disable=None):
    raise AssertionError("asked for levels alone")


def fast(model, x, sigma_min, sigma_max, n, extra_args=None, callback=None, disable=None):
    raise AssertionError("asked for levels alone")


def timed(model, x, timesteps, extra_args=None, callback=None, disable=None):
    raise AssertionError("asked for levels alone")


FUNCTIONS = {
    "Euler": ("sample_euler", euler), "DPM fast": ("sample_dpm_fast", fast), "Restart": ("restart_sampler", euler),
    "DPM adaptive": ("sample_dpm_adaptive", fast), "DDIM": ("ddim", timed), "UniPC": ("unipc", timed),
    "Homemade": ("sample_homemade", euler),
}  # fmt: skip


class Sampler:
    """A sampler object as the hosts make it."""

    def __init__(self, name):
        self.config = SimpleNamespace(name=name)
        known, function = FUNCTIONS[name]
        self.func = functools.wraps(function)(lambda *args, **kwargs: function(*args, **kwargs))
        self.func.__name__ = known
        inner = SimpleNamespace(alphas_cumprod=alphas_cumprod())
        self.model_wrap = SimpleNamespace(inner_model=inner, sigmas=LOG_SIGMAS.exp())
        self.model_wrap_cfg = SimpleNamespace(inner_model=self.model_wrap)


class SigmasSampler(Sampler):
    def get_sigmas(self, p, steps):
        scheduler = p.hr_scheduler if p.is_hr_pass else p.scheduler
        p.extra_generation_params["Schedule type"] = scheduler
        return torch.tensor([*levels(scheduler, steps), 0.0])


class TimestepsSampler(Sampler):
    def get_timesteps(self, p, steps):
        return torch.tensor([min(t + 1, 999) for t in range(0, 1000, 1000 // steps)])


def levels(scheduler, steps):
    if scheduler == "Exponential":
        return [math.exp(math.log(SIGMA_MAX) + i / (steps - 1) * math.log(SIGMA_MIN / SIGMA_MAX)) for i in range(steps)]
    low, high = SIGMA_MIN ** (1 / 7), SIGMA_MAX ** (1 / 7)
    return [(high + i / (steps - 1) * (low - high)) ** 7 for i in range(steps)]


def progress_of(sigma):
    """1 - t / 1000 with the timestep t linear in log sigma between two training steps."""
    log = math.log(sigma)
    above = next((i for i in range(1, 1000) if LOG_SIGMAS[i] >= log), 999)
    low, high = float(LOG_SIGMAS[above - 1]), float(LOG_SIGMAS[above])
    return 1 - (above - 1 + min(max((log - low) / (high - low), 0.0), 1.0)) / 1000


@pytest.fixture
def ask(monkeypatch):
    """ask(sampler, scheduler, steps, strength, of): the answer of a host with a model and these samplers."""
    fake_modules.install()
    modules = sys.modules["modules"]

    def create_sampler(name, model):
        if name not in FUNCTIONS:
            raise AssertionError(f"bad sampler name: {name}")
        return (TimestepsSampler if FUNCTIONS[name][1] is timed else SigmasSampler)(name)

    def setup_img2img_steps(p, steps=None):  # as the hosts have it
        if steps is not None:
            return int(steps / min(p.denoising_strength, 0.999)) if p.denoising_strength > 0 else 0, steps - 1
        return p.steps, int(min(p.denoising_strength, 0.999) * p.steps)

    monkeypatch.setattr(modules.sd_models.model_data, "sd_model", SimpleNamespace(first_stage_model=None))
    monkeypatch.setattr(modules.sd_samplers, "create_sampler", create_sampler, raising=False)
    monkeypatch.setattr(modules.sd_samplers_common, "setup_img2img_steps", setup_img2img_steps, raising=False)
    from itermix.webui import levels

    return lambda sampler, scheduler="Karras", steps=20, strength=1.0, of="first pass": levels.answer(
        levels.Asked(sampler, scheduler, steps, strength, of)
    )


class UniPC:
    """What is asked of the host's class."""

    def __init__(self, model, schedule):
        self.schedule = schedule

    def get_time_steps(self, skip_type, t_T, t_0, N, device):
        power = {"time_uniform": 1, "time_quadratic": 2}[skip_type]
        return torch.linspace(t_T ** (1 / power), t_0 ** (1 / power), N + 1, dtype=torch.float64).pow(power)


@pytest.fixture
def unipc(monkeypatch):
    """unipc(skip_type): a host that has UniPC's code, and this option."""
    schedule = lambda kind, alphas_cumprod: SimpleNamespace(total_N=len(alphas_cumprod), T=1.0)  # noqa: E731
    module = SimpleNamespace(UniPC=UniPC, NoiseScheduleVP=schedule)
    monkeypatch.setitem(sys.modules, "modules.sd_samplers_timesteps_impl", SimpleNamespace(uni_pc=module))
    options = sys.modules["modules.shared"].opts
    return lambda skip_type: monkeypatch.setattr(options, "uni_pc_skip_type", skip_type, raising=False)


@pytest.mark.parametrize("scheduler", ["Karras", "Exponential"])
def test_a_first_pass_has_the_whole_schedule(ask, scheduler):
    answer = ask("Euler", scheduler, 12)
    assert answer["steps"] == 12 and answer["why"] == ""
    assert answer["progress"] == pytest.approx([progress_of(sigma) for sigma in levels(scheduler, 12)], abs=1e-6)


@pytest.mark.parametrize("scheduler", ["Karras", "Exponential"])
def test_a_hires_pass_has_the_last_steps_of_a_longer_schedule(ask, scheduler):
    answer = ask("Euler", scheduler, 14, 0.7, "hires pass")
    expected = [progress_of(sigma) for sigma in levels(scheduler, 20)[-14:]]
    assert answer["steps"] == 14 and answer["progress"] == pytest.approx(expected, abs=1e-6)


def test_img2img_makes_its_share_of_the_steps(ask):
    answer = ask("Euler", "Karras", 20, 0.7, "img2img")
    expected = [progress_of(sigma) for sigma in levels("Karras", 20)[-15:]]
    assert answer["steps"] == 15 and answer["progress"] == pytest.approx(expected, abs=1e-6)


def test_ddim_has_its_own_levels_and_count(ask):
    answer = ask("DDIM", "Karras", 20)
    expected = [1 - min(t + 1, 999) / 1000 for t in reversed(range(0, 1000, 50))][:19]
    assert answer["steps"] == 19 and answer["progress"] == pytest.approx(expected, abs=1e-12)


def test_ddim_as_a_hires_pass_makes_one_step_less_than_its_levels(ask):
    answer = ask("DDIM", "Karras", 20, 0.999, "hires pass")
    assert answer["steps"] == 18 and answer["progress"][0] == pytest.approx(1 - 901 / 1000)


@pytest.mark.parametrize("steps, groups", [(20, 7), (21, 8), (3, 2), (2, 1)])
def test_dpm_fast_divides_the_models_whole_range_evenly_in_log(ask, steps, groups):
    """20 evaluations are six steps of three and one of two; Karras has no say in a first pass."""
    low, high = float(LOG_SIGMAS[0]), float(LOG_SIGMAS[-1])
    expected = [progress_of(math.exp(high + i / groups * (low - high))) for i in range(groups)]
    answer = ask("DPM fast", steps=steps)
    assert answer["steps"] == groups and answer["progress"] == pytest.approx(expected, abs=1e-6)


def test_dpm_fast_as_a_hires_pass_divides_what_is_left_of_the_schedule(ask):
    sigmas = levels("Karras", 20)[-14:]
    first, last = math.log(sigmas[0]), math.log(sigmas[-1])
    expected = [progress_of(math.exp(first + i / 5 * (last - first))) for i in range(5)]  # 3 3 3 3 2
    answer = ask("DPM fast", "Karras", 14, 0.7, "hires pass")
    assert answer["steps"] == 5 and answer["progress"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("skip_type, of_time", [("time_uniform", 1), ("time_quadratic", 2)])
def test_unipc_goes_its_own_way_from_its_first_timestep_to_the_last(ask, unipc, skip_type, of_time):
    """By the host's own code, here the paper's formulas: t from 1 to 1 / 1000, evenly or with evenly spaced roots."""
    unipc(skip_type)
    first, last = 1.0, 1 / 1000 ** (1 / of_time)
    times = [(first + i / 20 * (last - first)) ** of_time for i in range(20)]
    answer = ask("UniPC", steps=20)
    assert answer["steps"] == 20 and answer["why"] == ""
    assert answer["progress"] == pytest.approx([1 - (1000 * t - 1) / 1000 for t in times], abs=1e-6)


def test_unipc_as_a_hires_pass_begins_at_the_timestep_that_it_is_given(ask, unipc):
    unipc("time_uniform")
    answer = ask("UniPC", "Karras", 10, 0.5, "hires pass")  # 20 steps, of which the host makes the timesteps of 9
    first = (min(8 * 50 + 1, 999) + 1) / 1000
    times = [first + i / 9 * (1 / 1000 - first) for i in range(9)]
    assert answer["steps"] == 9
    assert answer["progress"] == pytest.approx([1 - (1000 * t - 1) / 1000 for t in times], abs=1e-6)


def test_unipc_of_a_host_that_keeps_it_elsewhere_is_said_to_be_unknown(ask):
    answer = ask("UniPC", steps=20)
    assert answer["progress"] is None and answer["why"] == "the WebUI does not say where its steps are"


def test_what_nobody_knows_beforehand_is_not_said(ask):
    assert ask("DPM adaptive") == {
        "steps": None, "progress": None, "repeats": False,
        "why": "the sampler chooses its own steps, which are told under the picture",
    }  # fmt: skip
    assert ask("Homemade")["progress"] is None and "Homemade" in ask("Homemade")["why"]
    assert ask("no such")["progress"] is None and ask("no such")["why"]


def test_restart_says_that_it_makes_steps_again(ask):
    assert ask("Restart", steps=20)["repeats"] and not ask("Restart", steps=19)["repeats"]


def test_no_model_is_loaded_for_the_answer(ask, monkeypatch):
    monkeypatch.setattr(sys.modules["modules"].sd_models.model_data, "sd_model", None)
    answer = ask("Euler")
    assert answer["progress"] is None and "once a model is loaded" in answer["why"]


@pytest.mark.parametrize("wrong, named", [
    (dict(steps=0), "steps: 0"), (dict(steps=1001), "steps: 1001"), (dict(strength=1.5), "strength: 1.5"),
    (dict(strength=math.nan), "strength: nan"), (dict(of="second"), "of: 'second'"),
])  # fmt: skip
def test_what_is_not_allowed_is_named(ask, wrong, named):
    with pytest.raises(SettingsError, match=named):
        ask("Euler", **wrong)


class Predictor:
    """Of a flow model: its levels are moved towards noise by its shift."""

    def __init__(self, shift):
        self.set_parameters(shift)

    def set_parameters(self, shift):
        self.sigmas = [shift * t / (1 + (shift - 1) * t) for t in (i / 1000 for i in range(1, 1001))]


class Linker:
    def __init__(self, predictor):
        self.predictor = predictor

    @property
    def sigmas(self):
        return self.predictor.sigmas


class FlowSampler(Sampler):
    """As Forge Neo makes it: "Simple" from the model's table, "Flux2" by the picture's size."""

    def __init__(self, model):
        super().__init__("Euler")
        self.model_wrap = Linker(model.forge_objects.unet.model.predictor)
        self.model_wrap.inner_model = model

    def get_sigmas(self, p, steps):
        if p.scheduler == "Flux2":
            shift = (p.hr_upscale_to_x * p.hr_upscale_to_y if p.is_hr_pass else p.width * p.height) / 65536
            return torch.tensor([shift * t / (1 + (shift - 1) * t) for t in (1 - i / steps for i in range(steps + 1))])
        table = self.model_wrap.sigmas
        return torch.tensor([table[-1 - int(i * 1000 / steps)] for i in range(steps)] + [0.0])


@pytest.fixture
def flow_model(ask, monkeypatch):
    """A loaded flow model, of shift 3."""
    modules = sys.modules["modules"]
    predictor = Predictor(3.0)
    predictor.prediction_type = "const"
    unet = SimpleNamespace(model=SimpleNamespace(predictor=predictor))
    model = SimpleNamespace(forge_objects=SimpleNamespace(unet=unet), use_shift=True)
    monkeypatch.setattr(modules.sd_models.model_data, "sd_model", model)
    monkeypatch.setattr(modules.shared, "sd_model", model)
    monkeypatch.setattr(modules.sd_samplers, "create_sampler", lambda name, model: FlowSampler(model))
    return model


def progress_of_flow(levels):
    """By the signal-to-noise ratio, not behind the steps up to 0.45, the last step at 0.95 at least."""
    own = [progress_of(level / max(1 - level, 1e-9)) for level in levels]
    paced = [max(u, min(i / len(own), 0.45)) for i, u in enumerate(own)]
    return [*paced[:-1], max(paced[-1], 0.95)]


@pytest.mark.parametrize("shift, expected", [(0.0, 3.0), (9.0, 9.0)])
def test_a_flow_models_levels_are_those_of_the_pages_shift(ask, flow_model, shift, expected):
    from itermix.webui import levels

    before = list(flow_model.forge_objects.unet.model.predictor.sigmas)
    answer = levels.answer(levels.Asked("Euler", "Simple", 4, 1.0, "first pass", shift=shift))
    run = [expected * t / (1 + (expected - 1) * t) for t in (1.0, 0.75, 0.5, 0.25)]
    assert answer["progress"] == pytest.approx(progress_of_flow(run), abs=1e-4)
    assert flow_model.forge_objects.unet.model.predictor.sigmas == before  # it may be sampling


@pytest.mark.parametrize("of", ["first pass", "hires pass"])
def test_flux2s_levels_are_those_of_the_pages_size(ask, flow_model, of):
    from itermix.webui import levels

    answer = levels.answer(levels.Asked("Euler", "Flux2", 4, 1.0, of, 1024, 512))
    run = [8 * t / (1 + 7 * t) for t in (1.0, 0.75, 0.5, 0.25)]
    assert answer["progress"] == pytest.approx(progress_of_flow(run), abs=1e-4)


def test_flux2s_levels_are_those_of_the_size_that_the_host_makes_of_the_pages(ask, flow_model, monkeypatch):
    """Forge Neo: multiples of 64. 716 x 1.4 is 1002."""
    from itermix.webui import levels

    of_host = sys.modules["modules"].processing
    monkeypatch.setattr(of_host, "sRound", lambda side: math.floor(side / 64 + 0.5) * 64, raising=False)
    answer = levels.answer(levels.Asked("Euler", "Flux2", 4, 1.0, "hires pass", 1002, 500))
    run = [8 * t / (1 + 7 * t) for t in (1.0, 0.75, 0.5, 0.25)]  # of 1024 x 512
    assert answer["progress"] == pytest.approx(progress_of_flow(run), abs=1e-4)


def test_a_sampler_by_timestep_has_no_levels_on_a_flow_model(ask, flow_model, monkeypatch):
    monkeypatch.setattr(
        sys.modules["modules"].sd_samplers, "create_sampler", lambda name, model: TimestepsSampler(name)
    )
    answer = ask("DDIM")
    assert answer["progress"] is None and '"DDIM" cannot be mixed' in answer["why"]


@pytest.mark.parametrize("wrong, named", [(dict(width=-1), "width: -1"), (dict(shift=math.nan), "shift: nan")])
def test_a_size_that_is_not_allowed_is_named(ask, wrong, named):
    from itermix.webui import levels

    with pytest.raises(SettingsError, match=named):
        levels.Asked("Euler", "Simple", 4, 1.0, "first pass", **wrong)


@pytest.mark.parametrize("chosen, named, is_known", [
    ("a", "", True), ("a", "a", True), ("b", "", False), ("a", "b", False), (None, "", True), (None, "b", False),
    ("a", "no such one", True),
])  # fmt: skip
def test_of_a_model_that_is_not_loaded_yet_nothing_is_known(ask, monkeypatch, chosen, named, is_known):
    """Forge and its family load a checkpoint that was chosen with the next picture."""
    from itermix.webui import levels as asked_of

    files = {name: SimpleNamespace(filename=f"{name}.safetensors") for name in "ab"}
    host = sys.modules["modules"].sd_models
    monkeypatch.setattr(host.model_data.sd_model, "sd_checkpoint_info", files["a"], raising=False)
    parameters = {"checkpoint_info": files[chosen]} if chosen else {}
    monkeypatch.setattr(host.model_data, "forge_loading_parameters", parameters, raising=False)
    monkeypatch.setattr(host, "get_closet_checkpoint_match", files.get, raising=False)
    answer = asked_of.answer(asked_of.Asked("Euler", "Karras", 8, 1.0, "first pass", checkpoint=named))
    assert (answer["progress"] is not None) == is_known
    assert is_known or "is loaded with the next picture" in answer["why"]
