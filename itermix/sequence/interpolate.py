"""How one latent, or one conditioning, becomes another over a weight from 0 (a) to 1 (b).

Blend, Slerp and Cosine are the latent interpolations of the ComfyUI node "KSampler Sequence", and
`slerp_conditioning` is its conditioning slerp. Arithmetic is float32 (float64 for float64 tensors); results
have the dtype of a.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from itermix.mixing.blend import blend, slerp_weights, working_dtype

# Two vectors at an angle with a sine below this are parallel to the node, which then gives one or the other.
PARALLEL = 1e-6


def blend_latents(a: Tensor, b: Tensor, weight: float | Tensor) -> Tensor:
    """(1 - c) a + c b: the node's "Blend". a, b: [B, C, H, W]."""
    return blend("linear", a, b, weight)


def slerp_latents(a: Tensor, b: Tensor, weight: float | Tensor) -> Tensor:
    """Along the great circle from a to b, each image as one vector: the node's "Slerp". a, b: [B, C, H, W]."""
    return blend("slerp", a, b, weight)


def cosine_latents(a: Tensor, b: Tensor, weight: float | Tensor) -> Tensor:
    """(1 - t) a + t b with t = (1 - cos(pi c)) / 2, slow at both ends: the node's "Cosine". a, b: [B, C, H, W]."""
    cosine = torch.cos(torch.pi * weight) if isinstance(weight, Tensor) else math.cos(math.pi * weight)
    return blend("linear", a, b, (1.0 - cosine) / 2.0)


def slerp_conditioning(a: Tensor, b: Tensor, strength: float, jump: bool = True) -> Tensor:
    """Each token along the great circle from where it is in a to where it is in b.

    A zero token counts as perpendicular to any other.

    Arguments:
        a, b: [..., tokens, channels].
        strength: 0 is a, 1 is b.
        jump: as in the node, a token parallel to its goal is a's below strength 0.5 and b's from there on; without
            it moves on a straight line.

    Returns:
        A tensor like a.

    Raises:
        ValueError: for shapes that differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"conditionings of shapes {tuple(a.shape)} and {tuple(b.shape)} cannot be interpolated")
    start, goal = a.to(working_dtype(a)), b.to(working_dtype(a))
    shares_of = _shares if jump else slerp_weights
    shares = [shares_of(omega, strength) for omega in _angles(start, goal).flatten().tolist()]
    of_start, of_goal = start.new_tensor(shares).view(*a.shape[:-1], 2).split(1, dim=-1)
    return (of_start * start + of_goal * goal).to(a.dtype)


def _shares(omega: float, strength: float) -> tuple[float, float]:
    """How much of the start and of the goal a token at an angle omega between them holds."""
    if math.sin(omega) < PARALLEL and omega < math.pi / 2.0:
        return (1.0, 0.0) if strength < 0.5 else (0.0, 1.0)
    return slerp_weights(omega, strength)


def _angles(a: Tensor, b: Tensor) -> Tensor:
    """Angles between vectors over the last dimension: 2 atan2(|u - v|, |u + v|) of their directions u and v.

    W. Kahan's formula: exact to the last digits at every angle, where the arc cosine loses half of them near
    0 and pi.
    """
    u, v = torch.nn.functional.normalize(a, dim=-1), torch.nn.functional.normalize(b, dim=-1)
    return 2.0 * torch.atan2(torch.linalg.vector_norm(u - v, dim=-1), torch.linalg.vector_norm(u + v, dim=-1))
