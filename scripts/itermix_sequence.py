"""Loads the script "Latent Sequence"."""

from itermix.webui.sequence.script import LatentSequence  # noqa: F401
