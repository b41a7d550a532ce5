"""Trains the small text-to-image model that the studio brings along.

    python -m tools.train_small_model --artwork FOLDER --work FOLDER [--out FOLDER]

artwork: the unpacked npm package @lobehub/fluent-emoji-3d (Microsoft's Fluent emoji, MIT). work: where the states
of the stages are kept; the same command again goes on from there. Stages: VAE, text encoder, UNet, decoder.
Losses are printed. Random draws are seeded by step; how many steps are made depends on the machine's speed and
on the minutes given.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.small_model import autoencoder, checkpoints, denoiser, export, text
from tools.small_model.artwork import Artwork

MODEL = Path(__file__).resolve().parents[1] / "itermix" / "studio" / "model"


def main() -> None:
    options = parser().parse_args()
    artwork, work = Artwork(options.artwork), Path(options.work)
    vae = autoencoder.train(artwork, work / "vae.pt", 60.0 * options.vae_minutes, options.seed)
    autoencoder.whiten(vae.eval(), artwork, options.seed)
    tokenizer = text.train_tokenizer()
    encoder = text.build(tokenizer)
    pretrained = checkpoints.load(work / "text.pt")
    if pretrained:
        encoder.load_state_dict(pretrained)
    else:
        text.pretrain(tokenizer, encoder, options.text_steps, options.seed)
        checkpoints.save(work / "text.pt", encoder.state_dict())
    latents = denoiser.Latents(vae, artwork, work / "latents.pt", options.pictures, options.seed)
    unet, encoder = denoiser.train(
        latents, tokenizer, encoder, work / "unet.pt", 60.0 * options.unet_minutes, options.seed
    )
    decoded = work / "decoder.pt"
    if not decoded.is_file():
        checkpoints.save(decoded, {"model": checkpoints.load(work / "vae.pt")["model"]})
    vae = autoencoder.train(artwork, decoded, 60.0 * options.decoder_minutes, options.seed + 1, only_decoder=True)
    autoencoder.whiten(vae.eval(), artwork, options.seed)
    export.write(Path(options.out), vae, encoder, tokenizer, unet)
    print(f"written to {options.out}")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--artwork", required=True)
    made.add_argument("--work", required=True)
    made.add_argument("--out", default=str(MODEL))
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--pictures", type=int, default=40000, help="encoded beforehand")
    made.add_argument("--text-steps", type=int, default=400)
    made.add_argument("--vae-minutes", type=float, default=10.0)
    made.add_argument("--unet-minutes", type=float, default=95.0)
    made.add_argument("--decoder-minutes", type=float, default=6.0)
    return made


if __name__ == "__main__":
    main()
