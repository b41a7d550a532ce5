"""How two latents of one noise level become one.

Every function takes the sampler's state x and the noised reference z, [B, C, H, W] or, for video, [B, C, T, H, W].
Each image of the batch is blended by itself. Arithmetic is float32 (float64 for float64 latents).

    weight 0    x; "norm only" (the node pack's) brings x to the length of z, but where a mask is 0 x stays
    weight 1    z; "low-pass" takes the low frequencies of z alone, "two bands" the others by its `rest`

Noise: two unit noises with correlation r mixed linearly by c have variance c^2 + (1 - c)^2 + 2 r c (1 - c)
(`noise_variance`). With the run's own noise on the reference r is 1 and every blend here keeps the level; with fresh
noise r is 0 and linear mixing takes up to half of the variance away.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from itermix.mixing.lowpass import LowPass

# Latents at an angle this close to opposite (in radians) fade from slerp to cosine interpolation: slerp of unequal
# lengths grows beyond both there, as one over this angle.
NEARLY_OPPOSITE = 0.3
# A latent shorter than this share of the other has no usable direction.
NEGLIGIBLE = 1e-6

Weight = float | Tensor


def blend(
    name: str, x: Tensor, z: Tensor, weight: Weight, cutoff: tuple[float, float] = (0.25, 0.25), rest: float = 0.0
) -> Tensor:
    """x with the share `weight` of z mixed in.

    Arguments:
        name: "two bands", "low-pass", "linear", "slerp" or "norm only".
        x: the sampler's state, [B, C, H, W] or [B, C, T, H, W].
        z: the noised reference, of the shape of x.
        weight: c, a number in [0, 1], or a tensor of such that broadcasts to x.
        cutoff: of the first two blends, (height, width), in cycles per latent pixel: 1 / (2 s) for a reference that
            was enlarged s times. 0.5 passes all.
        rest: of "two bands": the share of the weight above the cutoff, in [0, 1].

    Returns:
        A new tensor of the shape, dtype and device of x.

    Raises:
        KeyError: for an unknown name.
        ValueError: for shapes that differ.
    """
    if x.shape != z.shape:
        raise ValueError(f"x of shape {tuple(x.shape)} and z of shape {tuple(z.shape)} cannot be blended")
    work = z.to(working_dtype(x), copy=True)
    share = weight.to(work.dtype) if isinstance(weight, Tensor) else weight
    return blend_into(name, x, work, share, LowPass.of_cutoff(cutoff), rest).to(x.dtype)


def blend_into(name: str, x: Tensor, z: Tensor, weight: Weight, lowpass: LowPass, rest: float = 0.0) -> Tensor:
    """`blend` in the memory of z, which has `working_dtype(x)`.

    Returns:
        z, overwritten by the result.
    """
    return BLENDS[name](x, z, weight, lowpass, rest)


def working_dtype(x: Tensor) -> torch.dtype:
    """float32, and float64 for float64."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def linear(x: Tensor, z: Tensor, weight: Weight, lowpass: LowPass, rest: float = 0.0) -> Tensor:
    """(1 - c) x + c z (DemoFusion, arXiv 2311.16973, eq. 3; the node pack's "addition")."""
    return z.sub_(x).mul_(weight).add_(x)


def low_pass(x: Tensor, z: Tensor, weight: Weight, lowpass: LowPass, rest: float = 0.0) -> Tensor:
    """x + c L(z - x): frequencies below the cutoff are mixed, the others stay the sampler's own.

    L is linear, so this is exact for every noise convention. Cf. FAM diffusion (arXiv 2411.18552), which exchanges
    low frequencies of the *denoised* latents.
    """
    return lowpass.filter_(z.sub_(x)).mul_(weight).add_(x)


def two_bands(x: Tensor, z: Tensor, weight: Weight, lowpass: LowPass, rest: float = 0.0) -> Tensor:
    """x + c (L + r (1 - L))(z - x): frequencies below the cutoff by their weight c, the others by r c.

    An enlarged reference lacks the others. Mixed as long as the rest they leave a blurred picture (r = 1 is linear);
    never mixed (r = 0 is low-pass) they are made up before the noise has uncovered what they belong to, which shows
    as blotches (benchmarks/pictures).
    """
    return lowpass.filter_(z.sub_(x), rest).mul_(weight).add_(x)


def slerp(x: Tensor, z: Tensor, weight: Weight, lowpass: LowPass, rest: float = 0.0) -> Tensor:
    """a x + b z along the great circle from x to z, each image one vector (BlenderNeko's slerp; in the node pack)."""
    for image, target, c in zip(x, z, _per_image(weight, x)):
        a, b = slerp_weights(_angle(image, target), c)
        _combine_(target, b, image, _whole_outside(a, c))
    return z


