"""Every difference between the hosts, and everything that is asked of a host's insides, in one place."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from modules import devices, rng, sd_samplers_common, shared
from PIL import Image
from torch import Tensor

from itermix.mixing.noising import VE, VP, Flow, Noising
from itermix.pictures import uploads
from itermix.pictures.fit import enlargement as enlargement_of
from itermix.pictures.fit import fitted

LATENT_PIXELS = 8  # image pixels per latent pixel, in height and in width
ENCODE_SEED = 0  # an encoder samples its latent; the same picture shall give the same one
RESIZE_LATENT = 3  # img2img's resize mode "just resize (latent upscale)"
RESIZE_FITS = {1: "crop", 2: "fill"}  # what img2img's resize modes do, by their number; the others stretch
MASKED_CONTENT_WITHOUT_PICTURE = (2, 3)  # inpainting fill "latent noise" and "latent nothing"


def noising_of(sampler_function: Any, model: torch.nn.Module) -> Noising:
    """The noise convention in which a sampler function runs this model."""
    if sampler_function.__name__ in ("ddim", "ddim_cfgpp", "plms", "unipc"):
        return VP(model.inner_model.inner_model.alphas_cumprod)
    return Flow() if is_flow_model() else VE()


def is_flow_model() -> bool:
    """Whether the model's noisy latents are (1 - sigma) x0 + sigma noise."""
    forge_objects = getattr(shared.sd_model, "forge_objects", None)
    if forge_objects is not None:  # Forge and its family
        model = forge_objects.unet.model
        if hasattr(model, "model_sampling"):  # reForge and Classic: of a class that is made of two
            return any(part.__name__ == "CONST" for part in type(model.model_sampling).__mro__)
        return getattr(getattr(model, "predictor", None), "prediction_type", None) == "const"
    return hasattr(shared.sd_model, "add_noise_to_latent")  # A1111: SD3


def input_accordion() -> Any | None:
    """The host's accordion that is a switch as well, and shows it when closed; None in hosts from before it."""
    try:
        from modules.ui_components import InputAccordion
    except ImportError:
        return None
    return InputAccordion


def option(name: str) -> Any:
    """One of the host's settings as it is now; None where this host has none of that name."""
    return getattr(shared.opts, name, None)


def is_interrupted() -> bool:
    return shared.state.interrupted or shared.state.skipped


def is_stopping() -> bool:
    """Whether the user wants no further picture; "Don't interrupt in the middle" lets the one under way be finished."""
    return shared.state.interrupted or getattr(shared.state, "stopping_generation", False)


def is_hires_pass(p: Any) -> bool:
    return bool(getattr(p, "is_hr_pass", False))


def hires_follows(p: Any) -> bool:
    """Whether this is the first of hires fix's two passes."""
    return bool(getattr(p, "enable_hr", False)) and not is_hires_pass(p)


def is_img2img(p: Any) -> bool:
    return hasattr(p, "init_images")


def shares_batches(p: Any) -> bool:
    """Whether stable-diffusion-webui-distributed is there, which hands a part of a batch to other machines as JSON."""
    return any(script.title() == "Distribute" for script in p.scripts.alwayson_scripts)


def picture_of_batch_tab(p: Any) -> str | None:
    """A name for the picture that img2img's batch tab is at; None elsewhere.

    The host says which one it is in its progress alone; the file's name where it is to name the results.
    """
    found = re.fullmatch(r"(\d+) out of (\d+)", str(shared.state.job or "")) if is_img2img(p) else None
    if found is None:
        return None
    pattern = (p.override_settings or {}).get("samples_filename_pattern", "")
    return pattern.removesuffix("-[generation_number]") or f"picture-{found[1]}"


def pictures_left_in_batch_tab(p: Any) -> int:
    """This one included; 1 elsewhere."""
    found = re.fullmatch(r"(\d+) out of (\d+)", str(shared.state.job or "")) if is_img2img(p) else None
    return 1 if found is None else max(int(found[2]) - int(found[1]) + 1, 1)


