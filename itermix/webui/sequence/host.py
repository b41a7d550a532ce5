"""What a host does for a sequence (`itermix.sequence.host.Host`), through the processing object of one run.

Frame 0 is the host's own txt2img (hires fix included) or img2img. Later frames are the host's img2img sampling on the
latent before: of the size of frame 0's result, so with hires fix they are large and have no second pass of their own,
which would change again what the frame before has just settled.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from modules import devices, extra_networks, prompt_parser, rng, sd_samplers, shared
from torch import Tensor

from itermix.sequence.conditioning import Conditioning, Part
from itermix.sequence.host import Job
from itermix.webui import compat
from itermix.webui.mixing import passes

LOWEST = 1e-4  # of a k-diffusion schedule run backwards: at 0 there is no direction
# A sampler of the host's is a circle of objects, and each frame has one of its own: in a process of millions of objects
# Python would leave them lying for hundreds of frames. A sweep takes some tenths of a second.
FRAMES_BETWEEN_SWEEPS = 50
# Of the processing object, which encoding another prompt overwrites.
OVERWRITTEN = ("prompts", "negative_prompts", "c", "uc", "hr_c", "hr_uc", "extra_network_data", "iteration")


class WebUIHost:
    """p: the host's processing object. sample, setup_conds: its own methods of these names."""

    def __init__(self, p: Any, sample: Callable, setup_conds: Callable, messages: list[str]):
        self.p, self._host_sample, self._host_setup_conds, self.messages = p, sample, setup_conds, messages
        self.batch: int = p.batch_size
        self.init: Tensor | None = p.init_latent.clone() if compat.is_img2img(p) else None
        self.device = torch.device(shared.device) if self.init is None else self.init.device
        self.mask = compat.inpaint_mask(p)
        self.last: Tensor | None = None
        self.unfinished: Tensor | None = None  # what an interrupt has left of the frame under way
        self.pictures: Any = None  # of frame 0 with hires fix, which the host has decoded already
        self._start: tuple[Tensor, Tensor] | None = None  # state and noise that unsampling has led to

    @property
    def identity(self) -> str:
        p = self.p
        values = (
            getattr(p, "sd_model_hash", None), p.sampler_name, getattr(p, "scheduler", None), p.steps, p.cfg_scale,
            p.width, p.height, getattr(p, "enable_hr", False), getattr(p, "hr_scale", None), p.batch_size,
            p.extra_generation_params.get("Iterative Mixing"),
        )  # fmt: skip
        return repr(values)

    def encode(self, prompt: str, negative: bool) -> Conditioning:
        """Through the host's own `setup_conds`, with the prompt's extra networks on."""
        p = self.p
        kept = {name: getattr(p, name) for name in OVERWRITTEN if hasattr(p, name)}
        try:
            # The other side stays what it was, so that the host's cache answers for it.
            if negative:
                p.prompts, p.negative_prompts = p.prompts[:1], [prompt]
            else:
                p.prompts, p.negative_prompts = [prompt], p.negative_prompts[:1]
                p.parse_extra_network_prompts()
                self._activate()
            self._host_setup_conds()
            return _of_host(p.uc, None) if negative else _of_host(p.c.batch[0], True)
        finally:
            for name, value in kept.items():
                setattr(p, name, value)
            if not negative:
                self._activate()

    def _activate(self) -> None:
        if not self.p.disable_extra_networks:
            with devices.autocast():
                extra_networks.activate(self.p, self.p.extra_network_data)

    def sample(self, job: Job, latent: Tensor | None, noised: bool) -> Tensor:
        compat.let_go_of_pictures(self.p)
        shared.state.job = f"Frame {job.frame.index + 1} of {job.total}"
        shared.state.textinfo = f"Latent Sequence: frame {job.frame.index + 1} of {job.total}"
        c, uc = self._conditionings(job)
        if job.frame.index % FRAMES_BETWEEN_SWEEPS == FRAMES_BETWEEN_SWEEPS - 1:
            gc.collect()
        if latent is None or job.frame.index == 0:
            made = self._first(job, c, uc)
        elif job.frame.denoise == 0.0:
            made = latent
        else:
            made = self._later(job, latent, noised, c, uc)
        if self.cut_short():
            self.unfinished = made
        else:
            self.last = made
        return made

    def _first(self, job: Job, c: Any, uc: Any) -> Tensor:
        p = self.p
        if self.init is not None:
            if job.frame.denoise == 0.0:
                return self.init
            p.denoising_strength = job.frame.denoise
        p.itermix_latent = None  # `capture` puts the hires pass's there
        made = self._host_sample(
            conditioning=c, unconditional_conditioning=uc, seeds=p.seeds, subseeds=p.subseeds,
            subseed_strength=p.subseed_strength, prompts=p.prompts,
        )  # fmt: skip
        passes.detach(p)  # later frames have a denoising strength of their own
        if not getattr(made, "already_decoded", False):
            return made
        if p.itermix_latent is None:
            raise RuntimeError("the latent of the hires pass was not to be had; turn hires fix off")
        self.pictures = made
        return p.itermix_latent

    def _later(self, job: Job, latent: Tensor, noised: bool, c: Any, uc: Any) -> Tensor:
        p = self.p
        self.pictures = None
        p.is_hr_pass = False
        p.denoising_strength = job.frame.denoise
        p.rng = rng.ImageRNG(tuple(latent.shape[1:]), list(job.seeds))
        noise = p.rng.next().to(latent)
        p.sampler = self._sampler()
        state = None
        if noised and self._start is not None:
            state, noise = self._start
            self._start = None
        p.itermix_reference = job.reference
        conditioning = self._image_conditioning(latent)
        if p.scripts is not None:
            p.scripts.process_before_every_sampling(p=p, x=latent, noise=noise, c=c, uc=uc)
        if state is not None:
            _start_from(p.sampler, state)
        return p.sampler.sample_img2img(p, latent, noise, c, uc, image_conditioning=conditioning)

    def unsample(self, job: Job, latent: Tensor, steps: int) -> Tensor:
        """The sampler's schedule for the frame's denoise, upwards, by Euler's method."""
        p = self.p
        if job.frame.denoise == 0.0:
            return latent
        p.is_hr_pass = False
        p.denoising_strength = job.frame.denoise
        p.sampler = self._sampler()
        c, uc = self._conditionings(job)
        found: dict[str, Any] = {}
        _run_backwards(p.sampler, latent, steps, found)
        p.sampler.sample_img2img(
            p, latent, torch.zeros_like(latent), c, uc, image_conditioning=self._image_conditioning(latent)
        )
        shared.state.nextjob()  # a pass of its own for the progress
        if "state" not in found:  # interrupted, or skipped, on the way
            return latent
        self._start = (found["state"], found["noise"])
        return found["state"]

    def noise(self, seeds: tuple[int, ...], like: Tensor) -> Tensor:
        return rng.ImageRNG(tuple(like.shape[1:]), list(seeds)).next().to(like)

    def emit(self, job: Job, latent: Tensor) -> None:
        """The host decodes what `sample` gave it; there is nothing left to do."""

    def stopped(self) -> bool:
        return compat.is_stopping()

    def cut_short(self) -> bool:
        return shared.state.interrupted

    def skipped(self) -> bool:
        was, shared.state.skipped = shared.state.skipped, False
        return was

    def _sampler(self) -> Any:
        return sd_samplers.create_sampler(self.p.sampler_name, self.p.sd_model)

    def _image_conditioning(self, latent: Tensor) -> Any:
        if self.init is not None:
            return self.p.image_conditioning
        return self.p.txt2img_image_conditioning(latent)

    def _conditionings(self, job: Job) -> tuple[Any, Any]:
        """In the form of the host's sampler."""
        parts = [
            prompt_parser.ComposableScheduledPromptConditioning(_schedule(part), part.weight)
            for part in job.positive.parts
        ]
        c = prompt_parser.MulticondLearnedConditioning(shape=(self.batch,), batch=[parts] * self.batch)
        if self.p.uc is None:  # Forge leaves it out where CFG is 1
            return c, None
        return c, [_schedule(job.negative.parts[0])] * self.batch


