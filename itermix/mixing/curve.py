"""The weight of the reference over the run: c1 falls from 1 (all reference) to 0 (all sampler).

Curves are those of DemoFusion (arXiv 2311.16973, eq. 4, with its erratum: pi, not 2 pi) and of the
ComfyUI "Iterative Mixing" node pack. Progress u in [0, 1] is the noise level, by the timestep as in
DemoFusion, or the step i/N, as in the pack. By noise level a release point is the same amount of noise
whatever the schedule (Karras, exponential, ...), so that is the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from itermix.mixing.settings import MixingSettings

STEEPNESS_PER_ALPHA = 5.0  # the node pack's logistic


def weights(settings: MixingSettings, steps: int, progress: Tensor | None = None) -> Tensor:
    """c1 at the start of each step.

    Arguments:
        settings: curve, alpha_1, window and range.
        steps: of the run.
        progress: u of each step by noise level (`Noising.progress`), [steps]; used where the settings ask for
            progress by noise level. Without it steps are taken as evenly spaced in the timestep, u = i / steps.

    Returns:
        [steps], float64, in [minimum, maximum], or 0 from the clamp on.
    """
    by_step = torch.arange(steps, dtype=torch.float64) / steps
    return weight(settings, by_step if progress is None or settings.progress == "step" else progress)


def weight(settings: MixingSettings, u: Tensor) -> Tensor:
    """c1 at progress u: minimum + (maximum - minimum) curve((u - start) / (stop - start)), and 0 from the clamp on.

    Before `start` the curve is at its beginning, after `stop` at its end. The logistic one comes near both ends
    without reaching them.

    Returns:
        Of the shape of u, float64.
    """
    u = u.to(torch.float64)
    within = ((u - settings.start) / (settings.stop - settings.start)).clamp(0.0, 1.0)
    falling = CURVES[settings.curve](within, settings.alpha_1)
    ranged = settings.minimum + (settings.maximum - settings.minimum) * falling
    if settings.clamp >= 1.0:
        return ranged
    return torch.where(u >= settings.clamp, torch.zeros_like(ranged), ranged)


def high_weight(settings: MixingSettings, weight: float) -> float:
    """weight^high_exponent: what "two bands" gives to frequencies above the cutoff, where those below have `weight`.

    On the cosine curve that is a curve of its own, with alpha_1 times the exponent.
    """
    return weight**settings.high_exponent


def cosine(u: Tensor, alpha_1: float) -> Tensor:
    """c1 = ((1 + cos(pi u)) / 2)^alpha_1: larger alpha_1 = earlier release."""
    return ((1.0 + torch.cos(torch.pi * u)) / 2.0).clamp(0.0, 1.0) ** alpha_1


def cosine_node_pack(u: Tensor, alpha_1: float) -> Tensor:
    """c1 = 1 - ((1 + cos(pi (1 - u))) / 2)^alpha_1: larger alpha_1 = later release."""
    return 1.0 - cosine(1.0 - u, alpha_1)


def linear(u: Tensor, alpha_1: float) -> Tensor:
    """c1 = 1 - u; alpha_1 has no part in it."""
    return 1.0 - u


def logistic(u: Tensor, alpha_1: float) -> Tensor:
    """c1 = 1 / (1 + exp(5 alpha_1 (u - 1/2))): alpha_1 is the steepness around the window's middle."""
    return torch.sigmoid(-STEEPNESS_PER_ALPHA * alpha_1 * (u - 0.5))


CURVES = {"cosine": cosine, "cosine (node pack)": cosine_node_pack, "linear": linear, "logistic": logistic}


def node_pack_weights(
    curve: str,
    steps: int,
    alpha_1: float,
    start: float = 0.0,
    stop: float = 1.0,
    clamp: float = 1.0,
    minimum: float = 0.0,
    maximum: float = 1.0,
) -> Tensor:
    """The node pack's own numbers, faults included: [steps], float32, the weight of the *sampler's* latent.

    For comparing with the pack; `weights` is what to use. `get_blending_schedule` of ComfyUI-Iterative-Mixer:
    cosine ignores start and is NaN for stop = 0, linear and logistic cut at start and stop instead of fitting
    the curve between them, linear takes stop = 0 as unset. Raises ValueError where the pack raises (logistic
    with stop = 0).
    """
    start_step, stop_step = int(start * steps), int(stop * steps)
    t = torch.arange(steps)
    one, zero = torch.tensor(1.0), torch.tensor(0.0)
    if curve == "cosine":
        schedule = (0.5 * (1 + torch.cos(torch.pi * (stop_step - t) / stop_step))) ** alpha_1
        schedule = torch.where(t > stop_step, one, schedule)
    elif curve == "linear":
        end = stop_step or steps
        schedule = torch.where(t > end, one, t / end)
        schedule = torch.where(t < start_step, zero, schedule)
    elif curve == "logistic":
        if not stop_step:
            raise ValueError("stop: 0 is not allowed with the node pack's logistic curve")
        last = t.max()
        middle = ((stop_step + start_step) / 2) / last
        x = t.float() / last
        schedule = 1 / (1 + torch.exp(-alpha_1 * STEEPNESS_PER_ALPHA * (x - middle)))
        schedule = torch.where(x > stop_step / last, one, schedule)
        schedule = torch.where(x < start_step / last, zero, schedule)
    else:
        raise ValueError(f'curve: "{curve}" is not one of the node pack\'s: "cosine", "linear", "logistic"')
    schedule[int(clamp * steps) :] = 1.0
    return torch.lerp(torch.full_like(schedule, minimum), torch.full_like(schedule, maximum), schedule)
