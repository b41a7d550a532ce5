"""At which level a pass really begins, where the host's own noising and its sampling disagree."""

from __future__ import annotations

import torch
from torch import Tensor

from itermix.mixing.noising import VP, Noising

LEVEL_TOLERANCE = 1e-3  # share of a state that its own reference and noise may leave unexplained


def first_level(noising: Noising, state: Tensor, x: Tensor, noise: Tensor) -> tuple[float, float] | None:
    """(a, s) of the first state = a x + s noise, where the host noised it by another timestep than it samples from.

    In img2img and hires passes the timestep samplers noise the latent to one timestep and sample from the one
    before. None where the state is not made of these two.
    """
    if not isinstance(noising, VP) or x is noise or x.shape != state.shape:
        return None
    state, x, noise = (t[0].flatten().float() for t in (state, x, noise))
    xx, nn, xn, xs, ns = (
        float(torch.dot(a, b)) for a, b in ((x, x), (noise, noise), (x, noise), (x, state), (noise, state))
    )
    determinant = xx * nn - xn * xn
    if determinant <= 0.0:
        return None
    a, s = (xs * nn - ns * xn) / determinant, (ns * xx - xs * xn) / determinant
    unexplained = torch.linalg.vector_norm(state - a * x - s * noise) / torch.linalg.vector_norm(state)
    return (a, s) if float(unexplained) < LEVEL_TOLERANCE else None