def capture(p: Any) -> None:
    """Keeps the latent of a hires pass that is about to be sampled for a sequence, before the host decodes it."""
    if not hasattr(p, "itermix_sequence") or not compat.is_hires_pass(p):
        return
    sample = type(p.sampler).sample_img2img.__get__(p.sampler)

    def kept(*args: Any, **kwargs: Any) -> Any:
        p.itermix_latent = sample(*args, **kwargs)
        return p.itermix_latent

    p.sampler.sample_img2img = kept


def _of_host(found: Any, is_multiple: bool | None) -> Conditioning:
    """From what the host has encoded for one image: parts of a prompt, or the one schedule of a negative prompt."""
    if is_multiple:
        return Conditioning(tuple(Part(part.weight, _steps(part.schedules)) for part in found))
    if found is None:  # CFG 1 in Forge: nobody will look at it
        return Conditioning.of(torch.zeros(1, 1))
    return Conditioning((Part(1.0, _steps(found[0])),))


def _steps(schedule: Any) -> tuple:
    return tuple((step.end_at_step, dict(step.cond) if isinstance(step.cond, dict) else step.cond) for step in schedule)


def _schedule(part: Part) -> list[Any]:
    return [prompt_parser.ScheduledPromptConditioning(step, value) for step, value in part.schedule]


