"""Stands in for the host's `modules` package, as far as itermix and the probe use it."""

from __future__ import annotations

import base64
import contextlib
import io
import re
import sys
import tempfile
import types
from pathlib import Path
from types import SimpleNamespace

import torch
from PIL import Image, ImageFont, PngImagePlugin

COMPONENTS = (
    "Accordion", "Row", "Column", "Checkbox", "Slider", "Number", "Dropdown", "Image", "HTML", "Textbox", "Button",
    "Dataframe",
)  # fmt: skip
OPTIONS = dict(
    sd_vae_encode_method="Full", samples_save=False, grid_save=False, return_grid=True, enable_pnginfo=True,
    samples_format="png", grid_format="png", jpeg_quality=80, webp_lossless=False, save_to_dirs=False,
    grid_save_to_dirs=False, grid_extended_filename=False, return_mask=False, return_mask_composite=False,
    CLIP_stop_at_last_layers=1, randn_source="GPU", grid_only_if_multiple=True,
)  # fmt: skip
saved = []  # callbacks for saved pictures
DATA = tempfile.TemporaryDirectory(prefix="itermix-fake-")  # goes when Python ends


def install() -> None:
    """Puts the stand-ins into sys.modules, once; call before importing itermix.webui."""
    if "modules" in sys.modules:
        return
    modules = _module("modules", __path__=[])
    modules.scripts = _module("modules.scripts", Script=Script, AlwaysVisible=object(), scripts_data=[])
    events = ("on_app_started", "on_before_ui", "on_ui_settings", "on_ui_tabs")
    ignore = {name: lambda callback: None for name in events}
    modules.script_callbacks = _module(
        "modules.script_callbacks", **ignore, on_image_saved=saved.append, ImageSaveParams=SimpleNamespace
    )
    modules.paths = _module("modules.paths", data_path=DATA.name)
    modules.devices = _module(
        "modules.devices", dtype_vae=torch.float32, cpu=torch.device("cpu"), autocast=contextlib.nullcontext
    )
    modules.shared = _module(
        "modules.shared",
        state=State(),
        opts=SimpleNamespace(**OPTIONS),
        device="cpu",
        sd_model=SimpleNamespace(sd_model_hash="fake"),
        prompt_styles=Styles(),
        prepares_twice=False,
        sd_upscalers=[SimpleNamespace(name=name) for name in ("None", "Lanczos", "Nearest")],
    )
    modules.sd_samplers_common = _module(
        "modules.sd_samplers_common", approximation_indexes={"Full": 0}, images_tensor_to_samples=encode
    )
    modules.sd_vae_approx = _module("modules.sd_vae_approx", cheap_approximation=lambda sample: sample[:, :3])
    modules.images = _module(
        "modules.images", get_font=ImageFont.load_default, save_image=save_image, image_grid=image_grid,
        resize_image=resize_image, flatten=flatten, read_info_from_image=read_info_from_image,
    )  # fmt: skip
    modules.infotext_utils = _module("modules.infotext_utils", parse_generation_parameters=parse_generation_parameters)
    modules.extra_networks = _module(
        "modules.extra_networks", active=None, parse_prompts=parse_prompts, activate=activate
    )
    modules.sd_models = _module("modules.sd_models", model_data=SimpleNamespace(sd_model=None))
    modules.ui_components = _module("modules.ui_components", InputAccordion=InputAccordion)
    _conditionings(modules)
    _processing(modules)


def _conditionings(modules: types.ModuleType) -> None:
    modules.prompt_parser = _module(
        "modules.prompt_parser",
        ScheduledPromptConditioning=lambda end_at_step, cond: SimpleNamespace(end_at_step=end_at_step, cond=cond),
        ComposableScheduledPromptConditioning=lambda schedules, weight: SimpleNamespace(
            schedules=schedules, weight=weight
        ),
        MulticondLearnedConditioning=lambda shape, batch: SimpleNamespace(shape=shape, batch=batch),
    )


def _processing(modules: types.ModuleType) -> None:
    """What imports the others."""
    from tests.webui import fake_processing, fake_sampling

    modules.rng = _module("modules.rng", ImageRNG=fake_sampling.ImageRNG)
    modules.sd_samplers = _module("modules.sd_samplers", create_sampler=fake_sampling.Sampler)
    names = ("process_images", "create_infotext", "fix_seed", "Processed")
    modules.processing = _module("modules.processing", **{name: getattr(fake_processing, name) for name in names})
    modules.processing.decode_latent_batch = decode_latent_batch


class State(SimpleNamespace):
    """What the host knows of the jobs under way."""

    def __init__(self):
        super().__init__(
            interrupted=False, skipped=False, stopping_generation=False, job="", textinfo=None, job_no=0, job_count=-1
        )

    def nextjob(self):
        self.job_no += 1


class Styles(dict):
    """Styles by name: what is put in the place of {prompt}, of a prompt and of a negative prompt."""

    def apply(self, text, names, kind):
        for name in names:
            text = self[name][kind].replace("{prompt}", text)
        return text


class Decoded(list):
    already_decoded = True


