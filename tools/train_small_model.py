"""Trains the small text-to-image model that the studio brings along.

    python -m tools.train_small_model --artwork FOLDER --work FOLDER [--out FOLDER]

artwork: the unpacked npm package @iconify-json/fluent-emoji (Microsoft's Fluent emoji, MIT). work: where the states
of the stages are kept; the same command again goes on from there. Stages: VAE, text encoder, UNet, decoder;
their minutes are of work, a CPU's own. Losses are printed. Random draws are seeded by step; how many steps are made
depends on the machine's speed and on the minutes given.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from diffusers import AutoencoderDC
from transformers import CLIPTokenizer

from tools.small_model import autoencoder, denoiser, export, redrawn, text
from tools.small_model.artwork import NATIVE, Artwork
from tools.small_model.renders import COUNTS, Renders

MODEL = Path(__file__).resolve().parents[1] / "itermix" / "studio" / "model"
BATCHES = {"cpu": (12, 64), "cuda": (256, 512)}  # crops for the VAE, latents for the UNet


def main() -> None:
    options = parser().parse_args()
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("high")  # TF32 where there is it: bfloat16 is too coarse for the VAE
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rendered = partial(
        Renders, Artwork(options.artwork), Path(options.work) / "renders", processes=options.threads, device=device
    )
    renders = {side: rendered(side, each, options.seed) for side, each in COUNTS.items()}
    vae = _vae(options, renders, device)
    encoded = partial(denoiser.Latents, copy.deepcopy(vae).to(device), seed=options.seed)
    unet, tokenizer = _unet(options, rendered, renders, encoded, device)
    vae = _decoder(options, renders, encoded, vae, unet, device)
    export.write(Path(options.out), vae, unet.average["text"], tokenizer, unet.average["unet"])
    print(f"written to {options.out}")


def _vae(options: argparse.Namespace, renders: dict[int, Renders], device: torch.device) -> AutoencoderDC:
    """Trained, or the one to begin with; its latents are white."""
    if options.start:
        return AutoencoderDC.from_pretrained(options.start / "vae").requires_grad_(False)
    trainer = autoencoder.Trainer(Path(options.work) / "vae.pt", renders, device, BATCHES[device.type][0], options.seed)
    if not options.export_only:
        trainer.train(60.0 * options.vae_minutes)
    return trainer.finished()


def _unet(
    options: argparse.Namespace, rendered: Callable[..., Renders], renders: dict[int, Renders],
    encoded: Callable[..., denoiser.Latents], device: torch.device,
) -> tuple[denoiser.Trainer, CLIPTokenizer]:  # fmt: skip
    work = Path(options.work)
    tokenizer, encoder = text.pretrained(work / "text.pt", options.text_steps, options.seed)
    trainer = denoiser.Trainer(
        work / "unet.pt", tokenizer, encoder, device, BATCHES[device.type][1], options.seed, options.start,
        options.bfloat16, options.rate,
    )  # fmt: skip
    if options.unet_minutes and not options.export_only:
        whole = encoded(rendered(NATIVE, options.places, options.seed + 1), work / "latents.pt", options.pictures)
        larger = [encoded(renders[side], work / f"latents-{side}.pt", n) for side, n in denoiser.LARGER.items()]
        trainer.train(denoiser.Mixture(whole, larger), 60.0 * options.unet_minutes)
    return trainer, tokenizer


def _decoder(
    options: argparse.Namespace, renders: dict[int, Renders], encoded: Callable[..., denoiser.Latents],
    vae: AutoencoderDC, unet: denoiser.Trainer, device: torch.device,
) -> AutoencoderDC:  # fmt: skip
    """The VAE with its decoder trained on, from encoded latents and from such as the UNet draws."""
    work, trains, drawn = Path(options.work), options.decoder_minutes and not options.export_only, []
    kinds = [("near", redrawn.NEAR, redrawn.NEAR_COUNTS), ("far", redrawn.FAR, redrawn.FAR_COUNTS)]
    for kind, starts, counts in kinds if trains else ():
        for side, count in counts.items():
            latents = encoded(renders[side], work / f"latents-{kind}-{side}.pt", count)
            networks = unet.average["unet"], unet.average["text"], unet.ids
            drawn.append(redrawn.Redrawn(latents, *networks, work / f"redrawn-{kind}-{side}.pt", starts))
    trainer = autoencoder.Trainer(
        work / "decoder.pt", renders, device, BATCHES[device.type][0], options.seed + 1, vae, drawn
    )
    if trains:
        trainer.train(60.0 * options.decoder_minutes)
    return trainer.finished()


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--artwork", required=True)
    made.add_argument("--work", required=True)
    made.add_argument("--out", default=str(MODEL))
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--threads", type=int, default=1, help="and processes that render")
    made.add_argument("--places", type=int, default=256, help="of each subject at the native size")
    made.add_argument("--pictures", type=int, default=24576, help="encoded beforehand")
    made.add_argument("--text-steps", type=int, default=400)
    made.add_argument("--vae-minutes", type=float, default=80.0)
    made.add_argument("--unet-minutes", type=float, default=900.0)
    made.add_argument("--decoder-minutes", type=float, default=60.0)
    made.add_argument(
        "--start", type=Path, metavar="FOLDER", help="an exported model, whose VAE is kept and whose UNet learns on"
    )
    made.add_argument("--rate", type=float, default=denoiser.RATE, help="the UNet's learning rate")
    made.add_argument("--bfloat16", action="store_true", help="on a CPU that has it (avx512_bf16); slow elsewhere")
    made.add_argument("--export-only", action="store_true", help="writes what there is, and trains nothing")
    return made


if __name__ == "__main__":
    main()
