"""Small checkpoints with random weights, of the shapes of Flux.1, Flux.2 Klein and Wan, for the tests of flow models.

`python -m tools.flow_checkpoints FOLDER` writes `zz-flux-small.safetensors` and its like, 5 to 30 MB each: one block of
width 128 with a real autoencoder's layout. Forge and its family read width and depth from the file. A text encoder is
not in it, as it would be the largest part: tools/probe gives the host's loader a stand-in, and without that extension
the files do not load.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

WIDTH = 128  # of one attention head, which all three have
TEXT, POOLED, TIMES = 4096, 768, 256  # numbers that a prompt's token, a whole prompt and a noise level have
LATENT = 16  # channels of Flux.1 and Wan
FLUX2_LATENT = 32  # of Flux.2, which packs 2 x 2 of them
SCALE, SHIFT = 0.3611, 0.1159  # Flux.1's latent is (z - SHIFT) * SCALE
# Wan's latent is (z - mean) / std, by channel.
WAN_MEAN = (-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
            0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921)  # fmt: skip
WAN_STD = (2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
           3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160)  # fmt: skip
CHANNELS, WAN_CHANNELS = 32, 16  # of the autoencoders' first level
LEVELS = (1, 2, 4, 4)  # times as many at each level
NARROW = -30.0  # log variance of the posterior: the same picture gives the same latent
SILU = 0.356  # E[silu(g)^2] of a unit Gaussian: what the last convolution gets
PICTURE_STD = 0.44

Shapes = dict[str, tuple[int, ...]]


def layer(name: str, out: int, into: int, *kernel: int, bias: bool = True) -> Shapes:
    """A linear layer, or a convolution where there is a kernel."""
    return {f"{name}.weight": (out, into, *kernel), **({f"{name}.bias": (out,)} if bias else {})}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def embedder(name: str, into: int, bias: bool = True) -> Shapes:
    return layer(f"{name}.in_layer", WIDTH, into, bias=bias) | layer(f"{name}.out_layer", WIDTH, WIDTH, bias=bias)


def head_norms(name: str) -> Shapes:
    return {f"{name}.query_norm.scale": (WIDTH,), f"{name}.key_norm.scale": (WIDTH,)}


def flux() -> Shapes:
    """Flux.1: one double block and one single block."""
    w = WIDTH
    shapes = layer("img_in", w, 4 * LATENT) | layer("txt_in", w, TEXT)
    shapes |= embedder("time_in", TIMES) | embedder("vector_in", POOLED) | embedder("guidance_in", TIMES)
    for part in ("double_blocks.0.img", "double_blocks.0.txt"):
        shapes |= layer(f"{part}_mod.lin", 6 * w, w) | layer(f"{part}_attn.qkv", 3 * w, w)
        shapes |= layer(f"{part}_attn.proj", w, w) | head_norms(f"{part}_attn.norm")
        shapes |= layer(f"{part}_mlp.0", 4 * w, w) | layer(f"{part}_mlp.2", w, 4 * w)
    shapes |= layer("single_blocks.0.linear1", 7 * w, w) | layer("single_blocks.0.linear2", w, 5 * w)
    shapes |= layer("single_blocks.0.modulation.lin", 3 * w, w) | head_norms("single_blocks.0.norm")
    return shapes | layer("final_layer.linear", 4 * LATENT, w) | layer("final_layer.adaLN_modulation.1", 2 * w, w)


def klein() -> Shapes:
    """Flux.2: modulations shared by all blocks, gated layers, no bias."""
    w, packed = WIDTH, 4 * FLUX2_LATENT
    wanted = {"img_in": (w, packed), "txt_in": (w, TEXT)}
    for part in ("double_blocks.0.img", "double_blocks.0.txt"):
        wanted |= {f"{part}_attn.qkv": (3 * w, w), f"{part}_attn.proj": (w, w)}
        wanted |= {f"{part}_mlp.0": (6 * w, w), f"{part}_mlp.2": (w, 3 * w)}
    wanted |= {"single_blocks.0.linear1": (9 * w, w), "single_blocks.0.linear2": (w, 4 * w)}
    wanted |= {"double_stream_modulation_img.lin": (6 * w, w), "double_stream_modulation_txt.lin": (6 * w, w)}
    wanted |= {"single_stream_modulation.lin": (3 * w, w)}
    wanted |= {"final_layer.linear": (packed, w), "final_layer.adaLN_modulation.1": (2 * w, w)}
    shapes = {f"{name}.weight": shape for name, shape in wanted.items()} | embedder("time_in", TIMES, bias=False)
    for part in ("double_blocks.0.img_attn", "double_blocks.0.txt_attn", "single_blocks.0"):
        shapes |= head_norms(f"{part}.norm")
    return shapes


def wan(channels: int = LATENT) -> Shapes:
    """Wan 2.1. channels: 36 of image-to-video, which is given a mask and a picture beside the state."""
    w = WIDTH
    shapes = layer("patch_embedding", w, channels, 1, 2, 2)
    shapes |= layer("text_embedding.0", w, TEXT) | layer("text_embedding.2", w, w)
    shapes |= layer("time_embedding.0", w, TIMES) | layer("time_embedding.2", w, w)
    shapes |= layer("time_projection.1", 6 * w, w)
    for part in ("blocks.0.self_attn", "blocks.0.cross_attn"):
        for name in "qkvo":
            shapes |= layer(f"{part}.{name}", w, w)
        shapes |= {f"{part}.norm_q.weight": (w,), f"{part}.norm_k.weight": (w,)}
    shapes |= norm("blocks.0.norm3", w) | layer("blocks.0.ffn.0", 4 * w, w) | layer("blocks.0.ffn.2", w, 4 * w)
    shapes |= {"blocks.0.modulation": (1, 6, w), "head.modulation": (1, 2, w)}
    return shapes | layer("head.head", 4 * LATENT, w)


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


def of_flux1() -> dict[str, Tensor]:
    raw = torch.full((LATENT,), 1.0 / SCALE)
    return calibrated(
        drawn(autoencoder(LATENT), 1), ("encoder.conv_out", "decoder.conv_out"), torch.full_like(raw, SHIFT), raw
    )


def of_flux2() -> dict[str, Tensor]:
    n = FLUX2_LATENT
    shapes = autoencoder(n) | layer("quant_conv", 2 * n, 2 * n, 1, 1) | layer("post_quant_conv", n, n, 1, 1)
    last = ("encoder.conv_out", "decoder.conv_out")
    weights = calibrated(drawn(shapes, 1), last, torch.zeros(n), torch.ones(n))
    return weights | {"bn.running_mean": torch.zeros(4 * n), "bn.running_var": torch.ones(4 * n)}


def of_wan() -> dict[str, Tensor]:
    last = ("encoder.head.2", "decoder.head.2")
    return calibrated(drawn(wan_autoencoder(), 1), last, torch.tensor(WAN_MEAN), torch.tensor(WAN_STD))


MODELS: dict[str, tuple[Callable[[], Shapes], Callable[[], dict[str, Tensor]]]] = {
    "zz-flux-small": (flux, of_flux1),
    "zz-klein-small": (klein, of_flux2),
    "zz-wan-small": (wan, of_wan),
    "zz-wan-i2v-small": (lambda: wan(36), of_wan),
}


def write(folder: Path) -> Iterator[Path]:
    """The files, each as it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (transformer, vae) in MODELS.items():
        tensors = {f"model.diffusion_model.{key}": value for key, value in drawn(transformer(), 0).items()}
        tensors |= {f"vae.{key}": value for key, value in vae().items()}
        path = folder / f"{name}.safetensors"
        save_file({key: value.half().contiguous() for key, value in tensors.items()}, path)
        yield path


if __name__ == "__main__":
    for path in write(Path(sys.argv[1])):
        print(path)