def slerp_weights(omega: float | Tensor, weight: Weight) -> tuple[Weight, Weight]:
    """The weights (a, b) of slerp, for an angle omega between x and z and the weight c of z:

        a = sin((1 - c) omega) / sin(omega)        b = sin(c omega) / sin(omega)

    Towards parallel latents these become 1 - c and c; towards opposite ones, where they have no limit, they fade to
    cos^2(c pi / 2) and sin^2(c pi / 2) within `NEARLY_OPPOSITE`.

    Returns:
        Tensors, or numbers where both arguments are numbers.
    """
    if not isinstance(omega, Tensor):
        omega = torch.tensor(omega, dtype=torch.float64)
        if not isinstance(weight, Tensor):
            a, b = slerp_weights(omega, torch.tensor(weight, dtype=torch.float64))
            return float(a), float(b)
    sine = torch.sin(omega)
    is_flat = sine < 1e-12
    divisor = sine.masked_fill(is_flat, 1.0)
    a = torch.where(is_flat, 1.0 - weight, torch.sin((1.0 - weight) * omega) / divisor)
    b = torch.where(is_flat, weight, torch.sin(weight * omega) / divisor)
    near = ((math.pi - omega) / NEARLY_OPPOSITE).clamp(0.0, 1.0)
    fade = near * near * (3.0 - 2.0 * near)  # 1: slerp, 0: cosine interpolation
    quarter_turn = weight * (math.pi / 2.0) * torch.ones_like(omega)
    a = fade * a + (1.0 - fade) * torch.cos(quarter_turn) ** 2
    b = fade * b + (1.0 - fade) * torch.sin(quarter_turn) ** 2
    return a, b


def norm_only(x: Tensor, z: Tensor, weight: Weight, lowpass: LowPass, rest: float = 0.0) -> Tensor:
    """c z + (1 - c) (|z| / |x|) x: x brought to the length of z, then mixed (the node pack's "norm_only")."""
    for image, target, c in zip(x, z, _per_image(weight, x)):
        length, goal = _length(image), _length(target)
        least = torch.finfo(goal.dtype).tiny
        ratio = goal / torch.maximum(length, NEGLIGIBLE * goal).clamp(min=least)
        _combine_(target, c, image, _whole_outside((1.0 - c) * ratio, c))
    return z


BLENDS: dict[str, Callable[[Tensor, Tensor, Weight, LowPass, float], Tensor]] = {
    "two bands": two_bands,
    "low-pass": low_pass,
    "linear": linear,
    "slerp": slerp,
    "norm only": norm_only,
}


def noise_variance(weight: float, correlation: float) -> float:
    """Variance of two unit noises after linear mixing, c^2 + (1 - c)^2 + 2 r c (1 - c); 1 is right."""
    c = weight
    return c**2 + (1.0 - c) ** 2 + 2.0 * correlation * c * (1.0 - c)


def _per_image(weight: Weight, x: Tensor) -> list[Weight]:
    """The weight of each image of the batch: the number, or the image's part of a tensor."""
    if not isinstance(weight, Tensor):
        return [weight] * len(x)
    return list(weight.expand(len(x), *weight.shape[1:]) if weight.dim() == x.dim() else weight.expand_as(x))


def _whole_outside(a: Tensor, weight: Weight) -> Tensor:
    """The share of x, 1 to the bit wherever a mask makes the weight 0: there x stays as it is."""
    return a.masked_fill(weight == 0.0, 1.0) if isinstance(weight, Tensor) else a


def _combine_(z: Tensor, b: Weight, x: Tensor, a: Tensor) -> None:
    """z <- b z + a x, in place, and on the CPU without a copy of x where a is one number."""
    z.mul_(b)
    if a.dim() == 0 and a.device.type == "cpu":
        z.add_(x, alpha=float(a))
    else:
        z.addcmul_(x.to(z.dtype), a.to(z.dtype))


def _angle(x: Tensor, z: Tensor) -> Tensor:
    """Angle between two images as vectors, in radians, as `_number`; a right angle where one has no direction."""
    length_x, length_z = _length(x), _length(z)
    floor = NEGLIGIBLE * torch.maximum(length_x, length_z) ** 2
    dot = _number(torch.dot(x.to(z.dtype).flatten(), z.flatten()))
    least = torch.finfo(dot.dtype).tiny
    return torch.acos((dot / torch.maximum(length_x * length_z, floor).clamp(min=least)).clamp(-1.0, 1.0))


def _length(x: Tensor) -> Tensor:
    return _number(torch.linalg.vector_norm(x, dtype=working_dtype(x)))


def _number(value: Tensor) -> Tensor:
    """A tensor of no dimensions, left on its device, so that nothing waits for it; float64 where that is the CPU."""
    return value.double() if value.device.type == "cpu" else value
