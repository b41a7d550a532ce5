"""What others do, whole, modelled from their papers on the field whose denoiser is exact, and our own ways around them.

Here a network of the native size is one that knows the power of pictures at every frequency, in cycles per pixel, and
takes any part of a picture for a whole one. There is no VAE, so an encoded picture and an enlarged latent are the
same; what is about their difference (ScaleDiff's reference, LSRNA's noise) is measured with the small model alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks import fields
from benchmarks.fields import INTERPOLATION, NYQUIST, Size
from benchmarks.methods import Task, img2img, mixed, mixer_of, preset
from benchmarks.solvers import Denoise
from itermix.mixing import curve
from itermix.mixing.blend import blend
from itermix.mixing.lowpass import LowPass
from itermix.mixing.noising import noised
from itermix.mixing.reference import equalised
from itermix.mixing.settings import MixingSettings
from itermix.upscale import dilated
from itermix.upscale.phases import in_phases, phase_sizes
from itermix.upscale.trajectory import Acceleration, Trajectory, aligned
from itermix.upscale.windows import in_windows, windows

Method = Callable[[Task], Tensor]
DIFFUSE_HIGH_STRENGTH, DIFFUSE_HIGH_GUIDED = 0.3, 1 / 3  # 15 of 50 steps, of which 5 are guided


def size_of(latent: Tensor) -> Size:
    return tuple(latent.shape[-2:])


def phase_task(task: Task, latent: Tensor, size: Size) -> Task:
    """The task of a phase from `latent` to `size`: its own reference and prior, and a part of the noise."""
    return dataclasses.replace(
        task, denoise=network_at(task, size), reference=interpolate(latent, size=size, mode=INTERPOLATION),
        noise=task.noise[..., : size[0], : size[1]], scale=size[0] / latent.shape[-2], small=latent,
    )  # fmt: skip


def network_at(task: Task, size: Size) -> Denoise:
    """The denoiser of pictures of that size, and of parts of them, which it takes for whole ones."""

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return fields.denoise(x, sigma, task.prior(size_of(x), size))

    return task.evaluations.counted(denoise)


def phased(task: Task, sizes: list[Size], method: Method) -> Tensor:
    """A method in phases, the mean and std of the small picture put back after each."""
    *_, result = in_phases(task.small, sizes, lambda latent, size, _: method(phase_task(task, latent, size)))
    return result


def doubled(task: Task, method: Method) -> Tensor:
    """A method in as few phases as keep each at 2x or less."""
    return phased(task, phase_sizes(size_of(task.small), size_of(task.noise)), method)


def demofusion(task: Task) -> Tensor:
    """DemoFusion (arXiv 2311.16973): 2x, 3x ... of the native size, skip residuals, dilated samples, moved windows."""
    native = size_of(task.small)

    def phase(own: Task) -> Tensor:
        factor = own.noise.shape[-2] // native[0]
        denoise = dilated.Denoiser(own.denoise, own.noising.progress, native, factor)
        return mixed(dataclasses.replace(own, denoise=denoise), preset("DemoFusion paper"))

    return phased(task, [tuple(side * factor for side in native) for factor in range(2, task.scale + 1)], phase)


def hiflow(task: Task) -> Tensor:
    """HiFlow (arXiv 2504.06232): in phases, each prediction aligned in its low band and in how it changes with that of
    the phase before at the same level; both fade by step."""
    passes = [exact_trajectory(task)]

    def phase(own: Task) -> Tensor:
        lowpass, accelerate, before, after = LowPass((own.scale,) * 2), Acceleration(), passes[-1], Trajectory()
        steps = {sigma: step for step, sigma in enumerate(own.sigmas.tolist())}

        def denoise(x: Tensor, sigma: float) -> Tensor:
            share, reference = 1.0 - steps[sigma] / own.steps, before.at(sigma, size_of(x), x)
            found = aligned(own.denoise(x, sigma), reference, share, lowpass)
            found = accelerate(found, reference, sigma, share)
            after.record(sigma, found)
            return found

        passes.append(after)
        return own.sample(denoise, own.first_state, own.sigmas)

    return doubled(task, phase)


def diffuse_high(task: Task) -> Tensor:
    """DiffuseHigh (arXiv 2406.18459): in phases, each the last 0.3 of a run, of whose steps the first third keeps the
    low band of the enlarged picture. Its sharpening and its wavelets are left out."""

    def phase(own: Task) -> Tensor:
        lowpass, left = LowPass((own.scale,) * 2), int(DIFFUSE_HIGH_STRENGTH * own.steps) + 1
        guided = own.sigmas[own.steps - left :][: round(DIFFUSE_HIGH_GUIDED * left)].tolist()

        def denoise(x: Tensor, sigma: float) -> Tensor:
            found = own.denoise(x, sigma)
            return aligned(found, own.reference, 1.0, lowpass) if sigma in guided else found

        return img2img(dataclasses.replace(own, denoise=denoise), DIFFUSE_HIGH_STRENGTH)

    return doubled(task, phase)


def fam(task: Task) -> Tensor:
    """FAM diffusion's frequency modulation (arXiv 2411.18552): the state's low frequencies move over to the noised
    reference's, more of them and by more towards the end, up to those that the reference knows."""

    def begin(x: Tensor, step: int, sigma: float) -> Tensor:
        u = task.noising.progress(sigma)
        if u <= 0.0:
            return x
        z = noised(task.noising, task.reference, task.noise, sigma)
        return blend("low-pass", x, z, u, (u * NYQUIST / task.scale,) * 2)

    return task.sample(task.denoise, task.first_state, task.sigmas, begin)


