"""One sampling run's mixing: reference, noise, curve and blend in one object that lives as long as the run."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from itermix.mixing import blend, curve, masks, perlin
from itermix.mixing.lowpass import LowPass
from itermix.mixing.noising import VE, Noising
from itermix.mixing.normalize import normalized
from itermix.mixing.parts import WHOLE, Index, MakePart, blend_parts
from itermix.mixing.reference import FreshNoise, NoiseSource, Reference, SharedNoise, noise_source
from itermix.mixing.settings import MixingSettings
from itermix.mixing.trace import MIXED, REFERENCE, STATE, Trace


@dataclass
class MixingReport:
    """What a run's mixing has done so far: the weight of every step that was mixed."""

    weights: dict[int, float] = field(default_factory=dict)
    trace: Trace | None = None  # of the run, where one was asked for
    rewinds: list[int] = field(default_factory=list)  # the steps that the pass has gone back to, one for each run

    @property
    def steps(self) -> int:
        return len(self.weights)

    @property
    def first(self) -> float:
        return self.weights[min(self.weights)]

    @property
    def last(self) -> float:
        return self.weights[max(self.weights)]

    def counted(self, of: int | None = None) -> str:
        """How many steps were mixed, in words: "1 step", "3 steps", or "1 of 3 steps" of so many."""
        total = f" of {of}" if of else ""
        return f"{self.steps}{total} step{'s' * ((of or self.steps) != 1)}"

    def __str__(self) -> str:
        """The weights, and where the pass has gone back to, in words."""
        back = f", then again from step {', '.join(map(str, self.rewinds))}" if self.rewinds else ""
        return f"weight {self.first:.3f} to {self.last:.3f}{back}"


