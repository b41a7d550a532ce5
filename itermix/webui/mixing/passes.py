"""One sampling pass: its reference, its noise and its mixer, attached to its sampler; and the line about it after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from itermix.mixing.mixer import Mixer, mixer_for
from itermix.mixing.noising import VP, Noising
from itermix.mixing.reference import Reference
from itermix.mixing.settings import MixingSettings
from itermix.webui import compat, run_state
from itermix.webui.log import log
from itermix.webui.mixing import hook, trace
from itermix.webui.mixing.arguments import MixingRequest
from itermix.webui.mixing.samplers import Pattern, SamplerCall, pattern_of

HOST_DENOISE_KEY = "Denoising strength"
LEVEL_TOLERANCE = 1e-3  # share of a state that its own reference and noise may leave unexplained

Encoded = dict[tuple, Tensor]


class NothingToMix(Exception):
    """Why a pass is made without mixing."""


def attach(p: Any, request: MixingRequest, x: Tensor, noise: Tensor, encoded: Encoded) -> None:
    """Makes the pass that is about to start a mixed one; where that cannot be, says why and leaves it as it is.

    x, noise: what the host is about to start from, [B, C, H, W]. encoded: pictures that this run has encoded.
    """
    try:
        if is_expected(p, request):
            prepared(p, request, x, noise, encoded).attach()
    except NothingToMix as reason:
        log.info(f"{pass_name(p)}: nothing mixed: {reason}")
    except Exception:
        log.exception(f"{pass_name(p)}: mixing could not be set up; this pass is made without it")


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
    """Whether anybody expects this pass to be mixed: a first pass only with an upload, else the hires pass speaks."""
    if frame_of(p) is not None or not compat.hires_follows(p):
        return True
    return request.upload is not None and request.settings.passes != "hires pass"


def prepared(p: Any, request: MixingRequest, x: Tensor, noise: Tensor, encoded: Encoded) -> MixedPass:
    """The pass that is about to start from x. Raises NothingToMix where it has nothing to be mixed with."""
    settings, sampler = request.settings, p.sampler.config.name
    if frame_of(p) is None and settings.passes != "all":
        if (settings.passes == "hires pass") != compat.is_hires_pass(p):
            raise NothingToMix(f"passes is set to {settings.passes}")
    if pattern_of(p.sampler.func) is None:
        raise NothingToMix(f'the sampler "{sampler}" is not known to itermix; take Euler, DPM++ 2M or another built-in')
    reference = find_reference(p, request, x, encoded)
    if not bool(reference.latent.isfinite().all()):  # an encoder in half precision overflows on some pictures
        raise NothingToMix(f"the reference ({reference.source}) became values that are no numbers when it was encoded")
    denoise = settings.hires_denoise if compat.is_hires_pass(p) else 0.0
    mask = compat.inpaint_mask(p)
    return MixedPass(p, settings, pass_name(p), sampler, p.sampler.func, reference, x, noise, mask, denoise)


@dataclass
class MixedPass:
    """A pass with what is mixed into it: what `hook.Attachment` asks for.

    function: the sampler's own. x, noise: what the host starts from. denoise: the pass's strength, 0 for the host's.
    """

    p: Any
    settings: MixingSettings
    name: str
    sampler: str
    function: Callable
    reference: Reference
    x: Tensor
    noise: Tensor
    mask: Tensor | None
    denoise: float

    def attach(self) -> None:
        p = self.p
        run_state.change(p, attachment=hook.Attachment(p.sampler, self))
        if self.denoise > 0.0:  # last: a pass that is made without mixing keeps the host's own
            run_state.change(p, host_denoise=p.denoising_strength)
            p.denoising_strength = self.denoise
            p.extra_generation_params[HOST_DENOISE_KEY] = self.denoise

    def is_interrupted(self) -> bool:
        return compat.is_interrupted()

    def mixer(self, model: torch.nn.Module, state: Tensor, call: SamplerCall, pattern: Pattern) -> Mixer:
        noising = compat.noising_of(self.function, model)
        steps = pattern.steps(call)
        return mixer_for(
            self.settings,
            self.reference,
            self.noise,
            compat.seeds(self.p, len(state)),
            state,
            steps,
            noising,
            mask=self.mask,
            first_level=first_level(noising, state, self.x, self.noise),
            trace=trace.requested(steps),
        )

    def failed(self, error: Exception) -> None:
        if self.denoise > 0.0:  # too late for the host's own: the schedule is made
            log.warning(
                f"{self.name}: without mixing, but at the denoising strength that was meant for it, {self.denoise}"
            )

    def done(self, mixer: Mixer, pattern: Pattern, call: SamplerCall, fault: str | None) -> None:
        log.info(summary(self.name, self.sampler, self.reference.source, mixer, pattern.steps(call), fault))
        trace.save(self.p, mixer, self.name, self.sampler)


def frame_of(p: Any) -> Any | None:
    """The later frame of a sequence that is being sampled, with its `reference`; None where there is none."""
    sequence = run_state.of(p).sequence
    return None if sequence is None else sequence.frame


def find_reference(p: Any, request: MixingRequest, x: Tensor, encoded: Encoded) -> Reference:
    """The reference of the pass that is about to start from x. Raises NothingToMix where there is none."""
    settings, upload = request.settings, request.upload
    frame = frame_of(p)
    if frame is not None:  # which has chosen for itself
        if frame.reference is None:
            raise NothingToMix("mixing_reference is off")
        return Reference(frame.reference, source="Latent Sequence")
    has_own = compat.is_hires_pass(p) or compat.is_img2img(p)
    if upload is not None and (settings.reference == "uploaded image" or not has_own):
        fit = settings.reference_fit
        key = (*x.shape[1:], getattr(p.sd_model, "sd_model_hash", None))
        if key not in encoded:
            encoded[key] = compat.encode(p, upload.picture(), fit, x)
        return Reference(encoded[key], compat.fitting_scale(upload.picture(), fit, x), source="uploaded image")
    if settings.reference == "uploaded image":
        raise NothingToMix("reference is set to uploaded image, but none was uploaded")
    if not has_own:
        raise NothingToMix("txt2img's first pass has no reference; turn on hires fix or upload a reference image")
    if compat.masked_content_is_noise(p):
        raise NothingToMix(
            "the masked content holds no picture; set it to fill or original, or upload a reference image"
        )
    source = "upscaled first pass" if compat.is_hires_pass(p) else "init latent"
    return Reference(x, compat.enlargement(p), compat.latent_interpolation(p), source)


def pass_name(p: Any) -> str:
    if frame_of(p) is not None:
        return "frame"
    if compat.is_img2img(p):
        return "img2img"
    return "hires pass" if compat.is_hires_pass(p) else "first pass"


def first_level(noising: Noising, state: Tensor, x: Tensor, noise: Tensor) -> tuple[float, float] | None:
    """(a, s) of the first state = a x + s noise, where the host noised it by another timestep than it samples from.

    In img2img and hires passes the timestep samplers noise the latent to one timestep and sample from the one
    before. None where the state is not made of these two.
    """
    if not isinstance(noising, VP) or x is noise or x.shape != state.shape:
        return None
    state, x, noise = (t[0].flatten().float() for t in (state, x, noise))
    xx, nn, xn, xs, ns = (
        float(torch.dot(a, b)) for a, b in ((x, x), (noise, noise), (x, noise), (x, state), (noise, state))
    )
    determinant = xx * nn - xn * xn
    if determinant <= 0.0:
        return None
    a, s = (xs * nn - ns * xn) / determinant, (ns * xx - xs * xn) / determinant
    unexplained = torch.linalg.vector_norm(state - a * x - s * noise) / torch.linalg.vector_norm(state)
    return (a, s) if float(unexplained) < LEVEL_TOLERANCE else None


def summary(name: str, sampler: str, source: str, mixer: Mixer, steps: int | None, fault: str | None) -> str:
    """The one line after a pass."""
    report = mixer.report
    head = f"{name}: {sampler}, reference: {source}, "
    if fault:
        return f"{head}stopped after {report.steps} mixed steps by {fault}"
    if not report.steps:
        return f"{head}nothing mixed: the weight is 0 at every step"
    of = f" of {steps}" if steps else ""
    return f"{head}mixed {report.steps}{of} steps, weight {report.first:.3f} to {report.last:.3f}"
