"""Loads the always-on script "Iterative Mixing"."""

from itermix.webui.mixing_script import IterativeMixing  # noqa: F401
