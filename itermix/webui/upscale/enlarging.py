"""What a larger pass starts from and is mixed with: made of the smaller picture, with the host's own upscalers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PIL import Image
from torch import Tensor

from itermix.mixing.hires import AS_UPSCALED, LATENT, PIXEL
from itermix.mixing.reference import Reference
from itermix.pictures.sharpen import sharpened
from itermix.upscale.reference import enlarged, from_source
from itermix.webui.compat import latents, pictures, processing


class Small:
    """The pictures of a batch that are to be enlarged, as latents and as pixels: each made of the other where it is not
    there.

    latent: [B, C, H, W], or None. values: [B, 3, H, W] in [-1, 1] as the host decodes them, or None. known: the
    pictures themselves, where they are there.
    """

    def __init__(
        self,
        p: Any,
        latent: Tensor | None = None,
        values: Tensor | None = None,
        known: list[Image.Image] | None = None,
    ):
        self.p, self._latent, self._values, self._pictures = p, latent, values, known

    def __len__(self) -> int:
        return len(next(one for one in (self._latent, self._values, self._pictures) if one is not None))

    def latent(self, like: Tensor) -> Tensor:
        """On the device and in the dtype of `like`."""
        if self._latent is None:
            self._latent = latents.encode_all(self.p, self.pictures(), like)
        return self._latent.to(like.device, like.dtype)

    def latent_as_known(self) -> Tensor:
        """Where it is known already."""
        return self._latent

    def pictures(self) -> list[Image.Image]:
        if self._pictures is None:
            is_known = self._values is not None
            self._pictures = latents.pictures_of(self._values) if is_known else latents.decode(self.p, self._latent)
        return self._pictures


def plainly_enlarged(small: list[Image.Image], size: tuple[int, int], is_sharp: bool) -> list[Image.Image]:
    """Pictures at a size (height, width), by Lanczos's filter. is_sharp: with edges as sharp as before."""
    large = [pictures.enlarged(picture, size, None) for picture in small]
    return [sharpened(one, size[0] / old.height) for one, old in zip(large, small)] if is_sharp else large


@dataclass(frozen=True)
class Enlarged:
    """A phase of Iterative Upscale. name: in words. made: its reference, which it starts from, too."""

    name: str
    made: Reference

    def reference(self, x: Tensor) -> Reference:
        """x: the clean latent of `made`."""
        return self.made


@dataclass
class Enlarging:
    """The hires pass under way, or the phase of it.

    name: in words. source: what its reference is made from. small: what is enlarged. size: (height, width) in pixels
    that it is enlarged to, before the host crops it. scale: how many times larger that is.
    """

    p: Any
    name: str
    source: str
    small: Small
    size: tuple[int, int]
    scale: tuple[float, float]
    _made: Reference | None = None

    def reference(self, x: Tensor) -> Reference:
        """x: the clean latent that the host is about to start from, [B, C, H, W]."""
        if self._made is None:  # Forge prepares a pass twice, and x may be the reference by then
            self._made = self._make(x)
        return self._made

    def _make(self, x: Tensor) -> Reference:
        p, interpolation = self.p, processing.hires_interpolation(self.p)
        words = "upscaled first pass"
        is_latent = interpolation is not None
        is_video = latents.is_video(x)
        is_broken = not bool(x.isfinite().all())  # what holds no numbers must not become a picture
        if is_video or is_broken or self.source == AS_UPSCALED:
            return Reference(x, self.scale, interpolation, words)
        is_of_all = len(x) == len(self.small)  # of a batch Qwen-Image's encoder has made a latent of the first alone
        if is_of_all and self.source == (LATENT if is_latent else PIXEL):
            return Reference(x, self.scale, interpolation, words)
        size = tuple(side // latents.reduction_of(p.sd_model) for side in self.size)

        def known() -> Reference:
            large = enlarged(self.small.latent(x), size)
            return replace(large, latent=processing.hires_cropped(p, large.latent), scale=self.scale)

        def encoded() -> Tensor:
            if not is_latent and is_of_all:  # the host has done so, with the upscaler of the request
                return x
            if is_latent:
                large = plainly_enlarged(self.small.pictures(), self.size, self.source == PIXEL)
            else:
                large = [pictures.enlarged(one, self.size, p.hr_upscaler) for one in self.small.pictures()]
            return processing.hires_cropped(p, latents.encode_all(p, large, x))

        return replace(from_source(self.source, known, encoded), source=f"{words}, {self.source}")