class Mixer:
    """Mixes the reference, at the noise level of each step, into the sampler's state at the start of the step:

        z'_i = a_i z_ref + s_i n        x <- blend(x, z'_i, c1(u_i) mask)

    (DemoFusion, arXiv 2311.16973, section 3.3, on the state instead of the prediction.) With the settings' timing
    "end of step (node pack)" step i is mixed after it was made, with z'_i, one noise level late, as in
    ComfyUI-Iterative-Mixer; call `end` after the last step.

    Arguments:
        settings: curve c1, blend, noise and timing.
        reference: z_ref, clean, [B or 1, C, H, W], or [B, C, T, H, W] for video; of the state's shape and device.
        noise: n, unit Gaussian like the state, or a source of noise per step.
        steps: of the run, for progress by step and for the window "cut".
        noising: the sampler's convention; VE where it is not given.
        scale: how many times the reference was enlarged, (height, width).
        mask: weight map in [0, 1] that broadcasts to the state, or None.
        maps: of a blend by frequency, weight maps of low and of high frequencies, [1, 1, H, W] each, or None.
        first_level: (a, s) of the first state where they are not what its level says.
        trace: records every step and changes nothing.
        painted: the part of the picture that is sampled, [1, 1, H, W] in [0, 1], or None for all of it.
        seeds: of each image, for runs that go back.
    """

    def __init__(
        self,
        settings: MixingSettings,
        reference: Tensor,
        noise: Tensor | NoiseSource,
        steps: int,
        noising: Noising | None = None,
        scale: tuple[float, float] = (1.0, 1.0),
        mask: Tensor | None = None,
        first_level: tuple[float, float] | None = None,
        trace: Trace | None = None,
        painted: Tensor | None = None,
        maps: tuple[Tensor, Tensor] | None = None,
        seeds: Sequence[int] = (),
    ):
        self.settings = settings = settings.in_shares(steps)
        self.reference = reference
        self.noise = SharedNoise(noise) if isinstance(noise, Tensor) else noise
        self.steps = steps
        self.noising = noising or VE()
        self.lowpass = LowPass(scale, maps, blend.edge_of(settings.blend))
        self.mask = mask
        self._is_blank = mask is not None and not bool(mask.any())  # asked once: a device has to be waited for
        self.first_level = first_level
        self.trace, self.painted, self.seeds = trace, painted, list(seeds)
        self.report = MixingReport(trace=trace)
        self.late = settings.timing != "start of step"
        self._levels: dict[int, float] = {}
        self._cut = curve.cut_weights(settings, steps) if settings.window == curve.CUT else None

    def weight(self, step: int, sigma: float) -> float:
        """c1 of a step that starts at level sigma."""
        if self.settings.window == curve.CUT:
            return float(self._cut[min(step, self.steps - 1)])  # Restart makes more steps than its schedule has
        u = self.noising.progress(sigma) if self.settings.progress == "noise level" else step / self.steps
        return float(curve.weight(self.settings, torch.tensor(u, dtype=torch.float64)))

    def mix(self, x: Tensor, step: int, sigma: float) -> Tensor:
        """The state of a step with the reference mixed in.

        Arguments:
            x: the state at the start of the step, [B, C, H, W].
            step: its number, from 0.
            sigma: its level, as the sampler has it (`Noising`).

        Returns:
            A new tensor like x, or x itself where the weight is 0.
        """
        weight = self.weight(step, sigma)
        measured = self.first_level if step == 0 else None
        signal, std = measured or self.noising.coefficients(sigma)
        if self.trace is not None:
            self.trace.begin(step, sigma, math.hypot(signal, std))
            self.trace.record(step, STATE, x)
        if weight == 0.0 or self._is_blank:
            return x
        noise = self.noise.at(step)
        z = self._noised_reference(x, noise, signal, std)
        share = weight if self.mask is None else self._mask_on(x.device).to(blend.working_dtype(x)) * weight
        rest = curve.high_weight(self.settings, weight) / weight
        self.report.weights[step] = weight
        if self.trace is not None:
            self.trace.record(step, REFERENCE, z(WHOLE))
        mixed = blend_parts(
            self.settings.blend, x, z, share, self.lowpass, rest, noise if isinstance(self.noise, FreshNoise) else None
        )
        if self.trace is not None:
            self.trace.record(step, MIXED, mixed)
        return mixed

    def _noised_reference(self, x: Tensor, noise: Tensor, signal: float, std: float) -> MakePart:
        """z' of a step, made a part at a time, as it is asked for."""
        reference, work = self.reference.to(x.device).expand_as(x), blend.working_dtype(x)

        def part(index: Index) -> Tensor:
            z = noise[index].to(x.device, work, copy=True).mul_(std)
            return z.add_(reference[index].to(work), alpha=signal)

        return part

    def _mask_on(self, device: torch.device) -> Tensor:
        """The mask, brought to the device once."""
        self.mask = self.mask.to(device)
        return self.mask

    def begin(self, x: Tensor, step: int, sigma: float) -> Tensor:
        """What the state becomes at the start of a step: mixed for it, or, when late, for the step before."""
        self._levels[step] = sigma
        if not self.late:
            return self.mix(x, step, sigma)
        return self.mix(x, step - 1, self._levels[step - 1]) if step - 1 in self._levels else x

    def end(self, x: Tensor) -> Tensor:
        """What the run's result becomes: itself, or, when late, mixed for the last step."""
        if not self.late or not self._levels:
            return x
        last = max(self._levels)
        return self.mix(x, last, self._levels[last])

    def again(self, reference: Tensor, noise: NoiseSource) -> Mixer:
        """The mixer of another run of the pass, with another reference and other noise."""
        made = copy.copy(self)
        made.reference, made.noise = reference, noise
        made.report, made.trace, made.first_level, made._levels = MixingReport(), None, None, {}
        return made

    def finished(self, x: Tensor) -> Tensor:
        """The clean latent that a pass has come to, normalized where the settings say so and something was mixed."""
        if not self.settings.normalize or not self.report.steps:
            return x
        return normalized(x, self.reference, self.painted)


def mixer_for(
    settings: MixingSettings,
    reference: Reference,
    noise: Tensor,
    seeds: Sequence[int],
    state: Tensor,
    steps: int | None,
    noising: Noising,
    painted: Tensor | None = None,
    mask: Tensor | None = None,
    **more: Any,
) -> Mixer:
    """The mixer of one pass, in every host.

    Arguments:
        settings: of the pass.
        reference: as it was found; it is prepared here.
        noise: that the pass has started from, of the shape of `state`.
        seeds: of each image.
        state: the sampler's first, [B, C, H, W].
        steps: of the pass; None where the sampler decides as it goes: then progress is by noise level, whatever the
            settings say.
        noising: the sampler's convention.
        painted: what inpainting samples, [1, 1, H, W] in [0, 1], or None for all.
        mask: the user's own weight map, [1, 1, H, W] in [0, 1], or None; made soft here.
        more: first_level and trace of `Mixer`.
    """
    if not steps:
        settings = dataclasses.replace(settings, progress="noise level")
    reference = reference.prepared(settings)
    source = perlin.noise_of(settings, seeds, noise_source(settings, noise, seeds, state), state)
    latent = perlin.latent_of(settings, seeds, reference.latent)
    whole, maps = masks.of_run(settings, painted, mask)
    whole = masks.together(whole, perlin.mask_of(settings, seeds, state))
    return Mixer(
        settings, latent, source, steps or 1, noising, reference.scale, whole, painted=painted, maps=maps,
        seeds=seeds, **more,
    )  # fmt: skip
