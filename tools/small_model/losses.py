"""What the VAE's pictures are held to: values, edges, the power of what is fine, and patches wherever they are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, l1_loss, mse_loss, unfold

SQUARED = 10.0  # weight of the squared error, which then counts as much as the absolute one at 34 dB
POWER, PLAIN = 0.05, 5e-5  # weight of the finest level's power; power below which a crop has nothing fine in it
PATCH, PATCHES, DIRECTIONS = 7, 256, 64  # of the patches' distance: pixels a side, patches of each crop, projections


def total_loss(made: Tensor, target: Tensor) -> Tensor:
    return detailed_loss(made, target) + SQUARED * mse_loss(made, target) + POWER * power_loss(made, target)


def detailed_loss(made: Tensor, target: Tensor) -> Tensor:
    """L1 of the pictures and of two levels of their Laplacian pyramid: edges count as much as surfaces."""
    loss = l1_loss(made, target)
    for _ in range(2):
        smaller_made, smaller_target = avg_pool2d(made, 2), avg_pool2d(target, 2)
        fine_made = made - interpolate(smaller_made, scale_factor=2.0)
        fine_target = target - interpolate(smaller_target, scale_factor=2.0)
        loss = loss + l1_loss(fine_made, fine_target)
        made, target = smaller_made, smaller_target
    return loss


def sliced_loss(made: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """Sliced Wasserstein distance of the patches of two Laplacian levels, in units of each level's deviation.

    As a loss of textures it is Heitz et al.'s (arXiv 2006.07229, eq. 2). It asks that there be as many sharp edges and
    plain places as in the right pictures and not where they are: an error of pixels makes soft what a drawn latent
    does not tell the place of.
    """
    loss = made.new_zeros(())
    for _ in range(2):
        fine, fine_target = finest(made), finest(target)
        directions = torch.randn(3 * PATCH**2, DIRECTIONS, generator=generator, device=made.device)
        directions = directions / directions.norm(dim=0)
        side = fine.shape[-1] - PATCH + 1
        chosen = torch.randperm(side**2, generator=generator, device=made.device)[:PATCHES]
        ours, theirs = (
            (unfold(one, PATCH)[:, :, chosen].transpose(1, 2).flatten(0, 1) @ directions).sort(dim=0).values
            for one in (fine, fine_target)
        )
        loss = loss + (ours - theirs).abs().mean() / fine_target.std().clamp(min=PLAIN**0.5)
        made, target = avg_pool2d(made, 2), avg_pool2d(target, 2)
    return loss


def finest(pictures: Tensor) -> Tensor:
    """The finest level of their Laplacian pyramid, of the same shape."""
    return pictures - interpolate(avg_pool2d(pictures, 2), scale_factor=2.0, mode="bilinear")


def power_loss(made: Tensor, target: Tensor) -> Tensor:
    """How far the finest Laplacian level's power is from the target's, as a share of it, mean over the pictures.

    The smallest error alone leaves out what a latent does not tell: soft edges. The right power costs 0.1 to 0.2 dB.
    """
    ours, theirs = (finest(one).square().mean(dim=(1, 2, 3)) for one in (made, target))
    return ((ours - theirs).abs() / (theirs + PLAIN)).mean()
