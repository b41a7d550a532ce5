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
from dataclasses import dataclass

import torch
from torch import Tensor

from itermix.mixing.lowpass import SHARP, SOFT, LowPass

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
    return BLENDS[name](x, work, share, LowPass.of_cutoff(cutoff, edge_of(name)), rest).to(x.dtype)


def edge_of(name: str) -> tuple[float, float]:
    """The low-pass's edge for a blend: sharp where the low frequencies are all that is held."""
    return SHARP if name == "low-pass" else SOFT


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
    return _each_image(x, z, weight, slerp_shares)


def slerp_shares(pair: Pair, weight: Weight) -> tuple[Weight, Weight]:
    return slerp_weights(pair.angle, weight)


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
    return _each_image(x, z, weight, norm_shares)


def norm_shares(pair: Pair, weight: Weight) -> tuple[Weight, Weight]:
    least = torch.finfo(pair.length_z.dtype).tiny
    ratio = pair.length_z / torch.maximum(pair.length_x, NEGLIGIBLE * pair.length_z).clamp(min=least)
    return (1.0 - weight) * ratio, weight


# Of x, z, weight, low-pass and rest: z, overwritten by the result; z has working_dtype(x).
BLENDS: dict[str, Callable[[Tensor, Tensor, Weight, LowPass, float], Tensor]] = {
    "two bands": two_bands,
    "low-pass": low_pass,
    "linear": linear,
    "slerp": slerp,
    "norm only": norm_only,
}
# Of the blends that see an image as one vector: the shares (a, b) of x and z.
SHARES: dict[str, Callable[[Pair, Weight], tuple[Weight, Weight]]] = {"slerp": slerp_shares, "norm only": norm_shares}


def noise_variance(weight: float, correlation: float) -> float:
    """Variance of two unit noises after linear mixing, c^2 + (1 - c)^2 + 2 r c (1 - c); 1 is right."""
    c = weight
    return c**2 + (1.0 - c) ** 2 + 2.0 * correlation * c * (1.0 - c)


def _each_image(x: Tensor, z: Tensor, weight: Weight, shares: Callable[[Pair, Weight], tuple]) -> Tensor:
    for image, target, c in zip(x, z, per_image(weight, x)):
        a, b = shares(Pair.of(image, target), c)
        combine_(target, whole_outside(a, c), b, image)
    return z


def per_image(weight: Weight, x: Tensor) -> list[Weight]:
    """The weight of each image of the batch: the number, or the image's part of a tensor."""
    if not isinstance(weight, Tensor):
        return [weight] * len(x)
    return list(weight.expand(len(x), *weight.shape[1:]) if weight.dim() == x.dim() else weight.expand_as(x))


def whole_outside(a: Tensor, weight: Weight) -> Tensor:
    """The share of x, 1 to the bit wherever a mask makes the weight 0: there x stays as it is."""
    return a.masked_fill(weight == 0.0, 1.0) if isinstance(weight, Tensor) else a


def combine_(z: Tensor, a: Tensor, b: Weight, x: Tensor) -> Tensor:
    """z <- a x + b z, in place, and on the CPU without a copy of x where a is one number. Returns z."""
    z.mul_(b)
    if a.dim() == 0 and a.device.type == "cpu":
        return z.add_(x, alpha=float(a))
    return z.addcmul_(x.to(z.dtype), a.to(z.dtype))


@dataclass(frozen=True)
class Pair:
    """Two images as vectors: x . z, |x| and |z|, each a number left on its device, so that nothing waits for it."""

    dot: Tensor
    length_x: Tensor
    length_z: Tensor

    @classmethod
    def of(cls, x: Tensor, z: Tensor) -> Pair:
        """x: of any dtype; z: of the working one."""
        lengths = [_number(torch.linalg.vector_norm(one, dtype=z.dtype)) for one in (x, z)]
        return cls(_number(torch.dot(x.to(z.dtype).flatten(), z.flatten())), *lengths)

    def __add__(self, other: Pair) -> Pair:
        """Of two parts of an image the whole's."""
        lengths = [torch.hypot(getattr(self, name), getattr(other, name)) for name in ("length_x", "length_z")]
        return Pair(self.dot + other.dot, *lengths)

    @property
    def angle(self) -> Tensor:
        """In radians; a right angle where one has no direction."""
        floor = NEGLIGIBLE * torch.maximum(self.length_x, self.length_z) ** 2
        least = torch.finfo(self.dot.dtype).tiny
        cosine = self.dot / torch.maximum(self.length_x * self.length_z, floor).clamp(min=least)
        return torch.acos(cosine.clamp(-1.0, 1.0))


def _number(value: Tensor) -> Tensor:
    """A tensor of no dimensions; float64 where it is on the CPU."""
    return value.double() if value.device.type == "cpu" else value