def parse_prompts(prompts):
    """The prompts without <lora:...>, and the first one's networks."""
    found = [SimpleNamespace(items=items.split(":")) for items in re.findall(r"<lora:([^>]*)>", prompts[0])]
    return [re.sub(r"<lora:[^>]*>", "", prompt) for prompt in prompts], {"lora": found} if found else {}


def activate(p, networks):
    """What is active is known by its tag."""
    tags = [f"<lora:{':'.join(network.items)}>" for network in networks.get("lora", ())]
    sys.modules["modules.extra_networks"].active = tags[0] if tags else None


def encode(image: torch.Tensor, method: int | None = None, model: object = None) -> torch.Tensor:
    """[B, 3, H, W] in 0..1 to [B, 4, H/8, W/8]; draws from the global generator, as a real encoder does."""
    small = torch.nn.functional.avg_pool2d(image.float() * 2.0 - 1.0, 8)
    latent = torch.cat([small, small.mean(1, keepdim=True)], dim=1)
    return latent + 1e-3 * torch.randn_like(latent)


def decode_latent_batch(model: object, batch: torch.Tensor, target_device=None, check_for_nans=False) -> Decoded:
    """[B, 4, H, W] to B pictures [3, 8 H, 8 W] in -1..1 and beyond: 8 x 8 pixels of one colour each."""
    return Decoded([torch.kron(latent[:3].float(), torch.ones(1, 8, 8)) for latent in batch])


def pictures_of(values: torch.Tensor) -> list[Image.Image]:
    """Of what was decoded, as the host makes them: rounded down."""
    pixels = ((values + 1.0) / 2.0).clamp(0.0, 1.0).mul(255.0).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(picture) for picture in pixels]


def resize_image(mode, picture, width, height, upscaler_name=None):
    """Nearest is there beside Lanczos's filter, so that it shows which was asked for."""
    filters = {"Nearest": Image.Resampling.NEAREST}
    return picture.resize((width, height), filters.get(upscaler_name, Image.Resampling.LANCZOS))


def picture_of(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def flatten(picture, background):
    """Without transparency."""
    return picture.convert("RGB")


def read_info_from_image(picture):
    return picture.info.get("parameters"), {}


def parse_generation_parameters(text):
    """Of a picture without styles and of one line each."""
    prompt, *rest = text.split("\n")
    negative = [line.removeprefix("Negative prompt: ") for line in rest if line.startswith("Negative prompt: ")]
    pairs = re.findall(r'([\w ]+): ("(?:\\.|[^"])*"|[^,]*)(?:, |$)', rest[-1])
    return {"Prompt": prompt, "Negative prompt": "".join(negative), **dict(pairs)}


def image_grid(pictures, batch_size=1, rows=None):
    """All beside each other."""
    width, height = pictures[0].size
    grid = Image.new("RGB", (width * len(pictures), height))
    for place, picture in enumerate(pictures):
        grid.paste(picture, (place * width, 0))
    return grid


def save_image(
    picture, path, basename, seed=None, prompt=None, extension="png", info=None, short_filename=False, grid=False,
    p=None, forced_filename=None, suffix="", save_to_dirs=None,
):  # fmt: skip
    """By the host's options, under the next free number or the name that is forced; then calls `saved`."""
    opts = sys.modules["modules.shared"].opts
    folder = Path(path)
    if save_to_dirs or (save_to_dirs is None and (opts.grid_save_to_dirs if grid else opts.save_to_dirs)):
        folder /= "today"
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob(f"{basename}*")))
    start = f"{basename}-{number:04}" if basename else f"{number:05}"
    name = forced_filename or (start if short_filename or seed is None else f"{start}-{seed}{suffix}")
    file = folder / f"{name}.{extension}"
    _write(picture, file, info if opts.enable_pnginfo else None, opts)
    picture.already_saved_as = str(file)
    for callback in saved:
        callback(SimpleNamespace(image=picture, p=p, filename=str(file), pnginfo={"parameters": info}))
    return str(file), None


def _write(picture: Image.Image, file: Path, info: str | None, opts: SimpleNamespace) -> None:
    if file.suffix == ".png":
        information = PngImagePlugin.PngInfo()
        if info is not None:
            information.add_text("parameters", info)
        picture.save(file, pnginfo=information)
        return
    exif = Image.Exif()
    if info is not None:
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + info.encode("utf-16-be")
    picture.save(file, quality=opts.jpeg_quality, lossless=opts.webp_lossless, exif=exif)


class Script:
    """The host's base class, as far as it matters here: a host calls the methods that it has."""

    def postprocess_image_after_composite(self, p, pp, *args):
        pass


class Component:
    """Any gradio component: keeps what it was made with."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs
        self.value = kwargs.get("value", args[2] if len(args) > 2 else args[0] if args else None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def input(self, *args, **kwargs):
        return None

    change = click = load = upload = input


class InputAccordion(Component):
    """A hidden checkbox with an accordion at its side, which the host's settings know as a component of its own."""

    def __init__(self, value, **kwargs):
        super().__init__(value=value, **kwargs)
        self.accordion = Component(**kwargs)


def _module(name: str, **contents) -> types.ModuleType:
    module = types.ModuleType(name)
    for key, value in contents.items():
        setattr(module, key, value)
    sys.modules[name] = module
    return module
