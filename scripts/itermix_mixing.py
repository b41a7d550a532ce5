"""Loads the always-on script "Iterative Mixing"."""

from itermix.webui.mixing.script import IterativeMixing, register  # noqa: F401

register()
