"""How the host evaluates its network, and how much memory there is for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from modules import devices, shared
from torch import Tensor

from itermix.upscale.windows import Window
from itermix.webui.compat.methods import replaced

# evaluated(evaluate, x): what is made of the network's evaluation of x; evaluate(part, window) evaluates a part of it.
Evaluate = Callable[[Tensor, Window | None], Tensor]
Evaluated = Callable[[Evaluate, Tensor], Tensor]


def new_pass(p: Any) -> None:
    """Forge and its family: what scripts have put on the network for the pass before is taken off again."""
    model = p.sd_model
    if hasattr(model, "forge_objects_after_applying_lora"):
        model.forge_objects = model.forge_objects_after_applying_lora.shallow_copy()


@contextmanager
def evaluated(p: Any, how: Evaluated | None) -> Iterator[None]:
    """The network of the pass that `p.sampler` is to make is evaluated this way, until the end. None: as ever."""
    if how is None:
        yield
    elif hasattr(p.sd_model, "forge_objects"):
        with _in_forge(p.sd_model, how):
            yield
    else:
        with _in_a1111(p.sampler.model_wrap_cfg.inner_model, how):
            yield


@contextmanager
def _in_forge(model: Any, how: Evaluated) -> Iterator[None]:
    """By the wrapper that the host offers, around one that another extension has set."""
    before = model.forge_objects.unet
    other = before.model_options.get("model_function_wrapper")

    def wrapper(apply: Callable, asked: dict[str, Any]) -> Tensor:
        def evaluate(part: Tensor, window: Window | None) -> Tensor:
            given = {**asked, "input": part, "c": cropped(asked["c"], x, window)}
            return other(apply, given) if other else apply(part, given["timestep"], **given["c"])

        x = asked["input"]
        if asked["c"].get("control") is not None:  # of a ControlNet, for the whole picture
            return evaluate(x, None)
        return how(evaluate, x)

    model.forge_objects.unet = before.clone()
    model.forge_objects.unet.set_model_unet_function_wrapper(wrapper)
    try:
        yield
    finally:
        model.forge_objects.unet = before


@contextmanager
def _in_a1111(denoiser: torch.nn.Module, how: Evaluated) -> Iterator[None]:
    """denoiser: k-diffusion's, or that of samplers by timestep, around the model."""
    own = denoiser.forward

    def forward(x: Tensor, level: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        def evaluate(part: Tensor, window: Window | None) -> Tensor:
            return own(part, level, *cropped(args, x, window), **cropped(kwargs, x, window))

        return how(evaluate, x)

    with replaced(denoiser, {"forward": forward}):
        yield


def cropped(value: Any, whole: Tensor, window: Window | None) -> Any:
    """What goes with a whole latent into the network, for a window of it: maps of its height and width are cut."""
    if window is None:
        return value
    if isinstance(value, Tensor):
        is_map = value.dim() >= 4 and value.shape[-2:] == whole.shape[-2:]
        return window.of(value) if is_map else value
    if isinstance(value, dict):
        return type(value)({name: cropped(each, whole, window) for name, each in value.items()})
    if isinstance(value, (list, tuple)):
        return type(value)(cropped(each, whole, window) for each in value)
    return value


def free_memory() -> float | None:
    """Bytes that the device of the network has left; None where it does not say."""
    device = torch.device(shared.device)
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def itemsize() -> int:
    """Bytes of a number in the network."""
    return getattr(devices, "dtype_unet", torch.float16).itemsize


@contextmanager
def tiled_vae(is_wanted: bool) -> Iterator[bool]:
    """The VAE works in tiles until the end; gives whether it does, which A1111 has no means for."""
    memory = _memory_management() if is_wanted else None
    if memory is None:
        yield not is_wanted
        return
    kept, memory.VAE_ALWAYS_TILED = memory.VAE_ALWAYS_TILED, True
    try:
        yield True
    finally:
        memory.VAE_ALWAYS_TILED = kept


def _memory_management() -> Any | None:
    """The module of Forge and its family that says how the VAE works, under the names that they have for it."""
    named = (getattr(devices, name, None) for name in ("memory_management", "model_management"))
    return next((module for module in named if hasattr(module, "VAE_ALWAYS_TILED")), None)
