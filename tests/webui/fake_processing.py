"""The fake host's processing object and its one loop over batches, in the real one's order of calls."""

from __future__ import annotations

import json
import random
import zlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image

from tests.webui import fake_modules
from tests.webui.fake_sampling import ImageRNG, Sampler

DEFAULTS = dict(
    prompt="a cat", negative_prompt="", styles=(), seed=1, subseed=-1, subseed_strength=0.0, seed_resize_from_h=-1,
    seed_resize_from_w=-1, steps=6, cfg_scale=7.0, width=64, height=64, batch_size=1, n_iter=1, sampler_name="Euler",
    scheduler=None, denoising_strength=0.75, eta=None, tiling=False, enable_hr=False, hr_prompt="",
    hr_upscaler="Latent", hr_scale=2.0, hr_resize_x=0, hr_resize_y=0, firstpass_image=None, hr_checkpoint_name=None,
    hr_negative_prompt="", save_images=False, override_settings=None, initial_noise_multiplier=None,
    outpath_samples=None, outpath_grids=None, refiner_checkpoint=None, inpainting_fill=1, resize_mode=0,
)  # fmt: skip
LISTS = ("prompts", "negative_prompts", "seeds", "subseeds")


class Processing:
    """One request: the host's `p`, with its sampling."""

    def __init__(self, tab: str, request: dict[str, Any]):
        for name, default in DEFAULTS.items():
            setattr(self, name, request.get(name, default))
        self.request = SimpleNamespace(**request)
        self.styles, self.override_settings = list(self.styles), dict(self.override_settings or {})
        self.do_not_save_samples = self.do_not_save_grid = not request.get("save_images", False)
        self.extra_generation_params: dict[str, Any] = {}
        self.comments: dict[str, int] = {}
        self.is_hr_pass, self.is_api, self.disable_extra_networks = False, True, False
        self.sampler = self.rng = self.uc = self.c = self.mask = None
        self.refiner_checkpoint_info = self.mask_for_overlay = None
        self.s_churn = self.s_tmin = self.s_tmax = self.s_noise = None
        self.sd_model_hash, self.sd_vae_name, self.sd_vae_hash = "fake", None, None
        self.truncate_x = self.truncate_y = 0
        self.latent_scale_mode = {"mode": "bilinear"} if self.hr_upscaler.startswith("Latent") else None
        if tab == "img2img":
            self.init_images = [fake_modules.picture_of(text) for text in request["init_images"]]
            self.image_mask = request.get("mask")
            self.initial_noise_multiplier = self.initial_noise_multiplier or 1.0

    @property
    def sd_model(self) -> Any:
        from modules import shared

        return shared.sd_model

    def comment(self, text: str) -> None:
        self.comments[text] = 1

    def save_samples(self) -> bool:
        from modules import shared

        return shared.opts.samples_save and not self.do_not_save_samples

    def setup_prompts(self) -> None:
        from modules import shared

        count = self.batch_size * self.n_iter
        for name in ("prompt", "negative_prompt"):
            given = getattr(self, name)
            texts = list(given) if isinstance(given, list) else [given] * count
            styled = [shared.prompt_styles.apply(text, self.styles, name) for text in texts]
            setattr(self, f"all_{name}s", styled)
            setattr(self, f"main_{name}", styled[0])
            if self.enable_hr:
                hr = getattr(self, f"hr_{name}") or given
                setattr(self, f"hr_{name}", hr)
                hr = list(hr) if isinstance(hr, list) else [hr] * count
                setattr(self, f"all_hr_{name}s", [shared.prompt_styles.apply(text, self.styles, name) for text in hr])

    def parse_extra_network_prompts(self) -> None:
        from modules import extra_networks

        self.prompts, self.extra_network_data = extra_networks.parse_prompts(self.prompts)

    def setup_conds(self) -> None:
        """One schedule for each prompt; the weight of a network is part of what is encoded, as a text encoder's is."""
        from modules import extra_networks, prompt_parser

        def schedule(text: str, network: Any) -> list[Any]:
            number = zlib.crc32(f"{text}|{network}".encode()) / 2**32 - 0.5
            return [prompt_parser.ScheduledPromptConditioning(self.steps, torch.full((1, 4), number))]

        network = extra_networks.active
        batch = [
            [prompt_parser.ComposableScheduledPromptConditioning(schedule(text, network), 1.0)] for text in self.prompts
        ]
        self.c = prompt_parser.MulticondLearnedConditioning(shape=(len(batch),), batch=batch)
        self.uc = [schedule(text, None) for text in self.negative_prompts]

    def init(self, all_prompts, all_seeds, all_subseeds) -> None:
        if not hasattr(self, "init_images"):
            return self._init_hires()
        images = self.init_images if len(self.init_images) > 1 else self.init_images * self.batch_size
        self.batch_size = len(images)
        tensors = [_tensor(image, self.width, self.height) for image in images]
        self.init_latent = fake_modules.encode(torch.stack(tensors))
        if getattr(self.request, "mask", None):
            picture = fake_modules.picture_of(self.request.mask).convert("L")
            mask = np.asarray(picture.resize((self.width // 8, self.height // 8)))
            self.nmask = torch.from_numpy((mask > 127).astype(np.float32)).repeat(4, 1, 1)
            self.mask = 1.0 - self.nmask
        self.image_conditioning = None
        self.sampler = Sampler(self.sampler_name, self)  # one for all batches

    def _init_hires(self) -> None:
        """Where hires fix enlarges to: beyond a size with other proportions, and what is cropped of that."""
        if not (self.hr_resize_x and self.hr_resize_y):
            self.hr_upscale_to_x, self.hr_upscale_to_y = (
                int(side * self.hr_scale) for side in (self.width, self.height)
            )
            return
        factor = max(self.hr_resize_x / self.width, self.hr_resize_y / self.height)
        self.hr_upscale_to_x, self.hr_upscale_to_y = int(self.width * factor), int(self.height * factor)
        self.truncate_x = (self.hr_upscale_to_x - self.hr_resize_x) // 8
        self.truncate_y = (self.hr_upscale_to_y - self.hr_resize_y) // 8

    def txt2img_image_conditioning(self, x: torch.Tensor) -> None:
        return None

    def sample(self, conditioning, unconditional_conditioning, **more: Any) -> Any:
        c, uc = conditioning, unconditional_conditioning
        return self._sample_img2img(c, uc) if hasattr(self, "init_images") else self._sample_txt2img(c, uc)

    def _sample_txt2img(self, c: Any, uc: Any) -> Any:
        if self.firstpass_image is not None and self.enable_hr:
            return self._enlarge_gallery_picture()
        x = self._first_pass(c, uc)
        if not self.enable_hr:
            return x
        decoded = None
        if self.latent_scale_mode is None:
            decoded = torch.stack(list(fake_modules.decode_latent_batch(self.sd_model, x)))
        return self.sample_hr_pass(x, decoded, self.seeds, self.subseeds, self.subseed_strength, self.prompts)

    def _first_pass(self, c: Any, uc: Any) -> torch.Tensor:
        self.is_hr_pass = False
        self.sampler = Sampler(self.sampler_name, self)
        x = self.rng.next()
        self.scripts.process_before_every_sampling(p=self, x=x, noise=x, c=c, uc=uc)
        return self.sampler.sample(self, x, c, uc)

    def sample_hr_pass(self, samples, decoded_samples, seeds, subseeds, subseed_strength, prompts) -> Any:
        """From latents with a latent upscaler, from what was decoded with a pixel upscaler."""
        from modules import images, shared

        if shared.state.interrupted:
            return samples
        self.is_hr_pass = True
        self.sampler = Sampler(self.sampler_name, self)
        width, height = self.hr_upscale_to_x, self.hr_upscale_to_y
        if self.latent_scale_mode is not None:
            mode = self.latent_scale_mode["mode"]
            x = torch.nn.functional.interpolate(samples, size=(height // 8, width // 8), mode=mode)
        else:
            large = [
                images.resize_image(0, picture, width, height, upscaler_name=self.hr_upscaler)
                for picture in fake_modules.pictures_of(decoded_samples)
            ]
            x = fake_modules.encode(torch.stack([_tensor(picture, width, height) for picture in large]))
        shared.state.nextjob()
        down, across = self.truncate_y, self.truncate_x
        x = x[:, :, down // 2 : x.shape[2] - (down + 1) // 2, across // 2 : x.shape[3] - (across + 1) // 2]
        self.rng = rng_of(self, x.shape[1:])
        noise = self.rng.next()
        for _ in range(1 + shared.prepares_twice):  # as Forge does
            self.scripts.process_before_every_sampling(p=self, x=x, noise=noise, c=self.c, uc=self.uc)
        x = self.sampler.sample_img2img(self, x, noise, self.c, self.uc)
        self.sampler, self.is_hr_pass = None, False
        return fake_modules.decode_latent_batch(self.sd_model, x)

    def _enlarge_gallery_picture(self) -> Any:
        """The gallery's upscale button: no first pass is run."""
        values = _tensor(self.firstpass_image, *self.firstpass_image.size)[None]
        is_latent = self.latent_scale_mode is not None
        given = (fake_modules.encode(values), None) if is_latent else (None, values * 2.0 - 1.0)
        return self.sample_hr_pass(*given, self.seeds, self.subseeds, self.subseed_strength, self.prompts)

    def _sample_img2img(self, c: Any, uc: Any) -> torch.Tensor:
        noise = self.rng.next()
        if self.initial_noise_multiplier != 1.0:
            self.extra_generation_params["Noise multiplier"] = self.initial_noise_multiplier
            noise *= self.initial_noise_multiplier
        self.scripts.process_before_every_sampling(p=self, x=self.init_latent, noise=noise, c=c, uc=uc)
        x = self.sampler.sample_img2img(self, self.init_latent, noise, c, uc)
        return x if not hasattr(self, "nmask") else x * self.nmask + self.init_latent * self.mask


class Processed:
    def __init__(self, p, images_list, seed=-1, info="", infotexts=None, index_of_first_image=0, **more):
        self.images, self.seed, self.info = images_list, seed, info
        self.comments = "".join(f"{comment}\n" for comment in p.comments)
        self.infotexts = infotexts or [info] * len(images_list)
        self.index_of_first_image, self.extra_generation_params = index_of_first_image, p.extra_generation_params
        for name in ("prompt", "negative_prompt", "seed", "subseed"):  # without a batch the request's own
            setattr(self, f"all_{name}s", getattr(p, f"all_{name}s", []) or [getattr(p, name)])

    def js(self) -> str:
        names = ("all_prompts", "all_seeds", "all_subseeds", "infotexts", "extra_generation_params")
        return json.dumps({name: getattr(self, name) for name in names}, default=lambda o: None)


def fix_seed(p: Any) -> None:
    p.seed, p.subseed = (random.randrange(2**32) if seed in (None, "", -1) else seed for seed in (p.seed, p.subseed))


def process_images(p: Any) -> Processed:
    from modules import shared

    p.scripts.before_process(p)
    kept = {name: getattr(shared.opts, name) for name in p.override_settings if hasattr(shared.opts, name)}
    vars(shared.opts).update(p.override_settings)
    try:
        return _process(p)
    finally:
        vars(shared.opts).update(kept)


def _process(p: Any) -> Processed:
    fix_seed(p)
    p.setup_prompts()
    count = len(p.all_prompts)
    fixed = p.subseed_strength != 0
    p.all_seeds = p.seed if isinstance(p.seed, list) else [p.seed + (0 if fixed else i) for i in range(count)]
    p.all_subseeds = p.subseed if isinstance(p.subseed, list) else [p.subseed + i for i in range(count)]
    p.scripts.process(p)
    if hasattr(p, "init_images") or p.enable_hr:
        p.extra_generation_params["Denoising strength"] = p.denoising_strength
    p.init(p.all_prompts, p.all_seeds, p.all_subseeds)
    images, infotexts = [], []
    for n in range(p.n_iter):
        if not _batch(p, n, images, infotexts):
            break
    first = _grid(p, images, infotexts)
    info = infotexts[0] if infotexts else ""
    processed = Processed(p, images, p.all_seeds[0], info, infotexts, index_of_first_image=first)
    p.scripts.postprocess(p, processed)
    return processed


def _batch(p: Any, n: int, images: list[Any], infotexts: list[str]) -> bool:
    """Makes one; False where no more are to be made."""
    from modules import extra_networks, shared

    p.iteration, shared.state.skipped = n, False
    if shared.state.stopping_generation:
        return False
    part = slice(n * p.batch_size, (n + 1) * p.batch_size)
    for name in LISTS:
        setattr(p, name, getattr(p, f"all_{name}")[part])
    p.rng = rng_of(p, (4, p.height // 8, p.width // 8))
    p.scripts.before_process_batch(p, batch_number=n, prompts=p.prompts, seeds=p.seeds, subseeds=p.subseeds)
    if not p.prompts:
        return False
    p.parse_extra_network_prompts()
    extra_networks.activate(p, p.extra_network_data)
    p.scripts.process_batch(p, batch_number=n, prompts=p.prompts, seeds=p.seeds, subseeds=p.subseeds)
    p.setup_conds()
    made = p.sample(
        conditioning=p.c, unconditional_conditioning=p.uc, seeds=p.seeds, subseeds=p.subseeds,
        subseed_strength=p.subseed_strength, prompts=p.prompts,
    )  # fmt: skip
    is_decoded = getattr(made, "already_decoded", False)
    values = made if is_decoded else fake_modules.decode_latent_batch(p.sd_model, made)
    pictures = fake_modules.pictures_of(torch.stack(list(values)))
    shared.state.nextjob()
    p.scripts.postprocess_batch(p, images=pictures, batch_number=n)
    p.prompts, p.negative_prompts = p.all_prompts[part], p.all_negative_prompts[part]
    for i, picture in enumerate(pictures):
        _finish(p, i, picture, images, infotexts)
    return True


def _finish(p: Any, i: int, picture: Image.Image, images: list[Any], infotexts: list[str]) -> None:
    from modules import shared
    from modules.images import save_image

    p.batch_index = i
    for name in ("postprocess_image", "postprocess_image_after_composite"):
        arguments = SimpleNamespace(image=picture)
        getattr(p.scripts, name)(p, arguments)
        picture = arguments.image
    text = create_infotext(p, p.prompts, p.seeds, p.subseeds, index=i, all_negative_prompts=p.negative_prompts)
    if p.save_samples():
        save_image(picture, p.outpath_samples, "", p.seeds[i], p.prompts[i], shared.opts.samples_format, info=text, p=p)
    infotexts.append(text)
    images.append(picture)


def _grid(p: Any, images: list[Any], infotexts: list[str]) -> int:
    from modules import shared
    from modules.images import image_grid, save_image

    if p.do_not_save_grid or len(images) < 2 or not (shared.opts.return_grid or shared.opts.grid_save):
        return 0
    grid = image_grid(images, p.batch_size)
    if shared.opts.grid_save:
        save_image(grid, p.outpath_grids, "grid", p.all_seeds[0], p.all_prompts[0], shared.opts.grid_format,
                   info=infotexts[0], p=p, grid=True)  # fmt: skip
    if not shared.opts.return_grid:
        return 0
    images.insert(0, grid)
    infotexts.insert(0, infotexts[0])
    return 1


def create_infotext(p, all_prompts, all_seeds, all_subseeds, index=0, all_negative_prompts=None, **more) -> str:
    from modules import shared

    params = {"Steps": p.steps, "Sampler": p.sampler_name, "CFG scale": p.cfg_scale, "Seed": all_seeds[index]}
    params["Size"] = f"{p.width}x{p.height}"
    if p.subseed_strength:
        params |= {"Variation seed": all_subseeds[index], "Variation seed strength": p.subseed_strength}
    if p.seed_resize_from_w > 0 and p.seed_resize_from_h > 0:
        params["Seed resize from"] = f"{p.seed_resize_from_w}x{p.seed_resize_from_h}"
    if shared.opts.CLIP_stop_at_last_layers > 1:
        params["Clip skip"] = shared.opts.CLIP_stop_at_last_layers
    params |= p.extra_generation_params
    negative = f"\nNegative prompt: {all_negative_prompts[index]}" if all_negative_prompts[index] else ""
    text = ", ".join(f"{key}: {quoted(value)}" for key, value in params.items() if value is not None)
    return f"{all_prompts[index]}{negative}\n{text}".strip()


def quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text


def rng_of(p: Any, shape: Any) -> ImageRNG:
    return ImageRNG(shape, p.seeds, p.subseeds, p.subseed_strength, p.seed_resize_from_h, p.seed_resize_from_w)


def _tensor(image: Image.Image, width: int, height: int) -> torch.Tensor:
    pixels = np.asarray(image.resize((width, height)).convert("RGB"), dtype=np.float32)
    return torch.from_numpy(pixels / 255.0).permute(2, 0, 1)