def tiled(task: Task, strength: float) -> Tensor:
    """A hires pass in windows of the native size (MultiDiffusion, arXiv 2302.08113)."""
    native = size_of(task.small)
    parts = windows(size_of(task.noise), native, tuple(side // 2 for side in native))
    network = network_at(task, size_of(task.noise))

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return in_windows(lambda part, _: network(part, sigma), x, parts)

    return img2img(dataclasses.replace(task, denoise=denoise), strength)


def matched(task: Task, settings: MixingSettings) -> Tensor:
    """Iterative mixing with the first pass's own prediction at the same level as the reference."""
    mixer, predictions = mixer_of(task, settings), exact_trajectory(task)

    def begin(x: Tensor, step: int, sigma: float) -> Tensor:
        large = predictions.at(sigma, size_of(x), x)
        mixer.reference = equalised(large, size_of(task.small), INTERPOLATION)
        return mixer.begin(x, step, sigma)

    return task.sample(task.denoise, task.first_state, task.sigmas, begin)


def on_prediction(task: Task, settings: MixingSettings, is_matched: bool) -> Tensor:
    """The reference mixed into what the network predicts, not into the state: D + c (L + r (1 - L))(R - D)."""
    lowpass, predictions = LowPass((task.scale,) * 2), exact_trajectory(task)
    finished = equalised(task.reference, size_of(task.small), INTERPOLATION)

    def denoise(x: Tensor, sigma: float) -> Tensor:
        c = float(curve.weight(settings, torch.tensor(task.noising.progress(sigma), dtype=torch.float64)))
        found, reference = task.denoise(x, sigma), finished
        if is_matched:
            reference = equalised(predictions.at(sigma, size_of(x), x), size_of(task.small), INTERPOLATION)
        rest = curve.high_weight(settings, c) / c if c else 0.0
        return found + c * lowpass.filter_(reference - found, rest if settings.blend == "two bands" else 0.0)

    return task.sample(denoise, task.first_state, task.sigmas)


def exact_trajectory(task: Task) -> Trajectory:
    """The predictions of a first pass that came to the small picture without an error."""
    found, size = Trajectory(INTERPOLATION), size_of(task.small)
    for sigma in task.sigmas[:-1].tolist():
        found.record(sigma, fields.prediction(task.small, sigma, task.prior(size, size)))
    return found


DEFAULTS, FAITHFUL_SETTINGS = MixingSettings(), preset("Faithful")
FIELD: dict[str, Method] = {
    "DemoFusion, whole": demofusion,
    "HiFlow": hiflow,
    "DiffuseHigh": diffuse_high,
    "FAM, frequency part": fam,
    "hires 0.5, tiled": partial(tiled, strength=0.5),
    "two bands, in phases": partial(doubled, method=partial(mixed, settings=DEFAULTS)),
    "two bands, matched in time": partial(matched, settings=DEFAULTS),
    "two bands, on the prediction": partial(on_prediction, settings=DEFAULTS, is_matched=False),
    "two bands, on it, matched": partial(on_prediction, settings=DEFAULTS, is_matched=True),
    "low-pass, in phases": partial(doubled, method=partial(mixed, settings=FAITHFUL_SETTINGS)),
    "low-pass, matched in time": partial(matched, settings=FAITHFUL_SETTINGS),
    "low-pass, on the prediction": partial(on_prediction, settings=FAITHFUL_SETTINGS, is_matched=False),
    "low-pass, on it, matched": partial(on_prediction, settings=FAITHFUL_SETTINGS, is_matched=True),
}
