"""Rewind: after a run, back to a share of its steps, the result noised anew, and forwards again, each time half as far.

After ComfyUI-Iterative-Mixer. With rewind_min 0.5 and rewind_max 0.8 a run of 20 steps makes steps 0 to 20, then, from
its result, 10 to 20, then 15 to 20. The result of a run is the reference of the next, and curve and noise level are
those that the steps have in the whole run.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from itermix.mixing import perlin
from itermix.mixing.mixer import Mixer
from itermix.mixing.noising import noised
from itermix.mixing.reference import FreshNoise, NoiseSource, SharedNoise
from itermix.mixing.settings import MixingSettings

# Spreads the runs over the seeds of `FreshNoise`, so that none draws what another has drawn.
RUN_STRIDE = 0xD1B54A32D192ED03
OWN_DRAW = -1  # the step of `FreshNoise` that no run has


def starts(settings: MixingSettings, steps: int) -> list[int]:
    """The step that each run after the first begins with: s + int((steps - s) rewind_min) from 0 on, as long as it
    rises, up to int(steps rewind_max)."""
    found: list[int] = []
    last = min(int(steps * settings.rewind_max), steps - 1)
    while settings.rewind:
        before = found[-1] if found else 0
        start = before + int((steps - before) * settings.rewind_min)
        if not before < start <= last:
            break
        found.append(start)
    return found


def rewound(
    mixer: Mixer, result: Tensor, number: int, start: int, level: float, noise: NoiseSource | None = None
) -> tuple[Mixer, Tensor]:
    """The mixer of a run that goes back, and the state that it starts from.

    Arguments:
        mixer: of the pass's first run.
        result: the clean latent that the run before has come to, [B, C, H, W]; it is not changed.
        number: of the run, 1 for the first that goes back.
        start: the step that it begins with; level: that step's, as the sampler has it.
        noise: of the run; drawn anew for each image where it is not given.
    """
    source = noise or noise_anew(mixer.settings, mixer.seeds, number, result)
    state = noised(mixer.noising, result, source.at(start), level).to(result.dtype)
    return mixer.again(result, perlin.noise_of(mixer.settings, mixer.seeds, source, result)), state


def noise_anew(settings: MixingSettings, seeds: Sequence[int], number: int, like: Tensor) -> NoiseSource:
    """Noise that no run before has had: image k's depends on seeds[k] and the number of the run alone."""
    drawn = FreshNoise(seeds_of(seeds, number), like)
    return drawn if settings.noise == "fresh per step" else SharedNoise(drawn.at(OWN_DRAW))


def seeds_of(seeds: Sequence[int], number: int) -> list[int]:
    """Of each image, for a run that goes back."""
    return [(int(seed) + number * RUN_STRIDE) % 2**64 for seed in seeds]
