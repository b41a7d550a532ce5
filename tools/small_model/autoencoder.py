"""The VAE: f8, four channels, 0.9 M parameters, in fp32.

It starts near the identity (averaging on the way down, repeating on the way up, residual branches x 0.05), because
from diffusers' own initialisation a network this narrow barely learns. In some steps the latent is resized between
encoder and decoder, so that latents enlarged by hires fix decode to a picture and not to ripples.
"""

from __future__ import annotations

import random
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, l1_loss

from tools.small_model import checkpoints
from tools.small_model.artwork import Artwork, composition, tensor_of

RATE, BATCH, CROP = 2e-3, 12, 64
RESIZED = 0.2  # share of steps with a resized latent
KL = 1e-6
BRANCH = 0.05
IN_HALF = 0.8  # share of the time in bfloat16


def build() -> AutoencoderKL:
    blocks = (16, 32, 64, 64)
    vae = AutoencoderKL(
        block_out_channels=blocks,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        mid_block_add_attention=False,
        sample_size=128,
        scaling_factor=1.0,
    )
    near_identity(vae)
    return vae


@torch.no_grad()
def near_identity(vae: AutoencoderKL) -> None:
    """Lets colours through from end to end, so that what is left to learn is the detail.

    Every eight channels are red, green and blue with both signs and a constant with both: a group normalisation
    over them takes no level away, and SiLU(x) - SiLU(-x) = x.
    """
    encoder, decoder = vae.encoder, vae.decoder
    for name, module in vae.named_modules():
        if name.endswith("conv2"):
            module.weight.mul_(BRANCH)
        elif name.endswith(("conv_shortcut", "upsamplers.0.conv")):
            _pass_through(module, torch.eye(module.in_channels).repeat(2, 1)[: module.out_channels])
        elif name.endswith("downsamplers.0.conv"):  # padded right and below: its first 2 x 2 taps are a mean
            _pass_through(module, torch.eye(module.in_channels) / 4.0, slice(0, 2))
    signs = torch.tensor([1.0, -1.0])
    spread = torch.cat([torch.kron(torch.eye(3), signs[:, None]), torch.zeros(2, 3)])  # 3 colours -> 8 channels
    _pass_through(encoder.conv_in, spread.repeat(2, 1))
    _pass_through(decoder.conv_in, torch.nn.functional.pad(spread.repeat(8, 1), (0, 1)))
    for conv in (encoder.conv_in, decoder.conv_in):
        conv.bias.view(-1, 8)[:, 6:] = signs
    gathered = spread.T.repeat(1, 8) / 8.0
    _pass_through(encoder.conv_out, torch.nn.functional.pad(gathered, (0, 0, 0, 5)))
    encoder.conv_out.bias[4:] = -6.0  # a log variance: hardly any noise
    _pass_through(decoder.conv_out, spread.T.repeat(1, 2) / 2.0)
    _pass_through(vae.quant_conv, torch.eye(8))
    _pass_through(vae.post_quant_conv, torch.eye(4))


def _pass_through(conv: nn.Conv2d, matrix: Tensor, taps: slice | None = None) -> None:
    """Adds a matrix [out, in] to a convolution's middle tap, or to those named, and makes the rest small."""
    middle = conv.kernel_size[0] // 2
    taps = taps or slice(middle, middle + 1)
    conv.weight.mul_(4.0 * BRANCH)
    conv.weight[:, :, taps, taps] += matrix[:, :, None, None]
    nn.init.zeros_(conv.bias)


