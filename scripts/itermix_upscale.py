"""Loads the script "Iterative Upscale"."""

from itermix.webui.upscale.script import IterativeUpscale  # noqa: F401
