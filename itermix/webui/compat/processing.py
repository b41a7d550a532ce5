"""The host's processing object `p`: what it says about the pass under way, and the pictures that it makes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modules import processing
from PIL import Image
from torch import Tensor

from itermix.pictures.fit import enlargement as enlargement_of
from itermix.pictures.masks import WHOLE, Box
from itermix.webui.compat import options

RESIZE_STRETCH = 0  # img2img's resize mode "just resize"
RESIZE_LATENT = 3  # img2img's resize mode "just resize (latent upscale)"
RESIZE_FITS = {1: "crop", 2: "fill"}  # what img2img's resize modes do, by their number; the others stretch
SEEDS = 2**32
MASKED_CONTENT_WITHOUT_PICTURE = (2, 3)  # inpainting fill "latent noise" and "latent nothing"


def is_hires_pass(p: Any) -> bool:
    return bool(getattr(p, "is_hr_pass", False))


def has_hires(p: Any) -> bool:
    """Whether hires fix is on."""
    return bool(getattr(p, "enable_hr", False))


def hires_follows(p: Any) -> bool:
    """Whether this is the first of hires fix's two passes."""
    return has_hires(p) and not is_hires_pass(p)


def is_img2img(p: Any) -> bool:
    return hasattr(p, "init_images")


def shares_batches(p: Any) -> bool:
    """Whether stable-diffusion-webui-distributed is there, which hands a part of a batch to other machines as JSON."""
    return any(script.title() == "Distribute" for script in p.scripts.alwayson_scripts)


def first_size(p: Any) -> tuple[int, int]:
    """(height, width) of what hires fix enlarges: the first pass, or a finished picture of the gallery."""
    first_pass = getattr(p, "firstpass_image", None)
    return (first_pass.height, first_pass.width) if first_pass is not None else (p.height, p.width)


def asked_hires_size(p: Any) -> tuple[int, int]:
    """(height, width) that the request wants hires fix to enlarge to, before the host has worked it out; what it crops
    away, and what a size with other proportions leaves, is not in it."""
    asked = getattr(p, "hr_resize_x", 0), getattr(p, "hr_resize_y", 0)
    factor = max(asked[0] / p.width, asked[1] / p.height) or p.hr_scale
    return int(p.height * factor), int(p.width * factor)


@contextmanager
def hires_size(p: Any, size: tuple[int, int], is_last: bool) -> Iterator[None]:
    """The host's hires pass enlarges to this size, (height, width); it crops what it has to in the last one alone."""
    with restored(p, ("hr_upscale_to_x", "hr_upscale_to_y", "truncate_x", "truncate_y", "is_hr_pass")):
        p.hr_upscale_to_y, p.hr_upscale_to_x = size
        if not is_last:
            p.truncate_x = p.truncate_y = 0
        yield


