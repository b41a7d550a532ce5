"""Shapes of layers by their names, as checkpoints have them, and random weights for them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TEXT, TIMES = 4096, 256  # numbers that a flow model gets of a prompt's token, and of a noise level
Shapes = dict[str, tuple[int, ...]]


def layer(name: str, out: int, into: int, *kernel: int, bias: bool = True) -> Shapes:
    """A linear layer, or a convolution where there is a kernel."""
    return {f"{name}.weight": (out, into, *kernel), **({f"{name}.bias": (out,)} if bias else {})}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def drawn(shapes: Shapes, seed: int) -> dict[str, Tensor]:
    """Weights that keep the size of what goes through them; norms do nothing of their own."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes.items():
        if name.endswith("bias"):
            weights[name] = torch.zeros(shape)
        elif name.endswith(("gamma", "scale")) or len(shape) == 1:
            weights[name] = torch.ones(shape)
        else:
            weights[name] = torch.randn(shape, generator=generator) / math.sqrt(math.prod(shape[1:]))
    return weights
