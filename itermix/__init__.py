"""itermix: iterative latent mixing and latent sequences for Stable Diffusion WebUIs.

Importing this package imports the standard library only; torch is imported by `itermix.mixing`
and `itermix.sequence`, the host's `modules` by `itermix.webui`, gradio by `itermix.ui`.
"""

from importlib import import_module

from itermix.settings import MixingSettings, SettingsError

__version__ = "0.1.0"
__all__ = ["MixingSettings", "SequenceSettings", "SettingsError", "__version__"]


def __getattr__(name: str):
    """`itermix.SequenceSettings` is loaded when it is first asked for."""
    if name == "SequenceSettings":
        return import_module("itermix.sequence.settings").SequenceSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
