"""The parts of `tools/train_small_model.py`: pictures and captions, VAE, text encoder, UNet, export."""
