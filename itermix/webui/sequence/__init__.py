"""Latent Sequence on a WebUI: its script, and the host that `itermix.sequence.run` drives."""