def noise_of(p: Any, like: Tensor) -> tuple[Any, Tensor]:
    """The host's noise for a pass from a latent like this: of its seeds, variation seeds and "resize seed from" size.

    Returns the source, from which samplers draw more, and its first draw, times img2img's noise multiplier.
    """
    source = rng.ImageRNG(
        tuple(like.shape[1:]), p.seeds, subseeds=p.subseeds, subseed_strength=p.subseed_strength,
        seed_resize_from_h=p.seed_resize_from_h, seed_resize_from_w=p.seed_resize_from_w,
    )  # fmt: skip
    noise = source.next().to(like)
    multiplier = p.initial_noise_multiplier if is_img2img(p) else 1.0
    if multiplier != 1.0:
        p.extra_generation_params["Noise multiplier"] = multiplier
        noise = noise * multiplier
    return source, noise


def images_of_batch(p: Any) -> int:
    """How many pictures a batch has: of several init images (of the API) the host takes one each."""
    images = len(p.init_images) if is_img2img(p) and p.init_images else 1
    return min(p.batch_size, images) if images > 1 else p.batch_size


def let_go_of_pictures(p: Any) -> None:
    """Forge and its family keep every latent and picture of a run in lists that nobody reads."""
    for name in ("latents_after_sampling", "pixels_after_sampling"):
        if hasattr(p, name):
            setattr(p, name, [])  # not emptied: copies of p share the list


def seeds(p: Any, batch_size: int) -> list[int]:
    """The seed of each image of the batch under way."""
    return [int(seed) for seed in p.seeds[:batch_size]]


def background() -> str:
    """The colour that the host lays transparent pictures on."""
    return getattr(shared.opts, "img2img_background_color", uploads.BACKGROUND)


def enlargement(p: Any) -> tuple[float, float]:
    """How many times the pass's reference was enlarged to the pass's size: (height, width), at least 1."""
    if is_hires_pass(p):
        first_pass = getattr(p, "firstpass_image", None)
        width, height = first_pass.size if first_pass is not None else (p.width, p.height)
        return enlargement_of((height, width), (p.hr_upscale_to_y, p.hr_upscale_to_x), "stretch")
    if getattr(p, "paste_to", None):  # inpainting of the masked area only: the host fills the pass's size with it
        _, _, width, height = p.paste_to
        return enlargement_of((height, width), (p.height, p.width), "fill")
    if is_img2img(p) and p.init_images and isinstance(p.init_images[0], Image.Image):
        width, height = p.init_images[0].size
        return enlargement_of((height, width), (p.height, p.width), RESIZE_FITS.get(p.resize_mode, "stretch"))
    return 1.0, 1.0


def latent_interpolation(p: Any) -> str | None:
    """The name of torch's interpolation that enlarged the pass's latent; None if a picture was enlarged, or nothing."""
    if is_hires_pass(p):
        mode = getattr(p, "latent_scale_mode", None)
        return mode["mode"] if mode else None
    if is_img2img(p) and getattr(p, "resize_mode", 0) == RESIZE_LATENT:
        return "bilinear"
    return None


def inpaint_mask(p: Any) -> Tensor | None:
    """1 where the host paints anew, 0 where it keeps the picture: [1, 1, H, W] or None. All channels share it."""
    mask = getattr(p, "nmask", None)
    return None if mask is None else mask.reshape(-1, 1, *mask.shape[-2:])[:1]


def masked_content_is_noise(p: Any) -> bool:
    """Whether the area to be painted holds no picture that could be a reference."""
    return getattr(p, "nmask", None) is not None and p.inpainting_fill in MASKED_CONTENT_WITHOUT_PICTURE


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
    return enlargement_of((picture.height, picture.width), _pixels_of(like), fit)


def _pixels_of(latent: Tensor) -> tuple[int, int]:
    """The size, (height, width), of the picture of a latent."""
    return tuple(side * LATENT_PIXELS for side in latent.shape[-2:])


def preview(latent: Tensor) -> Image.Image:
    """A clean latent, [C, H, W], as a small picture, one pixel each, through the host's cheapest decoder."""
    from modules import sd_vae_approx

    pixels = sd_vae_approx.cheap_approximation(latent[None].float())[0] * 0.5 + 0.5
    pixels = pixels.nan_to_num(0.0).clamp(0.0, 1.0).mul(255.0).round().to("cpu", torch.uint8)
    return Image.fromarray(np.moveaxis(pixels.numpy(), 0, 2))
