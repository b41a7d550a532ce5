"""Loads the script "Latent Sequence"."""

from itermix.webui.sequence_script import LatentSequence  # noqa: F401
