"""The always-on script "Iterative Mixing": finds each pass's reference and attaches a mixer to its sampler."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from modules import scripts
from torch import Tensor

from itermix.mixing.mixer import Mixer
from itermix.mixing.noising import VP, Noising
from itermix.mixing.reference import FreshNoise, NoiseSource, SharedNoise, equalised
from itermix.settings import INFOTEXT_KEY, MixingSettings, SettingsError
from itermix.ui.accordion import build_mixing_accordion
from itermix.webui import arguments, compat, hook, infotext
from itermix.webui.log import log
from itermix.webui.samplers import Pattern, Schedule, pattern_of

HOST_DENOISE_KEY = "Denoising strength"
LEVEL_TOLERANCE = 1e-3  # share of a state that its own reference and noise may leave unexplained


class IterativeMixing(scripts.Script):
    """Stateless but for the picture that was encoded for the run under way."""

    def __init__(self):
        super().__init__()
        self.encoded: dict[tuple, Tensor] = {}

    def title(self):
        return INFOTEXT_KEY

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        components = build_mixing_accordion("img2img" if is_img2img else "txt2img")
        self.infotext_fields = infotext.fields(components)
        self.paste_field_names = [INFOTEXT_KEY]
        return list(components.values())

    def process(self, p, *args):
        self.encoded.clear()
        p.extra_generation_params.pop(INFOTEXT_KEY, None)
        request = self._read(p, args, report=True)
        if request is not None:
            p.extra_generation_params[INFOTEXT_KEY] = request.settings.to_infotext()

    def process_before_every_sampling(self, p, *args, **kwargs):
        hook.detach(p.sampler)
        request = self._read(p, args)
        if request is None:
            return
        name = pass_name(p)
        reason = self._attach(p, request, name, kwargs["x"], kwargs["noise"])
        if reason:
            log.info(f"{name}: nothing mixed: {reason}")

    def postprocess(self, p, processed, *args):
        self.encoded.clear()
        if getattr(p, "sampler", None) is not None:
            hook.detach(p.sampler)

    def _read(self, p, args, report: bool = False) -> arguments.Request | None:
        """The request where mixing is asked for and its settings are allowed."""
        if not arguments.is_enabled(args):
            return None
        try:
            return arguments.read(args)
        except SettingsError as error:
            if report:
                log.error(f"Iterative Mixing is off for this run: {error}")
                compat.comment(p, f"Iterative Mixing is off for this run: {error}")
            return None

    def _attach(self, p, request: arguments.Request, name: str, x: Tensor, noise: Tensor) -> str | None:
        """Attaches a mixer to the pass that is about to start, or tells why there is nothing to mix."""
        settings = request.settings
        if settings.passes != "all" and (settings.passes == "hires pass") != compat.is_hires_pass(p):
            return f"passes is set to {settings.passes}"
        sampler_name = p.sampler.config.name
        if pattern_of(p.sampler.func) is None:
            return f'the sampler "{sampler_name}" is not known to itermix; take Euler, DPM++ 2M or another built-in'
        found = self._find_reference(p, request, x)
        if isinstance(found, str):
            return found
        reference, source, scale = found
        mask = compat.inpaint_mask(p)
        self._raise_hires_denoise(p, settings)

        def make_mixer(model: torch.nn.Module, state: Tensor, schedule: Schedule, pattern: Pattern) -> Mixer:
            steps = pattern.steps(schedule)
            noising = compat.noising_of(p.sampler.func, model)
            used = settings if steps else dataclasses.replace(settings, progress="noise level")
            return Mixer(
                used,
                reference,
                noise_source(settings, noise, state, compat.seeds(p, len(state))),
                steps or 1,
                noising,
                scale,
                mask,
                first_level(noising, state, x, noise),
            )

        def done(mixer: Mixer, pattern: Pattern, schedule: Schedule, fault: str | None) -> None:
            log.info(summary(name, sampler_name, source, mixer, pattern.steps(schedule), fault))

        hook.attach(p.sampler, make_mixer, compat.is_interrupted, done)
        return None

    def _find_reference(self, p, request, x: Tensor) -> tuple[Tensor, str, tuple[float, float]] | str:
        """(z_ref, what it is, how many times it was enlarged), or why there is none."""
        settings, picture = request.settings, request.picture
        own = compat.is_hires_pass(p) or compat.is_img2img(p)
        scale = (settings.reference_scale,) * 2 if settings.reference_scale else None
        if picture is not None and (settings.reference == "uploaded image" or not own):
            return self._encoded(p, picture, settings.reference_fit, x), "uploaded image", scale or (1.0, 1.0)
        if settings.reference == "uploaded image":
            return "reference is set to uploaded image, but none was uploaded"
        if not own:
            return "txt2img's first pass has no reference; turn on hires fix or upload a reference image"
        if compat.masked_content_is_noise(p):
            return "the masked content holds no picture; set it to fill or original, or upload a reference image"
        source = "upscaled first pass" if compat.is_hires_pass(p) else "init latent"
        enlarged = compat.enlargement(p)
        interpolation = compat.latent_interpolation(p)
        if settings.blend == "low-pass" and interpolation is not None:
            size = tuple(round(side / factor) for side, factor in zip(x.shape[-2:], enlarged))
            x = equalised(x, size, interpolation)
        return x, source, scale or enlarged

    def _encoded(self, p, picture, fit: str, like: Tensor) -> Tensor:
        key = (*like.shape[1:], fit, getattr(p.sd_model, "sd_model_hash", None))
        if key not in self.encoded:
            self.encoded[key] = compat.encode(p, picture, fit, like)
        return self.encoded[key]

    def _raise_hires_denoise(self, p, settings: MixingSettings) -> None:
        if compat.is_hires_pass(p) and settings.hires_denoise > 0.0:
            p.denoising_strength = settings.hires_denoise
            p.extra_generation_params[HOST_DENOISE_KEY] = settings.hires_denoise


def pass_name(p: Any) -> str:
    if compat.is_img2img(p):
        return "img2img"
    return "hires pass" if compat.is_hires_pass(p) else "first pass"


def noise_source(settings: MixingSettings, noise: Tensor, state: Tensor, seeds: list[int]) -> NoiseSource:
    if settings.noise == "fresh per step":
        return FreshNoise(seeds, state)
    # Some hosts start the sampler on the very tensor that they gave us as noise.
    return SharedNoise(noise.clone() if noise.data_ptr() == state.data_ptr() else noise)


def first_level(noising: Noising, state: Tensor, x: Tensor, noise: Tensor) -> tuple[float, float] | None:
    """(a, s) of the first state = a x + s noise, where the host noised it by another timestep than it samples from.

    In img2img and hires passes the timestep samplers noise the latent to one timestep and sample from the one
    before. None where the state is not made of these two.
    """
    if not isinstance(noising, VP) or x is noise or x.shape != state.shape:
        return None
    state, x, noise = (t[0].flatten().float() for t in (state, x, noise))
    xx, nn, xn, xs, ns = (float(torch.dot(a, b)) for a, b in ((x, x), (noise, noise), (x, noise), (x, state), (noise, state)))
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
