"""itermix: iterative latent mixing and latent sequences for Stable Diffusion WebUIs.

Importing this package imports the standard library only; torch is imported by `itermix.mixing`
and `itermix.sequence`, the host's `modules` by `itermix.webui`, gradio by `itermix.ui`.
"""

from itermix.settings import MixingSettings, SettingsError

__version__ = "0.1.0"
__all__ = ["MixingSettings", "SettingsError", "__version__"]
