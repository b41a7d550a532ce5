"""Ways to make a large picture from a small one, ours and the others', on one sampler, one noise, one reference.

Each method is a function of a `Task`. Here are those that are mixing alone, on one large picture; `field_methods` has
the whole of what others do: phases, windows, dilated samples, guidance of predictions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from benchmarks.fields import INTERPOLATION, Size
from benchmarks.solvers import Denoise
from itermix.mixing.mixer import Mixer
from itermix.mixing.noising import VE, Noising, noised
from itermix.mixing.reference import FreshNoise, equalised
from itermix.mixing.settings import BLENDS, FREQUENCY_BLENDS, MixingSettings


class Evaluations:
    """Counts what the network is asked, in evaluations of one large picture: of a part it is the part's share."""

    def __init__(self, pixels: int):
        self.pixels, self.count = pixels, 0.0

    def counted(self, denoise: Denoise) -> Denoise:
        def counting(x: Tensor, sigma: float) -> Tensor:
            self.count += x.shape[-2] * x.shape[-1] / self.pixels
            return denoise(x, sigma)

        return counting


@dataclass(frozen=True)
class Task:
    """One run to be made: reference and noise [B, C, H, W], sigmas [N + 1], one seed per image for fresh noise.

    whole: the levels of a run from pure noise, where sigmas are those of a part of one (a hires pass). picture:
    what the reference was reduced from, and is not known. small: what
    the reference was enlarged from. prior: the power of a part of a picture, by the sizes of both. evaluations: counts
    what the network is asked.
    """

    sample: Callable[..., Tensor]
    denoise: Denoise
    sigmas: Tensor
    reference: Tensor
    noise: Tensor
    scale: float
    seeds: tuple[int, ...]
    noising: Noising = VE()
    whole: Tensor | None = None
    picture: Tensor | None = None
    small: Tensor | None = None
    prior: Callable[[Size, Size], Tensor] | None = None
    evaluations: Evaluations | None = None

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1

    @property
    def first_state(self) -> Tensor:
        """The reference at the first level: with all of the noise, the start of a run at denoising strength 1."""
        return noised(self.noising, self.reference, self.noise, float(self.sigmas[0]))


def plain(task: Task) -> Tensor:
    """The sampler alone, from pure noise: it knows nothing of the reference."""
    sigmas = task.sigmas if task.whole is None else task.whole
    return task.sample(task.denoise, float(sigmas[0]) * task.noise, sigmas)


def img2img(task: Task, strength: float) -> Tensor:
    """The reference noised to the level from which int(strength * N) + 1 steps are left, as the WebUIs do."""
    left = int(min(strength, 0.999) * task.steps) + 1
    sigmas = task.sigmas[task.steps - left :]
    return task.sample(task.denoise, noised(task.noising, task.reference, task.noise, float(sigmas[0])), sigmas)


def mixed(task: Task, settings: MixingSettings) -> Tensor:
    """Iterative mixing: the reference goes into the sampler's state.

    "Node pack" (ComfyUI-Iterative-Mixer) draws new noise for every step and mixes after it; "DemoFusion paper"
    draws one noise per phase, noises the reference with it to every timestep, and mixes before the step.
    """
    mixer = mixer_of(task, settings)
    return mixer.end(task.sample(task.denoise, task.first_state, task.sigmas, mixer.begin))


def model_input_only(task: Task, settings: MixingSettings) -> Tensor:
    """What the model sees is mixed, and the state never: the "demofusion" script of the Tiled Diffusion extension.

    The sampler takes (x - denoised) / sigma with the unmixed x. The script replaces the denoiser's forward, so
    each evaluation is mixed at its own level, by the curve at (step + 1) / N.
    """
    mixer = mixer_of(task, settings)
    steps = {sigma: step for step, sigma in enumerate(task.sigmas.tolist())}

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return task.denoise(mixer.mix(x, steps[sigma] + 1, sigma), sigma)

    return task.sample(denoise, task.first_state, task.sigmas)


def mixer_of(task: Task, settings: MixingSettings) -> Mixer:
    fresh = settings.noise == "fresh per step"
    noise = FreshNoise(task.seeds, task.noise) if fresh else task.noise
    reference = task.reference
    if settings.blend in FREQUENCY_BLENDS:  # as the script does with a latent that hires fix has enlarged
        reference = equalised(reference, tuple(task.small.shape[-2:]), INTERPOLATION)
    noising = task.noising.over(task.sigmas[:-1].tolist())
    return Mixer(settings, reference, noise, task.steps, noising, (task.scale, task.scale))


def preset(name: str, **changes: object) -> MixingSettings:
    return dataclasses.replace(MixingSettings.from_dict({"preset": name}), **changes)


DEFAULT = "two bands (default)"
FAITHFUL = "low-pass (Faithful)"
METHODS: dict[str, Callable[[Task], Tensor]] = {
    "plain": plain,
    "img2img 0.3": partial(img2img, strength=0.3),
    "img2img 0.5": partial(img2img, strength=0.5),
    "img2img 0.7": partial(img2img, strength=0.7),
    "node pack": partial(mixed, settings=preset("Node pack")),
    "DemoFusion, alpha_1 3": partial(mixed, settings=preset("DemoFusion paper")),
    "DemoFusion, alpha_1 1": partial(mixed, settings=preset("DemoFusion paper", alpha_1=1.0)),
    # The script's C1 is 3 as well, but it counts steps.
    "model input only": partial(model_input_only, settings=preset("DemoFusion paper", progress="step")),
    DEFAULT: partial(mixed, settings=MixingSettings()),
    FAITHFUL: partial(mixed, settings=preset("Faithful")),
    **{
        name: partial(mixed, settings=preset("Faithful", blend=name)) for name in BLENDS if name not in FREQUENCY_BLENDS
    },
}
