"""From the first pass's latent to the larger one that the next pass starts from and is mixed with."""

from __future__ import annotations

from torch import Tensor

from itermix.mixing.hires import PIXEL
from itermix.mixing.reference import Reference
from itermix.pictures.fit import fitted
from itermix.pictures.sharpen import sharpened
from itermix.studio import pictures
from itermix.studio.networks import Network
from itermix.studio.request import Resolved
from itermix.upscale.phases import sizes_to
from itermix.upscale.reference import enlarged, from_source

Size = tuple[int, int]


def hires_sizes(request: Resolved, multiple: int) -> list[Size]:
    """(height, width) in pixels of each phase of the hires pass; of one phase the pass's own, whatever the factor."""
    return sizes_to((request.height, request.width), request.hires_size(multiple), multiple, request.effective_phases())


def enlarged_by(upscaler: str, network: Network, latent: Tensor, size: Size) -> Reference:
    """A clean latent at the size (height, width) of a larger picture, which a pass starts from and is mixed with.

    upscaler: "latent" (interpolated), "pixel" (decoded, Lanczos, sharpened, encoded), or "both" (`from_source`; the
    high frequencies of a picture that is not sharpened, as the enlarged latent is rough enough).
    """

    def encoded() -> Tensor:
        picture = fitted(pictures.picture_of(network.decode(latent)), size, "stretch")
        if upscaler == PIXEL:
            picture = sharpened(picture, size[0] / (latent.shape[-2] * network.reduction))
        return network.encode(pictures.tensor_of(picture))

    return from_source(upscaler, lambda: enlarged(latent, tuple(side // network.reduction for side in size)), encoded)
