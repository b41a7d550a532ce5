"""A closed loop: the last frames go back to the first one, so that the step from the last frame to it is none too many.

The distance that is left to the first frame is what the frames that are left can go, at the pace of those before:

    |z_k - z_0| <= (n - k) d,    d = mean of |z_1 - z_0| ... |z_{k-1} - z_{k-2}|

with n frames in all. A frame that is farther away is drawn towards z_0 on a straight line. Of the last one, z_{n-1},
this says that the step from it to z_0 is not longer than the mean of those before; and it is drawn on until its own
step is not the shorter one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from itermix.mixing.blend import working_dtype


def distance(a: Tensor, b: Tensor) -> Tensor:
    """|a - b| of each image, [B]. a, b: [B, ...]."""
    work = working_dtype(a)
    return torch.linalg.vector_norm((a.to(work) - b.to(work)).flatten(1), dim=1)


def drawn_back(latent: Tensor, previous: Tensor, first: Tensor, path: Tensor, index: int, frames: int) -> Tensor:
    """A frame of a closed loop, no farther from its first frame than the frames that are left can go.

    Arguments:
        latent: z_k, [B, ...]. previous, first: z_{k-1} and z_0.
        path: |z_1 - z_0| + ... + |z_{k-1} - z_{k-2}| of each image, [B].
        index: k, 2 or more. frames: n.

    Returns:
        A tensor like `latent`; where nothing is drawn, an image is what it was.
    """
    work, start, before = (t.to(working_dtype(latent)).flatten(1) for t in (latent, first, previous))
    away = work - start
    length = torch.linalg.vector_norm(away, dim=1)
    allowed = path.to(length) * ((frames - index) / (index - 1))
    share = torch.where(length > allowed, allowed / length.clamp_min(torch.finfo(length.dtype).tiny), 1.0)
    if index == frames - 1:
        share = torch.minimum(share, _balanced(away, start - before))
    found = (start + share[:, None] * away).view(latent.shape).to(latent.dtype)
    is_far = (share < 1.0).view(-1, *[1] * (latent.ndim - 1))
    return torch.where(is_far, found, latent)


def _balanced(away: Tensor, back: Tensor) -> Tensor:
    """The share s at which s |away| is not longer than |back + s away|, the step before it; [B]."""
    along = (away * back).sum(dim=1)
    whole = (back * back).sum(dim=1)
    return torch.where(2.0 * along < -whole, whole / (-2.0 * along).clamp_min(torch.finfo(along.dtype).tiny), 1.0)
