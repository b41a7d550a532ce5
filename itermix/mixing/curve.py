"""The weight of the reference over the run: c1 falls from 1 (all reference) to 0 (all sampler), or as its range says.

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

CUT = "cut (node pack)"  # the window that goes by whole steps
STEEPNESS_PER_ALPHA = 5.0  # the node pack's logistic


def weights(settings: MixingSettings, steps: int, progress: Tensor | None = None) -> Tensor:
    """c1 at the start of each step.

    Arguments:
        settings: curve, alpha_1, window and range.
        steps: of the run.
        progress: u of each step by noise level (`Noising.progress`), [steps]; used where the settings ask for
            progress by noise level. Without it steps are taken as evenly spaced in the timestep, u = i / steps.

    Returns:
        [steps], float64, between minimum and maximum, or 0 from the clamp on.
    """
    settings = settings.in_shares(steps)
    if settings.window == CUT:
        return cut_weights(settings, steps)
    by_step = torch.arange(steps, dtype=torch.float64) / steps
    return weight(settings, by_step if progress is None or settings.progress == "step" else progress)


def weight(settings: MixingSettings, u: Tensor) -> Tensor:
    """c1 at progress u: minimum + (maximum - minimum) curve((u - start) / (stop - start)), and 0 from the clamp on.

    Before `start` the curve is at its beginning, after `stop` at its end; a stop above 1 cuts the curve off by the end
    of the run. With a maximum below the minimum the weight rises. The logistic curve comes near both ends without
    reaching them. For the window "fitted", the other one goes by whole steps (`cut_weights`), and for start and stop as
    shares of the run (`MixingSettings.in_shares`).

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


def cut_weights(settings: MixingSettings, steps: int) -> Tensor:
    """c1 at each step with start, stop and clamp as the node pack has them: in whole steps, int(share * steps).

    Both cosines end at stop and know no start; linear ends at stop and logistic has its middle halfway, and both are at
    the maximum before start and at the minimum after stop; from the clamp on all are at the minimum. Where no step lies
    before stop, which the pack makes NaN, an error or "not set", all are at the minimum, too.

    Returns:
        [steps], float64, in [minimum, maximum].
    """
    if int(settings.stop * steps) == 0:
        return torch.full((steps,), settings.minimum, dtype=torch.float64)
    rising = _clamped(settings.curve, steps, settings.alpha_1, settings.start, settings.stop, settings.clamp).double()
    return settings.maximum + (settings.minimum - settings.maximum) * rising


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
    if curve not in ("cosine", "linear", "logistic"):
        raise ValueError(f'curve: "{curve}" is not one of the node pack\'s: "cosine", "linear", "logistic"')
    if curve == "logistic" and not int(stop * steps):
        raise ValueError("stop: 0 is not allowed with the node pack's logistic curve")
    if curve == "linear" and not int(stop * steps):
        stop = 1.0
    schedule = _clamped("cosine (node pack)" if curve == "cosine" else curve, steps, alpha_1, start, stop, clamp)
    return torch.lerp(torch.full_like(schedule, minimum), torch.full_like(schedule, maximum), schedule)


def _clamped(curve: str, steps: int, alpha_1: float, start: float, stop: float, clamp: float) -> Tensor:
    """The pack's rising schedule before its range: [steps], float32; 1 from the clamp on."""
    schedule = RISING[curve](torch.arange(steps), alpha_1, int(start * steps), int(stop * steps))
    schedule[int(clamp * steps) :] = 1.0
    return schedule


def _rising_cosine(t: Tensor, alpha_1: float, start: int, stop: int) -> Tensor:
    """The paper's curve, fitted by the pack's rule."""
    return torch.where(t > stop, 1.0, 1.0 - (0.5 * (1 + torch.cos(torch.pi * t / stop))) ** alpha_1)


def _rising_cosine_node_pack(t: Tensor, alpha_1: float, start: int, stop: int) -> Tensor:
    return torch.where(t > stop, 1.0, (0.5 * (1 + torch.cos(torch.pi * (stop - t) / stop))) ** alpha_1)


def _rising_linear(t: Tensor, alpha_1: float, start: int, stop: int) -> Tensor:
    return torch.where(t < start, 0.0, torch.where(t > stop, 1.0, t / stop))


def _rising_logistic(t: Tensor, alpha_1: float, start: int, stop: int) -> Tensor:
    last = max(len(t) - 1, 1)  # of one step alone the pack makes an error
    middle = ((stop + start) / 2) / last
    x = t.float() / last
    rising = 1 / (1 + torch.exp(-alpha_1 * STEEPNESS_PER_ALPHA * (x - middle)))
    return torch.where(x < start / last, 0.0, torch.where(x > stop / last, 1.0, rising))


RISING = {
    "cosine": _rising_cosine,
    "cosine (node pack)": _rising_cosine_node_pack,
    "linear": _rising_linear,
    "logistic": _rising_logistic,
}
