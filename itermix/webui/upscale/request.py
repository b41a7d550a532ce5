"""A request for larger pictures: what cannot be done is refused before the work, and p becomes what is asked for."""

from __future__ import annotations

import copy
from typing import Any

from itermix.settings import SettingsError, shown
from itermix.upscale.settings import PLAIN_UPSCALER, UpscaleSettings
from itermix.webui.compat import latents, pictures, processing
from itermix.webui.upscale.run import Upscaling

KEY = UpscaleSettings.infotext_key
MOST_SEED = 2**64
LONGEST_SEED = len(str(MOST_SEED))  # digits


def run(p: Any, settings: UpscaleSettings) -> Any:
    """The host's Processed. Raises SettingsError for what cannot be done."""
    check(p, settings)
    p, messages = copy.copy(p), []  # the caller, such as img2img's batch tab, goes on with its own
    p.extra_generation_params = {**p.extra_generation_params, KEY: settings.to_infotext()}
    p.subseed_strength = p.subseed_strength or 0
    if processing.has_hires(p):
        p.enable_hr = False
        messages.append("hires fix is left out; the script enlarges the first pass itself")
    own_size = p.height, p.width
    if processing.is_img2img(p):
        own_size = _start_from_pictures(p, settings, messages)
    processing.fix_seed(p)
    return Upscaling(p, settings, messages, own_size).run()


def plain(p: Any) -> Any:
    """The host's Processed of the request without the script."""
    return processing.process_images(p)


def check(p: Any, settings: UpscaleSettings) -> None:
    """Raises SettingsError."""
    known = [PLAIN_UPSCALER, *(name for name in pictures.upscalers() if name != PLAIN_UPSCALER)]
    if settings.upscaler not in known:
        names = ", ".join(f'"{name}"' for name in known)
        raise SettingsError(f"upscaler: {shown(settings.upscaler)} is not allowed; it takes one of {names}")
    if processing.is_img2img(p) and processing.is_masked(p):
        raise SettingsError("mask: a mask is not allowed; the script enlarges the whole picture, leave it out")


def _start_from_pictures(p: Any, settings: UpscaleSettings, messages: list[str]) -> tuple[int, int]:
    """The pass's size becomes that of the picture, or the next one up that the host makes, its denoising strength that
    of the phases, and on request its prompt and seed those of the picture. Gives the picture's own (height, width), cut
    to whole latents."""
    reduction = latents.reduction_of(p.sd_model)
    multiple = processing.multiple_of_sizes(reduction)
    width, height = (max(side // reduction, 1) * reduction for side in p.init_images[0].size)
    p.width, p.height = (-(side // -multiple) * multiple for side in (width, height))
    p.resize_mode, p.denoising_strength = processing.RESIZE_STRETCH, settings.denoise
    if settings.own_parameters:
        _take_parameters(p, messages)
    return height, width


def _take_parameters(p: Any, messages: list[str]) -> None:
    """Prompt, negative prompt and seed of each picture; what a picture does not say is the page's own."""
    images = p.init_images if len(p.init_images) > 1 else p.init_images[:1]
    written = [pictures.parameters_of(picture) for picture in images]
    missing = [str(place) for place, values in enumerate(written, 1) if not values]
    if missing:
        which = "" if len(images) == 1 else f" {', '.join(missing)}"
        messages.append(f"own_parameters: picture{which} holds no parameters; the page's prompt and seed are used")
    if not any(written):
        return
    for values in written:
        if not _is_seed(values.get("Seed", "0")):
            messages.append(f"own_parameters: {shown(values.pop('Seed'))} is no seed; the page's is used")
    processing.fix_seed(p)  # for those that say none
    p.styles = []  # what is written has them in it
    for name, key in (("prompt", "Prompt"), ("negative_prompt", "Negative prompt"), ("seed", "Seed")):
        own = getattr(p, name)
        values = [values.get(key, own) for values in written]
        values = [int(value) for value in values] if name == "seed" else values
        same = all(value == values[0] for value in values)
        setattr(p, name, values[0] if same and (name != "seed" or len(values) == 1) else values * p.n_iter)


def _is_seed(text: str) -> bool:
    """Whether torch takes it. What is written in a picture can be of any program, and changed by hand."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_SEED and int(text) < MOST_SEED
