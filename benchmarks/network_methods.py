"""What others do, whole, modelled from their papers on a real network: whole runs from a native latent to a large one.

`field_methods` has the same on a field whose denoiser is exact. All sample with the model's own sampler, steps and
guidance; what a paper does with the clean prediction is done to the network's output, which tells it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from benchmarks.evaluations import Counted
from itermix.mixing.blend import blend
from itermix.mixing.lowpass import NYQUIST, LowPass
from itermix.mixing.mixer import Mixer
from itermix.mixing.noising import VE, noised, trained_sigmas
from itermix.mixing.reference import Reference
from itermix.mixing.settings import MixingSettings
from itermix.studio.enlarging import enlarged_by
from itermix.studio.networks import Predict
from itermix.studio.passes import Pass, mixer_of, schedule_for
from itermix.studio.request import Resolved
from itermix.studio.sampling import sample
from itermix.studio.schedules import ScaledVE, Schedule
from itermix.upscale import dilated
from itermix.upscale.phases import in_phases, phase_sizes
from itermix.upscale.trajectory import Acceleration, Trajectory, aligned
from itermix.upscale.windows import in_windows, windows

Size = tuple[int, int]  # (height, width)
Denoise = Callable[[Tensor, float], Tensor]  # D(x, sigma), of a state x / sqrt(1 + sigma^2) of any size
Change = Callable[[Denoise, Tensor, float, int], Tensor]  # what D of a state becomes; the last is the step
DIFFUSE_HIGH_STRENGTH, DIFFUSE_HIGH_GUIDED = 0.3, 1 / 3  # 15 of 50 steps, of which 5 are guided


@dataclass(frozen=True)
class Run:
    """One large picture to be made: as `request` says, from a native latent [1, C, h, w], by a counted network."""

    network: Counted
    request: Resolved
    seed: int
    native: Tensor
    first_pass: Trajectory  # of the native latent

    @cached_property
    def size(self) -> Size:
        """Of the large latent."""
        return tuple(side // self.network.reduction for side in self.request.hires_size(self.network.multiple))

    def task(self, size: Size, predict: Predict | None = None, **more) -> Pass:
        """A pass at a latent's size, by the request's own prompt, sampler and steps."""
        asked, pixels = self.request, tuple(side * self.network.reduction for side in size)
        predict = predict or self.network.predictor(asked.prompt, asked.negative, asked.guidance, pixels)
        shape = (1, self.network.channels, *size)
        return Pass(predict, asked.sampler, asked.schedule, asked.steps, self.seed, shape, **more)

    def reference(self, latent: Tensor, size: Size, upscaler: str = "latent") -> Reference:
        return enlarged_by(upscaler, self.network, latent, tuple(side * self.network.reduction for side in size))


def sampled(run: Run, task: Pass, change: Change | None = None, mixer: Mixer | None = None) -> Tensor:
    """The clean latent of a pass. change: of its predictions; mixer: in the place of the pass's own."""
    schedule = schedule_for(run.network, task)
    generator = torch.Generator("cpu").manual_seed(task.seed)
    noise = torch.randn(task.shape, generator=generator).to(run.network.device)
    x = noised(schedule.noising, task.init, noise, schedule.levels[0])
    predict = task.predict if change is None else changed(run, task.predict, change, schedule)
    return sample(schedule, predict, x, generator, mixer or mixer_of(task, schedule, noise))


def changed(run: Run, predict: Predict, change: Change, schedule: Schedule) -> Predict:
    """A network of v = a n - s x0 whose clean prediction a x - s v is what `change` makes of it."""
    levels, sigmas = list(schedule.levels), trained_sigmas(schedule.scheduler.alphas_cumprod).log()

    def wrapped(x: Tensor, t: Tensor) -> Tensor:
        below = min(int(float(t)), len(sigmas) - 2)
        sigma = float(torch.lerp(sigmas[below], sigmas[below + 1], float(t) - below).exp())
        a, s = ScaledVE().coefficients(sigma)
        step = min(range(len(levels)), key=lambda index: abs(levels[index] - sigma))
        clean = change(lambda part, _: a * part - s * predict(part, t), x, sigma, step)
        return (a * x - clean) / s

    return wrapped


def doubled(run: Run, phase: Callable[[Tensor, Size], Tensor]) -> Tensor:
    """A method in as few phases as keep each at 2x or less."""
    sizes = phase_sizes(tuple(run.native.shape[-2:]), run.size)
    *_, result = in_phases(run.native, sizes, lambda latent, size, _: phase(latent, size))
    return result


