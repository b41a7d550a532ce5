"""Trains the small text-to-image model that the studio brings along.

    python -m tools.train_small_model --artwork FOLDER --work FOLDER [--out FOLDER]

artwork: the unpacked npm package @iconify-json/fluent-emoji (Microsoft's Fluent emoji, MIT). work: where the states
of the stages are kept; the same command again goes on from there. Stages: VAE, text encoder, UNet, decoder;
their minutes are of work, a CPU's own. Losses are printed. Random draws are seeded by step; how many steps are made
depends on the machine's speed and on the minutes given.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import torch

from tools.small_model import autoencoder, denoiser, export, text
from tools.small_model.artwork import NATIVE, Artwork
from tools.small_model.renders import COUNTS, Renders

MODEL = Path(__file__).resolve().parents[1] / "itermix" / "studio" / "model"
BATCHES = {"cpu": (12, 64), "cuda": (256, 512)}  # crops for the VAE, latents for the UNet


def main() -> None:
    options = parser().parse_args()
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("high")  # TF32 where there is it: bfloat16 is too coarse for the VAE
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    artwork, work, seed, trains = Artwork(options.artwork), Path(options.work), options.seed, not options.export_only
    rendered = partial(Renders, artwork, work / "renders", processes=options.threads, device=device)
    renders = {side: rendered(side, each, seed) for side, each in COUNTS.items()}
    vae_batch, batch = BATCHES[device.type]

    vae = autoencoder.Trainer(work / "vae.pt", renders, device, vae_batch, seed)
    if trains:
        vae.train(60.0 * options.vae_minutes)
    whitened = vae.finished()
    tokenizer, encoder = text.pretrained(work / "text.pt", options.text_steps, seed)
    start, is_half = options.start and Path(options.start), options.bfloat16
    unet = denoiser.Trainer(work / "unet.pt", tokenizer, encoder, device, batch, seed, start, is_half, options.rate)
    if trains:
        encoded = partial(denoiser.Latents, whitened.to(device), seed=seed)
        whole = encoded(rendered(NATIVE, options.places, seed + 1), work / "latents.pt", options.pictures)
        larger = [encoded(renders[side], work / f"latents-{side}.pt", n) for side, n in denoiser.LARGER.items()]
        unet.train(denoiser.Mixture(whole, larger), 60.0 * options.unet_minutes)
    decoder = autoencoder.Trainer(work / "decoder.pt", renders, device, vae_batch, seed + 1, whitened)
    if trains:
        decoder.train(60.0 * options.decoder_minutes)
    export.write(Path(options.out), decoder.finished(), unet.average["text"], tokenizer, unet.average["unet"])
    print(f"written to {options.out}")


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
    made.add_argument("--start", metavar="FOLDER", help="an exported model whose UNet a new training begins with")
    made.add_argument("--rate", type=float, default=denoiser.RATE, help="the UNet's learning rate")
    made.add_argument("--bfloat16", action="store_true", help="on a CPU that has it (avx512_bf16); slow elsewhere")
    made.add_argument("--export-only", action="store_true", help="writes what there is, and trains nothing")
    return made


if __name__ == "__main__":
    main()
