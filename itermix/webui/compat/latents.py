"""Pictures to latents and back, through the host's own encoder and its cheapest decoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from modules import devices, sd_samplers_common, shared
from PIL import Image
from torch import Tensor

from itermix.pictures.fit import enlargement, fitted

LATENT_PIXELS = 8  # image pixels per latent pixel, in height and in width
ENCODE_SEED = 0  # an encoder samples its latent; the same picture shall give the same one


def encode(p: Any, picture: Image.Image, fit: str, like: Tensor) -> Tensor:
    """A picture as a latent of the size of `like`, [1, C, H, W], on its device, through the host's own encoder.

    fit: "crop" keeps the proportions, "stretch" does not. The host's random numbers stay as they were.
    """
    pixels = np.asarray(fitted(picture, _pixels_of(like), fit), dtype=np.float32) / 255.0
    image = torch.from_numpy(np.moveaxis(pixels, 2, 0)[None].copy()).to(shared.device, dtype=devices.dtype_vae)
    method = sd_samplers_common.approximation_indexes.get(shared.opts.sd_vae_encode_method)
    with torch.random.fork_rng():
        torch.manual_seed(ENCODE_SEED)
        latent = sd_samplers_common.images_tensor_to_samples(image, method, p.sd_model)
    return latent.to(like.device, like.dtype)


def fitting_scale(picture: Image.Image, fit: str, like: Tensor) -> tuple[float, float]:
    """How many times `encode` enlarges a picture: (height, width), at least 1."""
    return enlargement((picture.height, picture.width), _pixels_of(like), fit)


def preview(latent: Tensor) -> Image.Image:
    """A clean latent, [C, H, W], as a small picture, one pixel each, through the host's cheapest decoder."""
    from modules import sd_vae_approx

    pixels = sd_vae_approx.cheap_approximation(latent[None].float())[0] * 0.5 + 0.5
    pixels = pixels.nan_to_num(0.0).clamp(0.0, 1.0).mul(255.0).round().to("cpu", torch.uint8)
    return Image.fromarray(np.moveaxis(pixels.numpy(), 0, 2))


def _pixels_of(latent: Tensor) -> tuple[int, int]:
    """The size, (height, width), of the picture of a latent."""
    return tuple(side * LATENT_PIXELS for side in latent.shape[-2:])
