"""A network of the size of SD1.5's UNet, with random weights: what one evaluation of the model costs.

Layer shapes are those of the published v1 configuration (Rombach et al., arXiv 2112.10752): 320 channels times 1, 2,
4, 4, two residual blocks per level, transformers with 8 heads on the first three levels and in the middle, text
conditioning of width 768. It draws nothing; it is for timing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, scaled_dot_product_attention, silu

PARAMETERS = 859_520_964  # of SD1.5's UNet
LATENT_CHANNELS = 4
WIDTH, MULTIPLIERS = 320, (1, 2, 4, 4)
BLOCKS_PER_LEVEL = 2
LEVELS_WITH_ATTENTION = 3
HEADS = 8
TEXT_TOKENS, TEXT_WIDTH = 77, 768
TIME_WIDTH = 4 * WIDTH
GROUPS = 32


class UNet(nn.Module):
    """x [B, 4, H, W], timestep [B], text [B, 77, 768] -> [B, 4, H, W]; H and W divisible by 8."""

    def __init__(self) -> None:
        super().__init__()
        widths = [WIDTH * multiplier for multiplier in MULTIPLIERS]
        self.time = nn.Sequential(nn.Linear(WIDTH, TIME_WIDTH), nn.SiLU(), nn.Linear(TIME_WIDTH, TIME_WIDTH))
        self.first = nn.Conv2d(LATENT_CHANNELS, WIDTH, 3, padding=1)
        self.down = nn.ModuleList()
        skips, current = [WIDTH], WIDTH
        for level, width in enumerate(widths):
            for _ in range(BLOCKS_PER_LEVEL):
                self.down.append(Block(current, width, level < LEVELS_WITH_ATTENTION))
                skips.append(current := width)
            if level < len(widths) - 1:
                self.down.append(Halved(width))
                skips.append(width)
        self.middle = nn.ModuleList([Block(current, current, True), Block(current, current, False)])
        self.up = nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(BLOCKS_PER_LEVEL + 1):
                self.up.append(Block(current + skips.pop(), width, level < LEVELS_WITH_ATTENTION))
                current = width
            if level > 0:
                self.up.append(Doubled(width))
        self.last_norm = nn.GroupNorm(GROUPS, WIDTH)
        self.last = nn.Conv2d(WIDTH, LATENT_CHANNELS, 3, padding=1)

    def forward(self, x: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        time = self.time(sinusoid(timestep))
        x = self.first(x)
        skips = [x]
        for layer in self.down:
            x = layer(x, time, text)
            skips.append(x)
        for layer in self.middle:
            x = layer(x, time, text)
        for layer in self.up:
            if isinstance(layer, Block):
                x = torch.cat([x, skips.pop()], dim=1)
            x = layer(x, time, text)
        return self.last(silu(self.last_norm(x)))


class Block(nn.Module):
    """A residual block that knows the time, and behind it, where the level has one, a transformer."""

    def __init__(self, taken: int, given: int, attention: bool) -> None:
        super().__init__()
        self.norm_1, self.conv_1 = nn.GroupNorm(GROUPS, taken), nn.Conv2d(taken, given, 3, padding=1)
        self.norm_2, self.conv_2 = nn.GroupNorm(GROUPS, given), nn.Conv2d(given, given, 3, padding=1)
        self.time = nn.Linear(TIME_WIDTH, given)
        self.shortcut = nn.Conv2d(taken, given, 1) if taken != given else nn.Identity()
        self.transformer = Transformer(given) if attention else None

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        inner = self.conv_1(silu(self.norm_1(x))) + self.time(silu(time))[:, :, None, None]
        x = self.shortcut(x) + self.conv_2(silu(self.norm_2(inner)))
        return self.transformer(x, text) if self.transformer is not None else x


class Transformer(nn.Module):
    """Every latent pixel looks at all the others, then at the text, then through a gated layer four times as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.enter, self.leave = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.to_itself, self.to_text = Attention(width, width), Attention(width, TEXT_WIDTH)
        self.gated, self.narrow = nn.Linear(width, 8 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        tokens = self.enter(self.norm(x)).flatten(2).transpose(1, 2)
        normed = self.norms[0](tokens)
        tokens = tokens + self.to_itself(normed, normed)
        tokens = tokens + self.to_text(self.norms[1](tokens), text)
        values, gates = self.gated(self.norms[2](tokens)).chunk(2, dim=-1)
        tokens = tokens + self.narrow(values * gelu(gates))
        return x + self.leave(tokens.transpose(1, 2).unflatten(2, (height, width)))


class Attention(nn.Module):
    """tokens [B, N, width] look at others [B, M, other]."""

    def __init__(self, width: int, other: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key, self.value = nn.Linear(other, width, bias=False), nn.Linear(other, width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor, others: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in (self.query(tokens), self.key(others), self.value(others))
        )
        return self.out(scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class Halved(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        return self.conv(x)


class Doubled(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        return self.conv(interpolate(x, scale_factor=2, mode="nearest"))


def sinusoid(timestep: Tensor) -> Tensor:
    """[B] -> [B, 320]: cosines and sines of the timestep at frequencies from 1 to 1/10000."""
    half = WIDTH // 2
    frequencies = torch.exp(-math.log(10000.0) * torch.arange(half, device=timestep.device) / half)
    angle = timestep[:, None] * frequencies
    return torch.cat([angle.cos(), angle.sin()], dim=1)


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
