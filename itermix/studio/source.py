"""The pictures that a run starts from. Torch is not needed to read them."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from itermix.pictures.uploads import read_mask, read_picture


@dataclass(frozen=True)
class Source:
    """The picture that a run starts from, and which part of it changes; nothing for text to image."""

    image: Image.Image | None = None
    mask: Image.Image | None = None

    @classmethod
    def read(cls, image: str | None, mask: str | None) -> Source:
        """From files. Raises SettingsError."""
        return cls(read_picture(image, "image") if image else None, read_mask(mask, "mask") if mask else None)

    def __str__(self) -> str:
        """As the infotext says it."""
        return "" if self.image is None else "image" if self.mask is None else "image and mask"
