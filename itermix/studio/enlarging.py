"""From the first pass's latent to the larger one that the next pass starts from and is mixed with."""

from __future__ import annotations

from torch import Tensor

from itermix.mixing.lowpass import LowPass
from itermix.mixing.reference import Reference, equalised
from itermix.pictures.fit import fitted
from itermix.studio import pictures
from itermix.studio.networks import Network
from itermix.studio.passes import INTERPOLATION, enlarged
from itermix.studio.request import Resolved
from itermix.upscale.phases import phase_sizes
from itermix.upscale.reference import both_bands

Size = tuple[int, int]


def hires_sizes(request: Resolved, multiple: int) -> list[Size]:
    """(height, width) in pixels of each phase of the hires pass; of one phase the pass's own, whatever the factor."""
    target = request.hires_size(multiple)
    if request.hires_phases == 1:
        return [target]
    return phase_sizes((request.height, request.width), target, multiple, request.hires_phases) or [target]


def enlarged_by(upscaler: str, network: Network, latent: Tensor, size: Size) -> tuple[Tensor, Reference]:
    """A clean latent at the size (height, width) of a larger picture, and as a reference.

    upscaler: "latent" (interpolated), "pixel" (decoded, Lanczos, encoded), or "both": the low frequencies of the
    first, the high ones of the second.
    """
    large, reference = enlarged(latent, tuple(side // network.reduction for side in size))
    if upscaler == "latent":
        return large, reference
    picture = fitted(pictures.picture_of(network.decode(latent)), size, "stretch")
    init = network.encode(pictures.tensor_of(picture))
    if upscaler == "both":
        known = equalised(large, tuple(latent.shape[-2:]), INTERPOLATION)
        init = both_bands(known, init, LowPass(reference.scale))
    return init, Reference(init, reference.scale)