def demofusion(run: Run) -> Tensor:
    """DemoFusion (arXiv 2311.16973): 2x, 3x ... of the native size, skip residuals, dilated samples, moved windows."""
    native, settings = tuple(run.native.shape[-2:]), MixingSettings.from_dict({"preset": "DemoFusion paper"})
    sizes = [tuple(side * factor for side in native) for factor in range(2, run.size[0] // native[0] + 1)]

    def phase(latent: Tensor, size: Size, number: int) -> Tensor:
        reference, factor = run.reference(latent, size), size[0] // native[0]

        def change(denoise: Denoise, x: Tensor, sigma: float, step: int) -> Tensor:
            views.denoise = denoise  # of this step; its windows move on from the last
            return views(x, sigma)

        views = dilated.Denoiser(lambda x, sigma: x, VE().progress, native, factor)
        mixing = dataclasses.replace(settings, enabled=True)
        return sampled(run, run.task(size, init=reference.latent, reference=reference, mixing=mixing), change)

    *_, result = in_phases(run.native, sizes, phase)
    return result


def hiflow(run: Run) -> Tensor:
    """HiFlow (arXiv 2504.06232): in phases, each prediction aligned in its low band and in how it changes with that of
    the phase before at the same level; both fade by step."""
    passes = [run.first_pass]

    def phase(latent: Tensor, size: Size) -> Tensor:
        before, after, accelerate = passes[-1], Trajectory(), Acceleration()
        lowpass = LowPass((size[0] / latent.shape[-2],) * 2)

        def change(denoise: Denoise, x: Tensor, sigma: float, step: int) -> Tensor:
            share, reference = 1.0 - step / run.request.steps, before.at(sigma, size, x)
            found = aligned(denoise(x, sigma), reference, share, lowpass)
            found = accelerate(found, reference, sigma, share)
            after.record(sigma, found)
            return found

        passes.append(after)
        return sampled(run, run.task(size, init=run.reference(latent, size).latent), change)

    return doubled(run, phase)


def diffuse_high(run: Run) -> Tensor:
    """DiffuseHigh (arXiv 2406.18459): in phases, each the last 0.3 of a run from the picture enlarged in pixels, of
    whose steps the first third keeps its low band. Its sharpening and its wavelets are left out."""

    def phase(latent: Tensor, size: Size) -> Tensor:
        reference = run.reference(latent, size, "pixel").latent
        lowpass = LowPass((size[0] / latent.shape[-2],) * 2)
        guided = round(DIFFUSE_HIGH_GUIDED * (int(DIFFUSE_HIGH_STRENGTH * run.request.steps) + 1))

        def change(denoise: Denoise, x: Tensor, sigma: float, step: int) -> Tensor:
            found = denoise(x, sigma)
            return aligned(found, reference, 1.0, lowpass) if step < guided else found

        return sampled(run, run.task(size, init=reference, strength=DIFFUSE_HIGH_STRENGTH), change)

    return doubled(run, phase)


class Fam:
    """FAM diffusion's frequency modulation (arXiv 2411.18552): the state's low frequencies move over to the noised
    reference's, more of them and by more towards the end, up to those that the reference knows."""

    trace = None

    def __init__(self, reference: Tensor, noise: Tensor, scale: float):
        self.reference, self.noise, self.scale = reference, noise, scale

    def begin(self, x: Tensor, step: int, sigma: float) -> Tensor:
        u = VE().progress(sigma)
        z = noised(VE(), self.reference, self.noise, sigma)
        return blend("low-pass", x, z, u, (u * NYQUIST / self.scale,) * 2) if u > 0.0 else x

    def end(self, x: Tensor) -> Tensor:
        return x


def fam(run: Run) -> Tensor:
    """`Fam` in one pass; its attention modulation is left out."""
    reference = run.reference(run.native, run.size)
    noise = torch.randn(reference.latent.shape, generator=torch.Generator("cpu").manual_seed(run.seed))
    mixer = Fam(reference.equalised().latent, noise, reference.scale[0])
    return sampled(run, run.task(run.size, init=reference.latent), mixer=mixer)


def tiled(run: Run, strength: float) -> Tensor:
    """A hires pass in windows of the native size (MultiDiffusion, arXiv 2302.08113), from the picture enlarged."""
    native = tuple(run.native.shape[-2:])
    parts = windows(run.size, native, tuple(side // 2 for side in native))

    def change(denoise: Denoise, x: Tensor, sigma: float, step: int) -> Tensor:
        return in_windows(lambda part, _: denoise(part, sigma), x, parts)

    init = run.reference(run.native, run.size, "pixel").latent
    return sampled(run, run.task(run.size, init=init, strength=strength), change)


def enlarged(run: Run) -> Tensor:
    """The picture enlarged, sharpened and encoded, and nothing else: what a hires pass has to beat."""
    return run.reference(run.native, run.size, "pixel").latent


FIELD: dict[str, Callable[[Run], Tensor]] = {
    "pixel upscaler alone": enlarged,
    "DemoFusion, whole": demofusion,
    "HiFlow": hiflow,
    "DiffuseHigh": diffuse_high,
    "FAM, frequency part": fam,
    "hires 0.5, tiled": partial(tiled, strength=0.5),
}