def hires_cropped(p: Any, latent: Tensor) -> Tensor:
    """Without what the host's hires pass crops away where the size asked for has other proportions: [..., H, W]."""
    down, across = (getattr(p, name, 0) for name in ("truncate_y", "truncate_x"))
    height, width = latent.shape[-2:]
    return latent[..., down // 2 : height - (down + 1) // 2, across // 2 : width - (across + 1) // 2]


def has_hires_checkpoint(p: Any) -> bool:
    """Whether the hires pass has a checkpoint of its own, whose latents may be others."""
    return getattr(p, "hr_checkpoint_name", None) not in (None, "", "Use same checkpoint")


@contextmanager
def seeded(p: Any, first: int) -> Iterator[None]:
    """The pictures of the batch have this seed and those after it: all one where it is variation seeds that count up.

    Samplers that draw noise of their own look into the list of all pictures' seeds.
    """
    step = 0 if p.subseed_strength else 1
    with restored(p, ("seeds", "all_seeds")):
        p.all_seeds = [(first + step * image) % SEEDS for image in range(len(p.all_seeds))]
        start = p.iteration * p.batch_size
        p.seeds = p.all_seeds[start : start + len(p.seeds)]
        yield


def images_of_batch(p: Any) -> int:
    """How many pictures a batch has: of several init images (of the API) the host takes one each."""
    images = len(p.init_images) if is_img2img(p) and p.init_images else 1
    return min(p.batch_size, images) if images > 1 else p.batch_size


def seeds(p: Any, batch_size: int) -> list[int]:
    """The seed of each image of the batch under way."""
    return [int(seed) for seed in p.seeds[:batch_size]]


def enlargement(p: Any) -> tuple[float, float]:
    """How many times the pass's reference was enlarged to the pass's size: (height, width), at least 1."""
    if is_hires_pass(p):
        return enlargement_of(first_size(p), (p.hr_upscale_to_y, p.hr_upscale_to_x), "stretch")
    if getattr(p, "paste_to", None):  # inpainting of the masked area only: the host fills the pass's size with it
        _, _, width, height = p.paste_to
        return enlargement_of((height, width), (p.height, p.width), "fill")
    if is_img2img(p) and p.init_images and isinstance(p.init_images[0], Image.Image):
        width, height = p.init_images[0].size
        return enlargement_of((height, width), (p.height, p.width), RESIZE_FITS.get(p.resize_mode, "stretch"))
    return 1.0, 1.0


def is_masked(p: Any) -> bool:
    """Whether img2img's request has a mask."""
    return getattr(p, "image_mask", None) is not None


def init_pictures(p: Any) -> list[Image.Image]:
    """The pictures of img2img's batch at the size of the pass, as the host encodes them."""
    from modules import images

    given = p.init_images if len(p.init_images) > 1 else p.init_images * p.batch_size
    flat = [images.flatten(picture, options.background()) for picture in given]
    return [images.resize_image(p.resize_mode, picture, p.width, p.height) for picture in flat]


@contextmanager
def sized(p: Any, size: tuple[int, int]) -> Iterator[None]:
    """The request has this size, (height, width), until the end."""
    with restored(p, ("width", "height")):
        p.height, p.width = size
        yield


def rounded(width: int, height: int) -> tuple[int, int]:
    """The size of the pass that the host makes of this size: Forge Neo has multiples of its option, 64, alone. Never
    nothing: it makes 0 of what is smaller than half of one."""
    return _rounded(width), _rounded(height)


def multiple_of_sizes(reduction: int) -> int:
    """That the sides of a pass's pictures are divisible by: of the latent's reduction, and of what the host makes."""
    return math.lcm(reduction, _rounded(1))


def _rounded(side: int) -> int:
    own = getattr(processing, "sRound", round)
    return int(own(side)) or _rounded(2 * max(side, 1))


def latent_interpolation(p: Any) -> str | None:
    """The name of torch's interpolation that enlarged the pass's latent; None if a picture was enlarged, or nothing."""
    if is_hires_pass(p):
        return hires_interpolation(p)
    if is_img2img(p) and getattr(p, "resize_mode", 0) == RESIZE_LATENT:
        return "bilinear"
    return None


def hires_interpolation(p: Any) -> str | None:
    """The same of the hires pass to come."""
    mode = getattr(p, "latent_scale_mode", None)
    return mode["mode"] if mode else None


def inpaint_mask(p: Any) -> Tensor | None:
    """1 where the host repaints, 0 where it keeps the picture: [1, 1, H, W] or None. All channels share it."""
    mask = getattr(p, "nmask", None)
    return None if mask is None else mask.reshape(-1, 1, *mask.shape[-2:])[:1]


def part_of_picture(p: Any) -> tuple[tuple[int, int] | None, Box]:
    """The size (height, width) of the picture of which an inpainting of the masked area alone samples a part, and that
    part: left, top, right, bottom as shares of it. None and all of it where the pass is of a whole picture."""
    if not getattr(p, "paste_to", None) or is_hires_pass(p):
        return None, WHOLE
    left, top, width, height = p.paste_to
    picture = p.mask_for_overlay if getattr(p, "mask_for_overlay", None) is not None else p.init_images[0]
    across, down = picture.size
    return (down, across), (left / across, top / down, (left + width) / across, (top + height) / down)


def has_refiner(p: Any) -> bool:
    """Whether another checkpoint takes over in the middle of a pass."""
    return getattr(p, "refiner_checkpoint_info", None) is not None


def masked_content_is_noise(p: Any) -> bool:
    """Whether the area to be painted holds no picture that could be a reference, before its latents are made, too."""
    is_inpainting = getattr(p, "nmask", None) is not None or is_masked(p)
    return is_inpainting and p.inpainting_fill in MASKED_CONTENT_WITHOUT_PICTURE


def let_go_of_pictures(p: Any) -> None:
    """Forge and its family keep every latent and picture of a run in lists that nobody reads."""
    for name in ("latents_after_sampling", "pixels_after_sampling"):
        if hasattr(p, name):
            setattr(p, name, [])  # not emptied: copies of p share the list


@contextmanager
def restored(p: Any, names: tuple[str, ...]) -> Iterator[None]:
    """Gives `p` these attributes back at the end, as far as it has them now."""
    kept = {name: getattr(p, name) for name in names if hasattr(p, name)}
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(p, name, value)


def fix_seed(p: Any) -> None:
    """Draws the seeds that the request leaves to chance."""
    processing.fix_seed(p)


def process_images(p: Any) -> Any:
    """The host's Processed: all pictures of a request."""
    return processing.process_images(p)


def no_pictures(p: Any) -> Any:
    """A Processed without a picture."""
    return processing.Processed(p, [], int(p.seed), "")
