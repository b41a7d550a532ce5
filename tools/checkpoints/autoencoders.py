"""Autoencoders of Stable Diffusion's kind and of Wan's, which encode and decode as large ones do."""

from __future__ import annotations

import torch
from torch import Tensor

from tools.checkpoints.layers import Shapes, drawn, layer, norm

SD_SCALE, SDXL_SCALE = 0.18215, 0.13025  # a latent is z times this
LATENT, FLUX2_LATENT = 16, 32  # channels
SCALE, SHIFT = 0.3611, 0.1159  # Flux.1's latent is (z - SHIFT) * SCALE
# Wan's latent is (z - mean) / std, by channel.
WAN_MEAN = (-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
            0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921)  # fmt: skip
WAN_STD = (2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
           3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160)  # fmt: skip
CHANNELS, WAN_CHANNELS = 32, 16  # of the first level
LEVELS = (1, 2, 4, 4)  # times as many at each level
NARROW = -30.0  # log variance of the posterior: the same picture gives the same latent
SILU = 0.356  # E[silu(g)^2] of a unit Gaussian: what the last convolution gets
PICTURE_STD = 0.44
LAST = ("encoder.conv_out", "decoder.conv_out")


def residual(name: str, into: int, out: int) -> Shapes:
    shapes = norm(f"{name}.norm1", into) | layer(f"{name}.conv1", out, into, 3, 3)
    shapes |= norm(f"{name}.norm2", out) | layer(f"{name}.conv2", out, out, 3, 3)
    return shapes if into == out else shapes | layer(f"{name}.nin_shortcut", out, into, 1, 1)


