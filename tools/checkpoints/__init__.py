"""Small checkpoints with random weights, of the shapes of the models that people run, for tests on a real WebUI.

`python -m tools.checkpoints FOLDER` writes `zz-flux-small.safetensors` and its like, 5 to 30 MB each: one block of a
small width with a real autoencoder's layout. Forge and its family read most widths and depths from the file. A text
encoder is not in it, as it would be the largest part: tools/probe gives the host's loader a stand-in, and without that
extension the files do not load. `sd15-small.safetensors` (100 MB), which has a text encoder of three layers, is the one
that all other tests run with: it goes into the host's own folder of models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from tools.checkpoints import autoencoders, flow, unets
from tools.checkpoints.layers import Shapes, drawn

T5_KEY = "text_encoders.t5xxl.transformer.encoder.final_layer_norm.weight"  # without it Chroma is not loaded
Weights = dict[str, Tensor]


def of(shapes: Shapes, vae: Weights, prefix: str = "vae.") -> Weights:
    """A checkpoint of a model with these layers and of this autoencoder."""
    tensors = {f"model.diffusion_model.{key}": value for key, value in drawn(shapes, 0).items()}
    return tensors | {f"{prefix}{key}": value for key, value in vae.items()}


def sd15() -> Weights:
    text = drawn(unets.clip(), 2)
    # So that the mean of a prompt's numbers is its own, and not 0: the host divides by it where a prompt has weights.
    last = text["final_layer_norm.weight"]
    last += torch.randn(last.shape, generator=torch.Generator().manual_seed(3))
    text["final_layer_norm.bias"] += 0.05
    tensors = of(unets.sd15(), autoencoders.of_sd(autoencoders.SD_SCALE), "first_stage_model.")
    return tensors | {f"cond_stage_model.transformer.text_model.{key}": value for key, value in text.items()}


def sdxl() -> Weights:
    return of(unets.sdxl(), autoencoders.of_sd(autoencoders.SDXL_SCALE), "first_stage_model.")


def chroma() -> Weights:
    return of(flow.chroma(), autoencoders.of_flux1()) | {T5_KEY: torch.ones(1)}


BASE = "sd15-small"
MODELS: dict[str, Callable[[], Weights]] = {
    "zz-sdxl-small": sdxl,
    "zz-flux-small": lambda: of(flow.flux(), autoencoders.of_flux1()),
    "zz-klein-small": lambda: of(flow.klein(), autoencoders.of_flux2()),
    "zz-chroma-small": chroma,
    "zz-lumina-small": lambda: of(flow.lumina(), autoencoders.of_flux1()),
    "zz-zimage-small": lambda: of(flow.z_image(), autoencoders.of_flux1()),
    "zz-qwen-small": lambda: of(flow.qwen(), autoencoders.of_wan()),
    "zz-wan-small": lambda: of(flow.wan(), autoencoders.of_wan()),
    "zz-wan-i2v-small": lambda: of(flow.wan(36), autoencoders.of_wan()),
    "zz-anima-small": lambda: of(flow.anima(), autoencoders.of_wan()),
    "zz-ernie-small": lambda: of(flow.ernie(), autoencoders.of_flux2()),
    "zz-krea-small": lambda: of(flow.krea(), autoencoders.of_wan()),
    "zz-pid-small": lambda: of(flow.pid(), autoencoders.of_flux1()),
}


def write(folder: Path, models: dict[str, Callable[[], Weights]] = MODELS) -> Iterator[Path]:
    """The files, each as it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in models.items():
        path = folder / f"{name}.safetensors"
        save_file({key: value.half().contiguous() for key, value in made().items()}, path)
        yield path
