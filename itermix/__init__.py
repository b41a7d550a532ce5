"""itermix: iterative latent mixing and latent sequences for Stable Diffusion WebUIs.

Importing this package imports next to nothing; torch is imported by `itermix.mixing` and `itermix.sequence`, the
host's `modules` by `itermix.webui`, gradio by `itermix.ui`.
"""

from importlib import import_module

__version__ = "0.1.0"
_HOMES = {
    "MixingSettings": "itermix.mixing.settings",
    "SequenceSettings": "itermix.sequence.settings",
    "UpscaleSettings": "itermix.upscale.settings",
    "SettingsError": "itermix.settings",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str):
    """The public names are loaded when they are first asked for."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
