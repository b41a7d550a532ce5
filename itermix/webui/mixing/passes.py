"""One sampling pass: its reference, its noise and its mixer, attached to its sampler; and the line about it after."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from itermix.mixing.mixer import Mixer, mixer_for
from itermix.mixing.noising import VP, Noising
from itermix.mixing.reference import Reference
from itermix.webui import compat
from itermix.webui.log import log
from itermix.webui.mixing import hook, trace
from itermix.webui.mixing.arguments import Request
from itermix.webui.mixing.samplers import Pattern, Schedule, pattern_of

HOST_DENOISE_KEY = "Denoising strength"
HOST_DENOISE = "itermix_host_denoise"  # on p, while a hires pass has ours: the host's own denoising strength
LEVEL_TOLERANCE = 1e-3  # share of a state that its own reference and noise may leave unexplained

Encoded = dict[tuple, Tensor]


class NothingToMix(Exception):
    """Why a pass is made without mixing."""


def attach(p: Any, request: Request, x: Tensor, noise: Tensor, encoded: Encoded) -> None:
    """Makes the pass that is about to start a mixed one; where that cannot be, says why and leaves it as it is.

    x, noise: what the host is about to start from, [B, C, H, W]. encoded: pictures that this run has encoded.
    """
    try:
        _attach(p, request, x, noise, encoded)
    except NothingToMix as reason:
        log.info(f"{pass_name(p)}: nothing mixed: {reason}")
    except Exception:
        log.exception(f"{pass_name(p)}: mixing could not be set up; this pass is made without it")


def begin(p: Any) -> None:
    """Before a pass: it is to start from what the host has set, whatever a pass of an earlier batch was given."""
    if HOST_DENOISE in p.__dict__:
        p.extra_generation_params[HOST_DENOISE_KEY] = p.__dict__[HOST_DENOISE]
    detach(p)


def detach(p: Any) -> None:
    """Takes off what a pass has left. The infotext keeps the denoising strength that was used."""
    if getattr(p, "sampler", None) is not None:
        hook.detach(p.sampler)
    if HOST_DENOISE in p.__dict__:
        p.denoising_strength = p.__dict__.pop(HOST_DENOISE)


def _attach(p: Any, request: Request, x: Tensor, noise: Tensor, encoded: Encoded) -> None:
    settings, name, sampler = request.settings, pass_name(p), p.sampler.config.name
    is_frame = hasattr(p, "itermix_reference")
    if not is_frame and compat.hires_follows(p) and (request.upload is None or settings.passes == "hires pass"):
        return  # nobody expects this pass to be mixed; the hires pass says what was done
    if not is_frame and settings.passes != "all" and (settings.passes == "hires pass") != compat.is_hires_pass(p):
        raise NothingToMix(f"passes is set to {settings.passes}")
    function = p.sampler.func
    if pattern_of(function) is None:
        raise NothingToMix(f'the sampler "{sampler}" is not known to itermix; take Euler, DPM++ 2M or another built-in')
    reference = find_reference(p, request, x, encoded)
    if not bool(reference.latent.isfinite().all()):  # an encoder in half precision overflows on some pictures
        raise NothingToMix(f"the reference ({reference.source}) became values that are no numbers when it was encoded")
    mask = compat.inpaint_mask(p)
    denoise = settings.hires_denoise if compat.is_hires_pass(p) else 0.0

    def make_mixer(model: torch.nn.Module, state: Tensor, schedule: Schedule, pattern: Pattern) -> Mixer:
        try:
            return mixer_of(model, state, schedule, pattern)
        except Exception:
            if denoise > 0.0:  # too late for the host's own: the schedule is made
                log.warning(f"{name}: without mixing, but at the denoising strength that was meant for it, {denoise}")
            raise

    def mixer_of(model: torch.nn.Module, state: Tensor, schedule: Schedule, pattern: Pattern) -> Mixer:
        noising = compat.noising_of(function, model)
        steps = pattern.steps(schedule)
        return mixer_for(
            settings,
            reference,
            noise,
            compat.seeds(p, len(state)),
            state,
            steps,
            noising,
            mask=mask,
            first_level=first_level(noising, state, x, noise),
            trace=trace.requested(steps),
        )

    def done(mixer: Mixer, pattern: Pattern, schedule: Schedule, fault: str | None) -> None:
        log.info(summary(name, sampler, reference.source, mixer, pattern.steps(schedule), fault))
        trace.save(p, mixer, name, sampler)

    hook.attach(p.sampler, make_mixer, compat.is_interrupted, done)
    if denoise > 0.0:  # last: a pass that is made without mixing keeps the host's own
        setattr(p, HOST_DENOISE, p.denoising_strength)
        p.denoising_strength = denoise
        p.extra_generation_params[HOST_DENOISE_KEY] = denoise


def find_reference(p: Any, request: Request, x: Tensor, encoded: Encoded) -> Reference:
    """The reference of the pass that is about to start from x. Raises NothingToMix where there is none."""
    settings, upload = request.settings, request.upload
    if hasattr(p, "itermix_reference"):  # a later frame of a sequence, which has chosen for itself
        if p.itermix_reference is None:
            raise NothingToMix("mixing_reference is off")
        return Reference(p.itermix_reference, source="Latent Sequence")
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
    if hasattr(p, "itermix_reference"):
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
