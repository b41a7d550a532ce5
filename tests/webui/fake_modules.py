"""Stands in for the host's `modules` package and for gradio, as far as itermix and the probe use them."""

from __future__ import annotations

import sys
import tempfile
import types
from dataclasses import make_dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from PIL import ImageFont

COMPONENTS = (
    "Accordion",
    "Row",
    "Column",
    "Checkbox",
    "Slider",
    "Number",
    "Dropdown",
    "Image",
    "HTML",
    "Textbox",
    "Button",
    "Dataframe",
)


def install() -> None:
    """Puts the stand-ins into sys.modules, once; call before importing itermix.webui."""
    if "modules" in sys.modules:
        return
    modules = _module("modules", __path__=[])
    modules.scripts = _module("modules.scripts", Script=Script, AlwaysVisible=object(), scripts_data=[])
    events = ("on_app_started", "on_before_ui", "on_ui_settings", "on_ui_tabs")
    ignore = {name: lambda callback: None for name in events}
    modules.script_callbacks = _module("modules.script_callbacks", **ignore)
    modules.paths = _module("modules.paths", data_path=tempfile.mkdtemp(prefix="itermix-fake-"))
    modules.devices = _module("modules.devices", dtype_vae=torch.float32)
    modules.shared = _module(
        "modules.shared",
        state=SimpleNamespace(interrupted=False, skipped=False),
        opts=SimpleNamespace(sd_vae_encode_method="Full"),
        device="cpu",
        sd_model=SimpleNamespace(),
    )
    modules.sd_samplers_common = _module(
        "modules.sd_samplers_common", approximation_indexes={"Full": 0}, images_tensor_to_samples=encode
    )
    modules.sd_vae_approx = _module("modules.sd_vae_approx", cheap_approximation=lambda sample: sample[:, :3])
    modules.images = _module("modules.images", get_font=ImageFont.load_default, save_image=save_image)
    modules.extra_networks = _module("modules.extra_networks", activate=lambda p, data: None)
    modules.prompt_parser = _module(
        "modules.prompt_parser",
        ScheduledPromptConditioning=_record("end_at_step", "cond"),
        ComposableScheduledPromptConditioning=_record("schedules", "weight"),
        MulticondLearnedConditioning=_record("shape", "batch"),
    )
    modules.rng = _module("modules.rng", ImageRNG=ImageRNG)
    modules.sd_samplers = _module("modules.sd_samplers")  # create_sampler: a test's own
    modules.ui_components = _module("modules.ui_components", InputAccordion=InputAccordion)
    if "gradio" not in sys.modules:
        _module(
            "gradio",
            **{name: Component for name in COMPONENTS},
            context=SimpleNamespace(Context=SimpleNamespace(root_block=Component())),
        )
        sys.modules["gradio"].update = lambda **values: values


def encode(image: torch.Tensor, method: int | None = None, model: object = None) -> torch.Tensor:
    """[B, 3, H, W] in 0..1 to [B, 4, H/8, W/8]; draws from the global generator, as a real encoder does."""
    small = torch.nn.functional.avg_pool2d(image.float() * 2.0 - 1.0, 8)
    latent = torch.cat([small, small.mean(1, keepdim=True)], dim=1)
    return latent + 1e-3 * torch.randn_like(latent)


def save_image(picture, path, basename, seed, prompt, extension, *, p, suffix):
    file = Path(path) / f"{len(list(Path(path).iterdir())):05}-{seed}{suffix}.{extension}"
    picture.save(file)
    return str(file), None


class ImageRNG:
    """Unit noise of each image's own seed."""

    def __init__(self, shape, seeds):
        self.shape, self.seeds = shape, seeds

    def next(self) -> torch.Tensor:
        draws = [torch.randn(self.shape, generator=torch.Generator().manual_seed(seed)) for seed in self.seeds]
        return torch.stack(draws)


class Script:
    """The host's base class, as far as it matters here."""


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

    change = click = load = input


def _record(*fields: str) -> type:
    return make_dataclass("Record", fields)


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