def middle(name: str, width: int) -> Shapes:
    shapes = residual(f"{name}.block_1", width, width) | residual(f"{name}.block_2", width, width)
    shapes |= norm(f"{name}.attn_1.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        shapes |= layer(f"{name}.attn_1.{part}", width, width, 1, 1)
    return shapes


def autoencoder(latent: int) -> Shapes:
    """Of Stable Diffusion's kind: two blocks a level down, three up."""
    widths = [CHANNELS * times for times in LEVELS]
    top = widths[-1]
    shapes = layer("encoder.conv_in", CHANNELS, 3, 3, 3) | layer("decoder.conv_in", top, latent, 3, 3)
    shapes |= middle("encoder.mid", top) | middle("decoder.mid", top)
    for level, (into, out) in enumerate(zip([CHANNELS, *widths], widths)):
        shapes |= residual(f"encoder.down.{level}.block.0", into, out)
        shapes |= residual(f"encoder.down.{level}.block.1", out, out)
        if level < len(LEVELS) - 1:
            shapes |= layer(f"encoder.down.{level}.downsample.conv", out, out, 3, 3)
    for level, (into, out) in enumerate(zip([*widths[1:], top], widths)):
        for block in range(3):
            shapes |= residual(f"decoder.up.{level}.block.{block}", out if block else into, out)
        if level:
            shapes |= layer(f"decoder.up.{level}.upsample.conv", out, out, 3, 3)
    shapes |= norm("encoder.norm_out", top) | layer("encoder.conv_out", 2 * latent, top, 3, 3)
    return shapes | norm("decoder.norm_out", CHANNELS) | layer("decoder.conv_out", 3, CHANNELS, 3, 3)


def wan_residual(name: str, into: int, out: int) -> Shapes:
    shapes = {f"{name}.residual.0.gamma": (into, 1, 1, 1), f"{name}.residual.3.gamma": (out, 1, 1, 1)}
    shapes |= layer(f"{name}.residual.2", out, into, 3, 3, 3) | layer(f"{name}.residual.6", out, out, 3, 3, 3)
    return shapes if into == out else shapes | layer(f"{name}.shortcut", out, into, 1, 1, 1)


def wan_middle(name: str, width: int) -> Shapes:
    shapes = wan_residual(f"{name}.0", width, width) | wan_residual(f"{name}.2", width, width)
    shapes |= {f"{name}.1.norm.gamma": (width, 1, 1)}
    return shapes | layer(f"{name}.1.to_qkv", 3 * width, width, 1, 1) | layer(f"{name}.1.proj", width, width, 1, 1)


def wan_autoencoder() -> Shapes:
    """Of Wan 2.1: three-dimensional convolutions; the second and third level also halve the frames."""
    widths = [WAN_CHANNELS * times for times in LEVELS]
    top = widths[-1]
    shapes = layer("encoder.conv1", WAN_CHANNELS, 3, 3, 3, 3) | wan_middle("encoder.middle", top)
    for level, (into, out) in enumerate(zip([WAN_CHANNELS, *widths], widths)):
        place = f"encoder.downsamples.{3 * level}", f"encoder.downsamples.{3 * level + 1}"
        shapes |= wan_residual(place[0], into, out) | wan_residual(place[1], out, out)
        if level < 3:
            shapes |= wan_resample(f"encoder.downsamples.{3 * level + 2}", out, out, out if level else 0)
    shapes |= layer("decoder.conv1", top, LATENT, 3, 3, 3) | wan_middle("decoder.middle", top)
    into = top
    for level, out in enumerate(reversed(widths)):
        for block in range(3):
            shapes |= wan_residual(f"decoder.upsamples.{4 * level + block}", out if block else into, out)
        if level < 3:
            shapes |= wan_resample(f"decoder.upsamples.{4 * level + 3}", out // 2, out, 2 * out if level < 2 else 0)
        into = out // 2
    for half, width, out in (("encoder", top, 2 * LATENT), ("decoder", WAN_CHANNELS, 3)):
        shapes |= {f"{half}.head.0.gamma": (width, 1, 1, 1)} | layer(f"{half}.head.2", out, width, 3, 3, 3)
    return shapes | layer("conv1", 2 * LATENT, 2 * LATENT, 1, 1, 1) | layer("conv2", LATENT, LATENT, 1, 1, 1)


def wan_resample(name: str, out: int, into: int, of_time: int) -> Shapes:
    shapes = layer(f"{name}.resample.1", out, into, 3, 3)
    return shapes | layer(f"{name}.time_conv", of_time, into, 3, 1, 1) if of_time else shapes


def calibrated(weights: dict[str, Tensor], last: tuple[str, str], mean: Tensor, std: Tensor) -> dict[str, Tensor]:
    """An autoencoder whose last convolutions, of the encoder and of the decoder, give latents of this mean and std by
    channel, with a narrow posterior, and pictures around grey."""
    encoder, decoder = last
    weights[f"{decoder}.weight"] *= PICTURE_STD / SILU**0.5
    channels = len(mean)
    scale = (std / SILU**0.5).view(-1, *[1] * (weights[f"{encoder}.weight"].dim() - 1))
    weights[f"{encoder}.weight"][:channels] *= scale
    weights[f"{encoder}.weight"][channels:] = 0.0
    weights[f"{encoder}.bias"] = torch.cat([mean, torch.full((channels,), NARROW)])
    for name in ("conv1", "conv2", "quant_conv", "post_quant_conv"):  # between latent and posterior: nothing
        if (weight := weights.get(f"{name}.weight")) is not None:
            weight.copy_(torch.eye(len(weight)).view(weight.shape))
    return weights


def of_sd(scale: float) -> dict[str, Tensor]:
    """Of Stable Diffusion and SDXL: 4 channels."""
    raw = torch.full((4,), 1.0 / scale)
    return calibrated(drawn(quantized(4), 1), LAST, torch.zeros(4), raw)


def of_flux1() -> dict[str, Tensor]:
    raw = torch.full((LATENT,), 1.0 / SCALE)
    return calibrated(drawn(autoencoder(LATENT), 1), LAST, torch.full_like(raw, SHIFT), raw)


def of_flux2() -> dict[str, Tensor]:
    n = FLUX2_LATENT
    weights = calibrated(drawn(quantized(n), 1), LAST, torch.zeros(n), torch.ones(n))
    return weights | {"bn.running_mean": torch.zeros(4 * n), "bn.running_var": torch.ones(4 * n)}


def quantized(n: int) -> Shapes:
    return autoencoder(n) | layer("quant_conv", 2 * n, 2 * n, 1, 1) | layer("post_quant_conv", n, n, 1, 1)


def of_wan() -> dict[str, Tensor]:
    last = ("encoder.head.2", "decoder.head.2")
    return calibrated(drawn(wan_autoencoder(), 1), last, torch.tensor(WAN_MEAN), torch.tensor(WAN_STD))
