"""Ways around iterative mixing that were tried on a real network, each one thing apart from it (docs/methods.md)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.network_methods import Denoise, Run, Size, doubled, sampled
from itermix.mixing import curve
from itermix.mixing.lowpass import LowPass
from itermix.mixing.mixer import Mixer, mixer_for
from itermix.mixing.noising import VE
from itermix.mixing.reference import Reference, equalised
from itermix.mixing.settings import MixingSettings
from itermix.studio.request import Request
from itermix.upscale.guidance import guided_by_band
from itermix.upscale.reference import INTERPOLATION, edges, with_edge_noise

DEFAULTS = MixingSettings(enabled=True)
LOW_GUIDANCE = 1.0  # HiWave's below the cutoff: the conditional prediction
EDGE_NOISE = 0.0, 0.3  # on the reference, in deviations of a latent: where it is flat, and at edges
UPSCALER = Request().hires_upscaler


def prediction(
    run: Run, settings: MixingSettings, upscaler: str = UPSCALER, is_matched: bool = False, strength: float = 0.0
) -> Tensor:
    """The reference mixed into what the network predicts: D + c (L + r (1 - L))(R - D). is_matched: R is the first
    pass's own prediction at the level, not its end."""
    found = run.reference(run.native, run.size, upscaler)
    lowpass, finished = LowPass(found.scale), found.prepared(settings).latent

    def change(denoise: Denoise, x: Tensor, sigma: float, step: int) -> Tensor:
        c = float(curve.weight(settings, torch.tensor(VE().progress(sigma), dtype=torch.float64)))
        reference = at_level(run, sigma, x) if is_matched else finished
        rest = curve.high_weight(settings, c) / c if c and settings.blend == "two bands" else 0.0
        clean = denoise(x, sigma)
        return clean + c * lowpass.filter_(reference - clean, rest)

    return sampled(run, run.task(run.size, init=found.latent, strength=strength or settings.hires_denoise), change)


def at_level(run: Run, sigma: float, like: Tensor) -> Tensor:
    large = run.first_pass.at(sigma, run.size, like)
    return equalised(large, tuple(run.native.shape[-2:]), INTERPOLATION)


class Matched:
    """A mixer whose reference is the first pass's own prediction at each level."""

    trace = None

    def __init__(self, run: Run, mixer: Mixer):
        self.run, self.mixer = run, mixer

    def begin(self, x: Tensor, step: int, sigma: float) -> Tensor:
        self.mixer.reference = at_level(self.run, sigma, x)
        return self.mixer.begin(x, step, sigma)

    def end(self, x: Tensor) -> Tensor:
        return x


def matched(run: Run, settings: MixingSettings, upscaler: str = UPSCALER) -> Tensor:
    """The first pass's own prediction at the same level as the reference of the state."""
    found = run.reference(run.native, run.size, upscaler)
    noise = torch.randn(found.latent.shape, generator=torch.Generator("cpu").manual_seed(run.seed))
    mixer = mixer_for(settings, found, noise, [run.seed], noise, run.request.steps, VE())
    return sampled(
        run, run.task(run.size, init=found.latent, strength=settings.hires_denoise), mixer=Matched(run, mixer)
    )


def banded(run: Run, settings: MixingSettings, upscaler: str = UPSCALER) -> Tensor:
    """Guidance by band (HiWave, arXiv 2506.20452; FreCaS, 2410.18410): none below the cutoff."""
    asked, pixels = run.request, tuple(side * run.network.reduction for side in run.size)
    reference = run.reference(run.native, run.size, upscaler)
    lowpass = LowPass(reference.scale)
    cond, uncond = (run.network.predictor(text, "", 1.0, pixels) for text in (asked.prompt, asked.negative))

    def predict(x: Tensor, t: Tensor) -> Tensor:
        return guided_by_band(cond(x, t), uncond(x, t), LOW_GUIDANCE, asked.guidance, lowpass)

    return mixed(run, settings, reference, predict=predict)


def edge_noise(run: Run, settings: MixingSettings, upscaler: str = UPSCALER) -> Tensor:
    """More noise on the reference where the picture has edges (LSRNA, arXiv 2503.18446)."""
    found = run.reference(run.native, run.size, upscaler)
    noise = torch.randn(found.latent.shape, generator=torch.Generator("cpu").manual_seed(run.seed + 1))
    where = edges(run.network.decode(run.native), run.size)
    rough = with_edge_noise(found.latent, noise, where, *EDGE_NOISE)
    return mixed(run, settings, dataclasses.replace(found, latent=rough))


def phased(run: Run, settings: MixingSettings, upscaler: str = UPSCALER) -> Tensor:
    """In phases of at most 2x."""

    def phase(latent: Tensor, size: Size) -> Tensor:
        return mixed(run, settings, run.reference(latent, size, upscaler), size)

    return doubled(run, phase)


def mixed(run: Run, settings: MixingSettings, reference: Reference, size: Size | None = None, **more) -> Tensor:
    """Iterative mixing as it is, from that reference."""
    return sampled(run, run.task(
        size or run.size, init=reference.latent, reference=reference, mixing=settings,
        strength=settings.hires_denoise, **more,
    ))  # fmt: skip


VARIANTS: dict[str, Callable[[Run], Tensor]] = {
    "itermix, on the prediction": partial(prediction, settings=DEFAULTS),
    "itermix, on it, matched": partial(prediction, settings=DEFAULTS, is_matched=True),
    "itermix, matched in time": partial(matched, settings=DEFAULTS),
    "itermix, guidance by band": partial(banded, settings=DEFAULTS),
    "itermix, noise at edges": partial(edge_noise, settings=DEFAULTS),
}
