"""What a host does for a sequence (`itermix.sequence.host.Host`), through the processing object of one run.

Frame 0 is the host's own txt2img (hires fix included) or img2img. Later frames are the host's img2img sampling on the
latent before: of the size of frame 0's result, so with hires fix they are large and have no second pass of their own,
which would change again what the frame before has just found.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from itermix.sequence.conditioning import Conditioning
from itermix.sequence.host import Job
from itermix.sequence.settings import SequenceSettings
from itermix.webui.compat import conditionings, edited, latents, processing, progress, sampling
from itermix.webui.compat.randomness import drawing_from
from itermix.webui.log import log
from itermix.webui.mixing import passes
from itermix.webui.sequence.backwards import Ascent, replace_by_ascent, start_from
from itermix.webui.sequence.prompts import PreparedPrompts

# A sampler of the host's is a circle of objects, and each frame has one of its own: in a process of millions of objects
# Python would leave them lying for hundreds of frames. A sweep takes some tenths of a second.
FRAMES_BETWEEN_SWEEPS = 50
# Of the processing object, which encoding another prompt overwrites.
OVERWRITTEN = (
    "prompts", "negative_prompts", "c", "uc", "hr_c", "hr_uc", "extra_network_data", "iteration", "cfg_scale",
)  # fmt: skip


def a_pass_of_its_own(method: Callable) -> Callable:
    """For what samples a latent: it is no hires pass, and the request has the size of the latent's picture, by
    which some schedules go (Flux.2's); with hires fix that is larger than the request's own."""

    @functools.wraps(method)
    def sized(self: Any, job: Job, latent: Tensor, *more: Any) -> Tensor:
        self.p.is_hr_pass = False
        size = latents.size_of(self.p.sd_model, latent)
        with processing.sized(self.p, size), drawing_from(job.seeds[0]):  # as LCM does; a resumed one draws the same
            return method(self, job, latent, *more)

    return sized


class WebUIHost:
    """p: the host's processing object. of_host: its own methods by name, which are replaced during the run.
    prompts: what the host has made of the plan's. identity: of all that decides about a frame beside the plan."""

    def __init__(self, p: Any, of_host: dict[str, Callable], prompts: PreparedPrompts, identity: str = ""):
        self.p, self._of_host, self._prompts, self.identity = p, of_host, prompts, identity
        self.batch: int = p.batch_size
        self.init: Tensor | None = p.init_latent.clone() if processing.is_img2img(p) else None
        self.init_is_drawn = True  # from the posterior of the VAE, by the global generator
        self.device = sampling.device() if self.init is None else self.init.device
        self.mask = processing.inpaint_mask(p)
        self._encoding_cfg = p.cfg_scale  # the largest: at 1 Forge encodes no negative prompt
        self.last: Tensor | None = None
        self.unfinished: Tensor | None = None  # what an interrupt has left of the frame under way
        self.pictures: Any = None  # of frame 0 with hires fix, which the host has decoded already
        self.hires_latent: Tensor | None = None  # of these pictures
        self.frame: Job | None = None  # the later frame that is being sampled
        self._ascent: Ascent | None = None  # what unsampling has led to, for the frame under way

    def encode(self, prompt: str, negative: bool) -> Conditioning:
        """Through the host's own `setup_conds`, with the prompt's extra networks on."""
        p, prompt = self.p, self._prompts.of(prompt, negative)
        try:
            with processing.restored(p, OVERWRITTEN), edited.together_with(p.sd_model, self._prompts.to_edit):
                p.cfg_scale = self._encoding_cfg
                # The other side stays what it was, so that the host's cache answers for it.
                if negative:
                    p.prompts, p.negative_prompts = p.prompts[:1], [prompt]
                else:
                    p.prompts, p.negative_prompts = [prompt], p.negative_prompts[:1]
                    self._of_host["parse_extra_network_prompts"]()
                    conditionings.activate_networks(p)
                self._of_host["setup_conds"]()
                return conditionings.of_negative(p.uc) if negative else conditionings.of_positive(p.c)
        finally:
            if not negative:
                conditionings.activate_networks(p)

    def sample(self, job: Job, latent: Tensor | None, noised: bool) -> Tensor:
        processing.let_go_of_pictures(self.p)
        progress.show_frame(job.frame.index + 1, job.total)
        c, uc = self._conditionings(job)
        if job.frame.index % FRAMES_BETWEEN_SWEEPS == FRAMES_BETWEEN_SWEEPS - 1:
            gc.collect()
        if latent is None or job.frame.index == 0:
            made = self._first(job, c, uc)  # which draws as the plain picture does
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
            _note_strength(p.denoising_strength, job.frame.denoise)
            p.denoising_strength = job.frame.denoise
        self.hires_latent = None
        made = self._of_host["sample"](
            conditioning=c, unconditional_conditioning=uc, seeds=p.seeds, subseeds=p.subseeds,
            subseed_strength=p.subseed_strength, prompts=p.prompts,
        )  # fmt: skip
        passes.detach(p)  # later frames have a denoising strength of their own
        if not getattr(made, "already_decoded", False):
            return made
        if self.hires_latent is None:
            raise RuntimeError("the hires pass gave no latent for the next frame; turn hires fix off")
        self.pictures = made
        return self.hires_latent

    def capture(self) -> None:
        """Keeps the latent of a hires pass that is about to be sampled, before the host decodes it."""
        if not processing.is_hires_pass(self.p):
            return

        def kept(latent: Tensor) -> Tensor:
            self.hires_latent = latent
            return latent

        sampling.after_img2img(self.p.sampler, "sequence", kept)

    @a_pass_of_its_own
    def _later(self, job: Job, latent: Tensor, noised: bool, c: Any, uc: Any) -> Tensor:
        p = self.p
        self.pictures = None
        p.denoising_strength = job.frame.denoise
        p.rng, noise = sampling.noise_of(p, latent)
        p.sampler = self._sampler()
        state, ascent, self._ascent = None, self._ascent, None
        if noised and ascent is not None:  # scripts, masks and the model's own conditioning get the clean latent
            state, latent, noise = latent, ascent.clean, ascent.noise_in(latent)
        self.frame = job
        conditioning = self._image_conditioning(latent)
        if p.scripts is not None:
            p.scripts.process_before_every_sampling(p=p, x=latent, noise=noise, c=c, uc=uc)
        noise = sampling.scripts_noise(p, noise)
        if state is not None:
            start_from(p.sampler, state)
        return p.sampler.sample_img2img(p, latent, noise, c, uc, image_conditioning=conditioning)

    @a_pass_of_its_own
    def unsample(self, job: Job, latent: Tensor, steps: int) -> Tensor:
        """The sampler's schedule for the frame's denoise, upwards, by Euler's method."""
        p = self.p
        if job.frame.denoise == 0.0:
            return latent
        p.denoising_strength = job.frame.denoise
        p.sampler = self._sampler()
        c, uc = self._conditionings(job)
        replace_by_ascent(p.sampler, latent, steps, lambda ascent: setattr(self, "_ascent", ascent))
        p.sampler.sample_img2img(
            p, latent, torch.zeros_like(latent), c, uc, image_conditioning=self._image_conditioning(latent)
        )
        progress.next_pass()  # one of its own for the progress
        return latent if self._ascent is None else self._ascent.state  # None: interrupted, or skipped, on the way

    def noise(self, seeds: tuple[int, ...], like: Tensor) -> Tensor:
        return sampling.noise_of_seeds(seeds, like)

    def emit(self, job: Job, latent: Tensor) -> None:
        """The host decodes what `sample` gave it; there is nothing left to do."""

    def stopped(self) -> bool:
        return progress.is_stopping()

    def cut_short(self) -> bool:
        return progress.is_cut_short()

    def skipped(self) -> bool:
        return progress.take_skip()

    def _sampler(self) -> Any:
        return sampling.create_sampler(self.p.sampler_name, self.p.sd_model)

    def _image_conditioning(self, latent: Tensor) -> Any:
        return self.p.txt2img_image_conditioning(latent) if self.init is None else self.p.image_conditioning

    def _conditionings(self, job: Job) -> tuple[Any, Any]:
        """In the form of the host's sampler, which takes the frame's own CFG scale, too."""
        if job.frame.cfg is not None:
            self.p.cfg_scale = job.frame.cfg
        c = conditionings.positive_of(job.positive, self.batch)
        is_left_out = self.p.uc is None  # as Forge does where CFG is 1
        return c, None if is_left_out else conditionings.negative_of(job.negative, self.batch)


def _note_strength(page: float, own: float) -> None:
    """Says where the first frame replaces more or less of the page's picture than the page says."""
    if page != own:
        told = f"denoise {own:g} and not the page's denoising strength {page:g}"
        log.info(f"{SequenceSettings.title}: the first frame has {told}")