def _start_from(sampler: Any, state: Tensor) -> None:
    """Makes the sampler's function begin from this state, whatever the host noised."""
    function = sampler.func

    @functools.wraps(function)
    def begun(model: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(model, state.to(x), *args, **kwargs)

    sampler.func = begun


def _run_backwards(sampler: Any, latent: Tensor, steps: int, found: dict[str, Any]) -> None:
    """Puts the ODE run backwards in the place of the sampler's function; found: its state and the noise in that.

    The host inspects the names of the arguments, so there is one function for each kind of sampler.
    """

    def by_sigma(
        model: Any, x: Tensor, sigmas: Tensor, extra_args: Any = None, callback: Any = None, disable: Any = None
    ):
        is_flow = compat.is_flow_model()
        levels = _resampled(sigmas.flip(0).double(), steps)
        levels[0] = LOWEST
        state = latent.clone()
        for i in range(len(levels) - 1):
            level = torch.full((len(state),), float(levels[i]), device=state.device, dtype=state.dtype)
            direction = (state - model(state, level, **(extra_args or {}))) / float(levels[i])
            if callback is not None:
                callback({"x": state, "i": i, "sigma": levels[i], "sigma_hat": levels[i], "denoised": state})
            state = state + direction * float(levels[i + 1] - levels[i])
        top = float(levels[-1])
        clean = latent * (1.0 - top) if is_flow else latent
        found.update(state=state, noise=(state - clean) / top)
        return state

    def by_timestep(
        model: Any, x: Tensor, timesteps: Tensor, extra_args: Any = None, callback: Any = None, disable: Any = None
    ):
        abar = model.inner_model.inner_model.alphas_cumprod.double().cpu()
        times = timesteps.double().cpu()
        times = _resampled(torch.cat([times.new_zeros(1), times]), steps) if times[0] > 0 else _resampled(times, steps)
        amounts = torch.from_numpy(_between(times.numpy(), abar.numpy()))
        sigmas, scales = ((1.0 - amounts) / amounts).sqrt(), amounts.sqrt()
        state = latent.clone()  # divided by its scale, as if variance exploded
        for i in range(len(times) - 1):
            scale = float(scales[i])
            t = torch.full((len(state),), float(times[i]), device=state.device, dtype=state.dtype)
            eps = model(state * scale, t, **(extra_args or {}))
            if callback is not None:
                callback({"x": state, "i": i, "sigma": 0, "sigma_hat": 0, "denoised": state})
            state = state + eps * float(sigmas[i + 1] - (sigmas[i] if i else 0.0))
        sigma, scale = float(sigmas[-1]), float(scales[-1])
        found.update(state=state * scale, noise=(state - latent) / sigma)
        return found["state"]

    sampler.func = by_timestep if type(sampler).__name__ == "CompVisSampler" else by_sigma


def _resampled(levels: Tensor, steps: int) -> Tensor:
    """As many steps as asked for between the same ends; 0: those that there are."""
    if steps == 0 or steps == len(levels) - 1 or len(levels) < 2:
        return levels.clone()
    places = torch.linspace(0.0, len(levels) - 1.0, steps + 1, dtype=levels.dtype)
    low = places.floor().long().clamp(max=len(levels) - 2)
    share = (places - low).to(levels)
    low = low.to(levels.device)
    return levels[low] * (1.0 - share) + levels[low + 1] * share


def _between(times: Any, abar: Any) -> Any:
    return np.exp(np.interp(times, range(len(abar)), np.log(abar)))
