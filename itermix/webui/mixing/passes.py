"""One sampling pass: its reference, its noise and its mixer, attached to its sampler; and the line about it after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from itermix.mixing.curve import CUT
from itermix.mixing.mixer import Mixer, mixer_for
from itermix.mixing.reference import Reference
from itermix.mixing.settings import MixingSettings
from itermix.mixing.units import STEPS
from itermix.webui import run_state
from itermix.webui.compat import processing, progress, sampling
from itermix.webui.log import log
from itermix.webui.mixing import flow, hook, trace
from itermix.webui.mixing.arguments import MixingRequest
from itermix.webui.mixing.first_level import first_level
from itermix.webui.mixing.references import (
    UPLOADED,
    Encoded,
    NothingToMix,
    find_mask,
    find_reference,
    frame_of,
    has_own_reference,
    require_finite,
)
from itermix.webui.mixing.samplers import Pattern, SamplerCall, pattern_of

HOST_DENOISE_KEY = "Denoising strength"


def note(p: Any, reason: str | None) -> None:
    """Writes down for the batch under way that a pass was mixed (None), or why it was not."""
    outcome = run_state.of(p).outcome
    if outcome is not None and reason is None:
        outcome.is_mixed = True
    elif outcome is not None:
        outcome.reasons.append(f"{pass_name(p)}: {reason}")


def attach(p: Any, request: MixingRequest, x: Tensor, noise: Tensor, encoded: Encoded) -> None:
    """Makes the pass that is about to start a mixed one; where that cannot be, says why and leaves it as it is.

    x, noise: what the host is about to start from, [B, C, H, W]. encoded: pictures that this run has encoded.
    """
    try:
        if is_expected(p, request):
            prepared(p, request, x, noise, encoded).attach()
    except NothingToMix as reason:
        log.info(f"{pass_name(p)}: nothing mixed: {reason}")
        note(p, str(reason))
    except Exception as error:
        log.exception(f"{pass_name(p)}: mixing could not be set up; this pass is made without it")
        note(p, f"{type(error).__name__}: {error}")


def begin(p: Any) -> None:
    """Before a pass: it is to start from what the host has set, whatever a pass of an earlier batch was given."""
    own = run_state.of(p).host_denoise
    if own is not None:
        p.extra_generation_params[HOST_DENOISE_KEY] = own
    detach(p)


def detach(p: Any) -> None:
    """Takes off what a pass has left. The infotext keeps the denoising strength that was used."""
    state = run_state.of(p)
    if state.attachment is not None:
        state.attachment.detach()
    if state.host_denoise is not None:
        p.denoising_strength = state.host_denoise
    run_state.change(p, attachment=None, host_denoise=None)


def is_expected(p: Any, request: MixingRequest) -> bool:
    """Whether anybody expects this pass to be mixed: a first pass only with an upload, else the larger pass speaks."""
    state = run_state.of(p)
    is_enlarged = state.upscaling is not None and state.enlarging is None
    if frame_of(p) is not None or not (processing.hires_follows(p) or is_enlarged):
        return True
    return request.upload is not None and request.settings.passes != "hires pass"


def prepared(p: Any, request: MixingRequest, x: Tensor, noise: Tensor, encoded: Encoded) -> MixedPass:
    """The pass that is about to start from x. Raises NothingToMix where it has nothing to be mixed with."""
    settings, sampler = request.settings, p.sampler.config.name
    if frame_of(p) is None and settings.passes != "all":
        is_larger = processing.is_hires_pass(p) or run_state.of(p).enlarging is not None
        if (settings.passes == "hires pass") != is_larger:
            raise NothingToMix(f"passes is set to {settings.passes}")
    pattern = pattern_of(p.sampler.func)
    if pattern is None:
        raise NothingToMix(f'the sampler "{sampler}" is not known to itermix; take Euler, DPM++ 2M or another built-in')
    if settings.window == CUT and not pattern.counts_steps:
        raise NothingToMix(f'the sampler "{sampler}" chooses its own steps, in which the curve window "{CUT}" counts')
    if settings.unit == STEPS and not pattern.counts_steps:
        raise NothingToMix(f'the sampler "{sampler}" chooses its own steps, in which start and stop are given')
    if settings.rewind and not pattern.goes_back:
        raise NothingToMix(f'the sampler "{sampler}" cannot rewind; take Euler, DPM++ 2M or another one, or rewind off')
    if settings.rewind and processing.has_refiner(p):
        raise NothingToMix("rewind cannot go back from a refiner to the model before it; switch one of them off")
    refused = flow.refusal(p, x, noise, is_own=frame_of(p) is None and has_own_reference(p))
    if refused is not None:
        raise NothingToMix(refused)
    reference = find_reference(p, request, x, encoded)
    require_finite(reference)
    frame = frame_of(p)
    if frame is not None and frame.frame.alpha_1 is not None:
        settings = replace(settings, alpha_1=frame.frame.alpha_1)
    denoise = settings.hires_denoise if processing.is_hires_pass(p) else 0.0
    painted = processing.inpaint_mask(p)
    mask = find_mask(p, request, x, painted)
    return MixedPass(p, settings, pass_name(p), sampler, p.sampler.func, reference, x, noise, painted, mask, denoise)


@dataclass
class MixedPass:
    """A pass with what is mixed into it: what `hook.Attachment` asks for.

    function: the sampler's own. x, noise: what the host starts from. painted: what inpainting samples. mask: the user's
    own weight map. denoise: the pass's strength, 0 for the host's.
    """

    p: Any
    settings: MixingSettings
    name: str
    sampler: str
    function: Callable
    reference: Reference
    x: Tensor
    noise: Tensor
    painted: Tensor | None
    mask: Tensor | None
    denoise: float

    def attach(self) -> None:
        p = self.p
        if run_state.of(p).enlarging is not None and self.reference.source != UPLOADED:
            self._start_from_reference()
        run_state.change(p, attachment=hook.Attachment(p.sampler, self))
        if self.denoise > 0.0:  # last: a pass that is made without mixing keeps the host's own
            run_state.change(p, host_denoise=p.denoising_strength)
            if p.denoising_strength != self.denoise:
                p.comment(
                    f"Iterative Mixing: the hires pass was made at denoising strength {self.denoise:g}, not at the "
                    f"{p.denoising_strength:g} of Hires. fix; hires_denoise 0 keeps that"
                )
            p.denoising_strength = self.denoise
            p.extra_generation_params[HOST_DENOISE_KEY] = self.denoise

    def _start_from_reference(self) -> None:
        """In place: the host hands the very tensor on to its sampler.

        Of a batch Qwen-Image's encoder has made one latent; then the tensor becomes one of all of them.
        """
        latent = self.reference.latent
        if latent.shape != self.x.shape:
            self.x.set_(latent.to(self.x, copy=True).contiguous())
        elif latent is not self.x:
            self.x.copy_(latent)

    def is_interrupted(self) -> bool:
        return progress.is_interrupted()

    def mixer(self, model: torch.nn.Module, state: Tensor, call: SamplerCall, pattern: Pattern) -> Mixer:
        steps = pattern.steps(call)
        noising = sampling.noising_of(self.function, model).over(call.levels[:steps])
        return mixer_for(
            self.settings,
            self.reference,
            self.noise,
            processing.seeds(self.p, len(state)),
            state,
            steps,
            noising,
            painted=self.painted,
            mask=self.mask,
            first_level=first_level(noising, state, self.x, self.noise),
            trace=trace.requested(self.p, steps, state),
        )

    def _why_nothing(self) -> str:
        if progress.is_interrupted():
            return "the pass was interrupted or skipped before a step was mixed"
        if self.painted is not None and not bool(self.painted.any()):
            return "the mask leaves nothing to be painted"
        if self.mask is not None:
            return "the weight times the mixing mask is 0 at every step"
        return "the weight is 0 at every step"

    def _strengths(self) -> str:
        """The hires pass's denoising strength where it is not the one that the user sees on the host's slider."""
        own = run_state.of(self.p).host_denoise
        if self.denoise == 0.0 or own is None or own == self.denoise:
            return ""
        return f", denoising strength {self.denoise:g} in place of {own:g}"

    def failed(self, error: Exception) -> None:
        note(self.p, f"{type(error).__name__}: {error}")
        if self.denoise > 0.0:  # too late for the host's own: the schedule is made
            log.warning(
                f"{self.name}: without mixing, but at the denoising strength that was meant for it, {self.denoise}"
            )

    def done(self, mixer: Mixer, pattern: Pattern, call: SamplerCall, fault: str | None) -> None:
        nothing = None if mixer.report.steps else self._why_nothing()
        note(self.p, nothing if fault is None else fault)
        source = self.reference.source if self.mask is None else f"{self.reference.source}, mask: {self.settings.mask}"
        steps = pattern.steps(call)
        text = summary(self.name, self.sampler, source, mixer, steps, fault, nothing)
        log.info(f"{text}{self._strengths()}")
        if steps is None and nothing is None and frame_of(self.p) is None:  # the page's curve could not say it before
            self.p.comment(f"{MixingSettings.title}: {text}")
        trace.keep(self.p, mixer, self.name, self.sampler)


def pass_name(p: Any) -> str:
    if frame_of(p) is not None:
        return "frame"
    enlarging = run_state.of(p).enlarging
    if enlarging is not None:
        return enlarging.name
    if processing.is_img2img(p):
        return "img2img"
    return "hires pass" if processing.is_hires_pass(p) else "first pass"


def summary(
    name: str, sampler: str, source: str, mixer: Mixer, steps: int | None, fault: str | None, nothing: str | None
) -> str:
    """The one line after a pass. nothing: why nothing was mixed; None where something was."""
    report = mixer.report
    head = f"{name}: {sampler}, reference: {source}, "
    if fault:
        return f"{head}mixed {report.counted()}, then stopped by {fault}"
    if nothing is not None:
        return f"{head}nothing mixed: {nothing}"
    return f"{head}mixed {report.counted(steps)}, {report}"