def train(
    artwork: Artwork, state: Path, seconds: float, seed: int = 0, only_decoder: bool = False, say=print
) -> AutoencoderKL:
    """Trains for so many seconds of work in all, or goes on; prints losses."""
    torch.manual_seed(seed)
    vae = build()
    saved = checkpoints.load(state)
    trained = [p for n, p in vae.named_parameters() if not only_decoder or n.startswith(("decoder", "post_quant"))]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0, betas=(0.9, 0.99))
    worked, step = 0.0, 0
    if saved:
        vae.load_state_dict(saved["model"])
        if "optimizer" in saved:
            optimizer.load_state_dict(saved["optimizer"])
            worked, step = saved["worked"], saved["step"]
    clock = checkpoints.Clock(worked)
    vae.train().to(memory_format=torch.channels_last)
    errors: list[float] = []

    def keep() -> None:
        checkpoints.save(
            state, dict(model=vae.state_dict(), optimizer=optimizer.state_dict(), worked=clock.worked, step=step)
        )

    while clock.worked < seconds:
        draw = random.Random(f"vae {seed} {step}")
        generator = torch.Generator().manual_seed(step)
        share = clock.worked / seconds
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 50) * (1.0 if share < 0.5 else max(2.0 * (1.0 - share), 0.02))
        pictures = views(artwork, draw)
        # Half precision three times as fast; full precision at the end, for the last decibels.
        with torch.autocast("cpu", torch.bfloat16, enabled=share < IN_HALF):
            loss, error = losses(vae, pictures, draw, generator, only_decoder)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        step += 1
        if error is not None:
            errors.append(error)
        if clock.is_time_to_say():
            mean = sum(errors) / len(errors)
            say(f"vae {clock.worked:6.0f} s, step {step}: {-10 * torch.tensor(mean / 4).log10():.2f} dB", flush=True)
            errors.clear()
        if clock.is_time_to_save():
            keep()
    keep()
    return vae


def views(artwork: Artwork, draw: random.Random) -> Tensor:
    """[B, 3, CROP, CROP] in [-1, 1]: random crops of compositions at 1x, 2x and 3x, around the subject."""
    crops = []
    for _ in range(BATCH):
        made = composition(draw)
        side = draw.choice((128, 128, 128, 128, 192, 256))
        picture = artwork.picture(made, side)
        x, y = (round(place * (side - CROP) * 0.8 + draw.random() * (side - CROP) * 0.2) for place in made.place)
        crops.append(picture.crop((x, y, x + CROP, y + CROP)))
    return tensor_of(crops)


def losses(
    vae: AutoencoderKL, pictures: Tensor, draw: random.Random, generator: torch.Generator, only_decoder: bool
) -> tuple[Tensor, float | None]:
    """The loss, and the squared error where nothing was resized."""
    with torch.set_grad_enabled(not only_decoder):
        posterior = vae.encode(pictures.contiguous(memory_format=torch.channels_last)).latent_dist
    latent = posterior.mode().float()
    # A little noise: the sampler's latents are never exact either.
    latent = latent + 0.03 * torch.randn(latent.shape, generator=generator)
    target = pictures
    is_resized = draw.random() < RESIZED
    if is_resized:
        factor = draw.choice((0.5, 2.0))
        latent = interpolate(latent, scale_factor=factor, mode="bicubic", antialias=factor < 1.0)
        target = interpolate(pictures, scale_factor=factor, mode="bicubic", antialias=factor < 1.0).clamp(-1.0, 1.0)
    made = vae.decode(latent).sample.float()
    loss = detailed_loss(made, target) + KL * posterior.kl().mean()
    return loss, None if is_resized else float(torch.nn.functional.mse_loss(made.detach(), target))


def detailed_loss(made: Tensor, target: Tensor) -> Tensor:
    """L1 of the pictures and of their Laplacian levels: edges count as much as surfaces."""
    loss = l1_loss(made, target)
    for _ in range(2):
        smaller_made, smaller_target = avg_pool2d(made, 2), avg_pool2d(target, 2)
        fine_made = made - interpolate(smaller_made, scale_factor=2.0)
        fine_target = target - interpolate(smaller_target, scale_factor=2.0)
        loss = loss + l1_loss(fine_made, fine_target)
        made, target = smaller_made, smaller_target
    return loss


@torch.no_grad()
def whiten(vae: AutoencoderKL, artwork: Artwork, seed: int = 0, count: int = 256) -> None:
    """Gives each latent channel mean 0 and variance 1, by the two 1 x 1 convolutions; then scaling_factor is 1."""
    draw = random.Random(f"whiten {seed}")
    pictures = [artwork.picture(composition(draw)) for _ in range(count)]
    latents = torch.cat([vae.encode(tensor_of(pictures[i : i + 16])).latent_dist.mode() for i in range(0, count, 16)])
    mean, std = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    before, after = vae.quant_conv, vae.post_quant_conv
    before.weight[:4] /= std[:, None, None, None]
    before.bias[:4] = (before.bias[:4] - mean) / std
    after.bias += after.weight[:, :, 0, 0] @ mean
    after.weight *= std[None, :, None, None]
