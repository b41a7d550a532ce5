"""How two latents of one noise level become one.

Every function takes the sampler's state x and the noised reference z. At weight 0 all give x, "norm only" (the
node pack's, which keeps the length of z) at the length of z, unless a mask says 0 there. At weight 1 all give
z, low-pass the low frequencies of z with the high ones of x, two bands (low-pass or linear or between) by its rest.

Noise: two unit noises with correlation r mixed linearly by c have variance c^2 + (1 - c)^2 + 2 r c (1 - c)
(`noise_variance`): with the run's own noise on the reference r is 1 and every blend here keeps the level;
with fresh noise r is 0 and linear mixing takes up to half of the variance away.

x, z: [B, C, H, W], or [B, C, T, H, W] for video; each image of the batch is blended by itself. Arithmetic is
float32 (float64 for float64 latents); the result has the dtype of x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

# Low-pass mixes in full up to half the cutoff and nothing from this share of it on. In the octave below the cutoff an
# enlarged picture is what its interpolation made of it, and a soft edge rings less; a little short of the cutoff, so
# that at a picture's borders, too, nothing above it is touched.
PASS, STOP = 0.5, 0.9
# Latents at an angle this close to opposite (in radians) fade from slerp to cosine interpolation: slerp of unequal
# lengths grows beyond both there, as one over this angle.
NEARLY_OPPOSITE = 0.3
# A latent shorter than this share of the other has no usable direction.
NEGLIGIBLE = 1e-6

Weight = float | Tensor


def blend(
    name: str, x: Tensor, z: Tensor, weight: Weight, cutoff: tuple[float, float] = (0.25, 0.25), rest: float = 0.0
) -> Tensor:
    """x with the share `weight` of z mixed in: a new tensor of the shape, dtype and device of x.

    name: "two bands", "low-pass", "linear", "slerp" or "norm only". weight: a number in [0, 1], or a tensor of such
    that broadcasts to x. cutoff: for the first two, (height, width), in cycles per latent pixel, 0.5 being all that a
    latent holds; a reference that was enlarged s times knows frequencies up to 1 / (2 s). rest: for two bands, the
    share of the weight that the frequencies above the cutoff get, in [0, 1].
    Raises KeyError for an unknown name and ValueError for shapes that differ.
    """
    if x.shape != z.shape:
        raise ValueError(f"x of shape {tuple(x.shape)} and z of shape {tuple(z.shape)} cannot be blended")
    work = z.to(working_dtype(x), copy=True)
    share = weight.to(work.dtype) if isinstance(weight, Tensor) else weight
    return blend_into(name, x, work, share, cutoff, rest).to(x.dtype)


def blend_into(
    name: str, x: Tensor, z: Tensor, weight: Weight, cutoff: tuple[float, float], rest: float = 0.0
) -> Tensor:
    """`blend` with z as the work space: z, of `working_dtype(x)`, is overwritten by the result and returned."""
    return BLENDS[name](x, z, weight, cutoff, rest)


def working_dtype(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def linear(x: Tensor, z: Tensor, weight: Weight, cutoff: tuple[float, float], rest: float = 0.0) -> Tensor:
    """(1 - c) x + c z: DemoFusion's, and the node pack's "addition"."""
    return z.sub_(x).mul_(weight).add_(x)


def lowpass(x: Tensor, z: Tensor, weight: Weight, cutoff: tuple[float, float], rest: float = 0.0) -> Tensor:
    """x + c L(z - x): only frequencies below the cutoff are mixed, the rest stays the sampler's own.

    L is linear, so this is exact for every noise convention. Cf. FAM diffusion (arXiv 2411.18552), which
    exchanges low frequencies of the *denoised* latents.
    """
    return filter_(z.sub_(x), cutoff).mul_(weight).add_(x)


def two_bands(x: Tensor, z: Tensor, weight: Weight, cutoff: tuple[float, float], rest: float = 0.0) -> Tensor:
    """x + c (L + r (1 - L))(z - x): frequencies below the cutoff by their weight c, the others by r c.

    The others are what an enlarged reference is too blurred to know. Let go with the rest they leave a blurred
    picture (linear, r = 1), never mixed (low-pass, r = 0) they are made up before the noise has uncovered what they
    belong to, which shows as blotches: measured in benchmarks/pictures.
    """
    return filter_(z.sub_(x), cutoff, rest).mul_(weight).add_(x)


def slerp(x: Tensor, z: Tensor, weight: Weight, cutoff: tuple[float, float], rest: float = 0.0) -> Tensor:
    """Along the great circle from x to z, each image as one vector (BlenderNeko's slerp, as in the node pack)."""
    for image, target, c in zip(x, z, _per_image(weight, x)):
        a, b = slerp_weights(_angle(image, target), c)
        _combine_(target, b, image, a)
    return z


def slerp_weights(omega: float, weight: Weight) -> tuple[Weight, Weight]:
    """(a, b) of a x + b z for an angle omega between x and z.

    a = sin((1 - c) omega) / sin(omega) and b = sin(c omega) / sin(omega). Towards parallel latents these become
    1 - c and c; towards opposite ones, where they have no limit, they fade to cos^2(c pi/2) and sin^2(c pi/2).
    """
    if not isinstance(weight, Tensor):
        a, b = slerp_weights(omega, torch.tensor(weight, dtype=torch.float64))
        return float(a), float(b)
    sine = math.sin(omega)
    if sine < 1e-12:
        a, b = 1.0 - weight, weight
    else:
        a, b = torch.sin((1.0 - weight) * omega) / sine, torch.sin(weight * omega) / sine
    near = min((math.pi - omega) / NEARLY_OPPOSITE, 1.0)
    if near == 1.0:
        return a, b
    fade = near * near * (3.0 - 2.0 * near)  # 1: slerp, 0: cosine interpolation
    quarter_turn = weight * (math.pi / 2.0)
    a = fade * a + (1.0 - fade) * torch.cos(quarter_turn) ** 2
    b = fade * b + (1.0 - fade) * torch.sin(quarter_turn) ** 2
    return a, b


def norm_only(x: Tensor, z: Tensor, weight: Weight, cutoff: tuple[float, float], rest: float = 0.0) -> Tensor:
    """c z + (1 - c) (|z| / |x|) x: x brought to the length of z, then mixed (node pack "norm_only")."""
    for image, target, c in zip(x, z, _per_image(weight, x)):
        length, wanted = _length(image), _length(target)
        ratio = wanted / max(length, NEGLIGIBLE * wanted) if wanted else 0.0
        rest = (1.0 - c) * ratio
        if isinstance(c, Tensor):
            rest = rest.masked_fill(c == 0.0, 1.0)  # outside a mask x stays as it is
        _combine_(target, c, image, rest)
    return z


BLENDS: dict[str, Callable[[Tensor, Tensor, Weight, tuple[float, float], float], Tensor]] = {
    "two bands": two_bands,
    "low-pass": lowpass,
    "linear": linear,
    "slerp": slerp,
    "norm only": norm_only,
}


def noise_variance(weight: float, correlation: float) -> float:
    """Variance of two unit noises with this correlation after linear mixing; 1 is right."""
    c = weight
    return c**2 + (1.0 - c) ** 2 + 2.0 * correlation * c * (1.0 - c)


def filter_(d: Tensor, cutoff: tuple[float, float], rest: float = 0.0) -> Tensor:
    """d with only `rest` of its frequencies above the cutoff left, in place. d: [..., H, W], float32 or float64.

    Separable, in the basis of the cosine transform, which continues a picture by its mirror image: nothing
    comes in from the opposite border. One plane at a time, so that no second latent is held.
    """
    height, width = d.shape[-2:]
    if min(cutoff) >= 0.5:  # the reference knows everything
        return d
    rows, columns = (
        _lowpass_basis(size, share).to(d.dtype).to(d.device)  # in this order: not every device has float64
        for size, share in zip((height, width), cutoff)
    )
    planes = d.view(-1, height, width) if d.is_contiguous() else d.reshape(-1, height, width)
    for plane in planes:
        coefficients = rows @ plane @ columns.T
        low = rows.T @ coefficients
        plane.addmm_(low, columns, beta=rest, alpha=1.0 - rest) if rest else torch.mm(low, columns, out=plane)
    return d if d.is_contiguous() else d.copy_(planes.view(d.shape))


@lru_cache(maxsize=16)
def _lowpass_basis(size: int, cutoff: float) -> Tensor:
    """[K, size], float64: the K cosines below the cutoff, each times the root of its gain; B^T B is the low-pass."""
    frequency = torch.arange(size, dtype=torch.float64) / (2 * size)  # cycles per sample
    share = gain(frequency, cutoff)
    kept = int((share > 0.0).sum())
    return share[:kept, None].sqrt() * cosine_basis(size, kept)


def cosine_basis(size: int, count: int | None = None) -> Tensor:
    """[count, size], float64: the first `count` (or all) orthonormal DCT-II cosines of a signal of `size` samples."""
    position = (torch.arange(size, dtype=torch.float64) + 0.5) * torch.pi / size
    order = torch.arange(size if count is None else count, dtype=torch.float64)
    basis = torch.cos(order[:, None] * position) * (2.0 / size) ** 0.5
    basis[0] /= 2.0**0.5
    return basis


def gain(frequency: Tensor, cutoff: float) -> Tensor:
    """1 up to PASS * cutoff, 0 from STOP * cutoff on, half a cosine between. A cutoff of 0.5 passes all."""
    if cutoff >= 0.5:
        return torch.ones_like(frequency)
    edge = (STOP * cutoff - frequency) / ((STOP - PASS) * cutoff)
    return 0.5 - 0.5 * torch.cos(torch.pi * edge.clamp(0.0, 1.0))


def _per_image(weight: Weight, x: Tensor) -> list[Weight]:
    """The weight of each image of the batch: the number, or the image's part of a tensor."""
    if not isinstance(weight, Tensor):
        return [weight] * len(x)
    return list(weight.expand(len(x), *weight.shape[1:]) if weight.dim() == x.dim() else weight.expand_as(x))


def _combine_(z: Tensor, b: Weight, x: Tensor, a: Weight) -> None:
    """z <- b z + a x, in place and without a copy of x where a is a number."""
    z.mul_(b)
    if isinstance(a, Tensor):
        z.addcmul_(x.to(z.dtype), a.to(z.dtype))
    else:
        z.add_(x, alpha=a)


def _angle(x: Tensor, z: Tensor) -> float:
    """Angle between two images as vectors, in radians; a right angle where one has no direction."""
    length_x, length_z = _length(x), _length(z)
    floor = NEGLIGIBLE * max(length_x, length_z) ** 2
    if floor == 0.0:
        return math.pi / 2.0
    dot = float(torch.dot(x.to(z.dtype).flatten(), z.flatten()))
    return math.acos(min(max(dot / max(length_x * length_z, floor), -1.0), 1.0))


def _length(x: Tensor) -> float:
    return float(torch.linalg.vector_norm(x, dtype=working_dtype(x)))
