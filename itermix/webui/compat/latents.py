"""Pictures to latents and back, through the host's own encoder and its cheapest decoder."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch
from modules import devices, sd_samplers_common, shared
from PIL import Image
from torch import Tensor

from itermix.pictures.fit import enlargement, fitted
from itermix.pictures.masks import weight_map
from itermix.webui.compat import processing
from itermix.webui.compat.edited import engine_as_it_was
from itermix.webui.compat.randomness import ENCODE_SEED, drawing_from

REDUCTION = 8  # image pixels per latent pixel, in height and in width, where the model's VAE does not say
VIDEO = 5  # dimensions of a latent, [B, C, T, H, W]


def encode(p: Any, picture: Image.Image, fit: str, like: Tensor) -> Tensor:
    """A picture as a latent of the size of `like`, [1, C, H, W], on its device, through the host's own encoder.

    Of a video model, whose `like` is [B, C, T, H, W], it is one frame, [1, C, 1, H, W]. fit: "crop" keeps the
    proportions, "stretch" does not. The host's random numbers and its engine's own pictures stay as they were.
    """
    return encode_all(p, [fitted(picture, size_of(p.sd_model, like), fit)], like)


def encode_all(p: Any, pictures: list[Image.Image], like: Tensor) -> Tensor:
    """Pictures of one size as latents, [B, C, H, W] (of a video model [B, C, 1, H, W]), on the device and in the dtype
    of `like`; otherwise as `encode`."""
    pixels = np.stack([np.asarray(picture.convert("RGB"), dtype=np.float32) for picture in pictures]) / 255.0
    image = torch.from_numpy(np.moveaxis(pixels, 3, 1).copy()).to(shared.device, dtype=devices.dtype_vae)
    method = sd_samplers_common.approximation_indexes.get(shared.opts.sd_vae_encode_method)
    # Of a batch Qwen-Image's and Wan's encoders take the first picture alone.
    parts = image.split(1) if like.dim() == VIDEO else [image]
    with drawing_from(ENCODE_SEED), engine_as_it_was(p.sd_model):
        latent = torch.cat([sd_samplers_common.images_tensor_to_samples(part, method, p.sd_model) for part in parts])
    return latent.to(like.device, like.dtype)


def is_video(latent: Tensor) -> bool:
    """Whether it has several frames, which no encoder makes of single pictures."""
    return latent.dim() == VIDEO and latent.shape[2] > 1


def decode(p: Any, latent: Tensor) -> list[Image.Image]:
    """The pictures of clean latents, [B, C, H, W], through the host's own decoder."""
    from modules import processing as host

    values = torch.stack(list(host.decode_latent_batch(p.sd_model, latent, target_device=devices.cpu)))
    return pictures_of(values)


def pictures_of(values: Tensor) -> list[Image.Image]:
    """As the host's hires fix makes them of what it has decoded: [B, 3, H, W] in [-1, 1], rounded down.

    Of a model with latents of videos, [B, T, 3, H, W]: all frames, one after the other.
    """
    frames = values.float().reshape(-1, *values.shape[-3:])
    levels = ((frames + 1.0) / 2.0).clamp(0.0, 1.0).mul(255.0).to("cpu", torch.uint8)
    return [Image.fromarray(np.moveaxis(picture.numpy(), 0, 2)) for picture in levels]


def decoded_for_hires(p: Any, values: Tensor) -> Tensor:
    """What was decoded, in [-1, 1], as the host's hires pass takes it."""
    return ((values + 1.0) / 2.0).clamp(0.0, 1.0) if _hires_takes_shares(p) else values


def decoded_of_hires(p: Any, values: Tensor) -> Tensor:
    """What the host's hires pass was given, in [-1, 1]."""
    return values * 2.0 - 1.0 if _hires_takes_shares(p) else values


def _hires_takes_shares(p: Any) -> bool:
    """Whether the hires pass is given pictures in [0, 1]: in Forge Neo what calls it has them so; elsewhere it is given
    them in [-1, 1], and does that itself."""
    return "clamp" in inspect.unwrap(type(p).sample).__code__.co_names


def fitting_scale(p: Any, picture: Image.Image, fit: str, like: Tensor) -> tuple[float, float]:
    """How many times `encode` enlarges a picture: (height, width), at least 1."""
    return enlargement((picture.height, picture.width), size_of(p.sd_model, like), fit)


def mask_of(p: Any, mask: Image.Image, fit: str, like: Tensor) -> Tensor:
    """A grey picture as the weight map of a latent like this, [1, 1, H, W] in [0, 1]; of the part of the picture alone
    that an inpainting of the masked area works on."""
    whole, part = processing.part_of_picture(p)
    return weight_map(mask, whole or size_of(p.sd_model, like), tuple(like.shape[-2:]), fit, part)


def reduction_of(model: Any) -> int:
    """Image pixels per latent pixel of a host's model: 8, and 16 for Flux.2's VAE."""
    vae = getattr(getattr(model, "forge_objects", None), "vae", None)
    told = getattr(vae, "downscale_ratio", REDUCTION)  # a video's: (frames, height, width)
    told = told[-1] if isinstance(told, (tuple, list)) else told
    return told if isinstance(told, int) and told > 0 else REDUCTION


def preview(latent: Tensor) -> Image.Image:
    """A clean latent, [C, H, W], as a small picture, one pixel each, through the host's cheapest decoder.

    Of a video's, [C, T, H, W], the frame in the middle.
    """
    from modules import sd_vae_approx

    if latent.dim() == 4:
        middle = latent.shape[1] // 2
        latent = latent[:, middle : middle + 1]
    pixels = sd_vae_approx.cheap_approximation(latent[None].float())[0] * 0.5 + 0.5
    pixels = pixels.nan_to_num(0.0).clamp(0.0, 1.0).mul(255.0).round().to("cpu", torch.uint8)
    return Image.fromarray(np.moveaxis(pixels.numpy(), 0, 2))


def size_of(model: Any, latent: Tensor) -> tuple[int, int]:
    """The size, (height, width), of the picture of a latent."""
    return tuple(side * reduction_of(model) for side in latent.shape[-2:])
