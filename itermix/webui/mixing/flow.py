"""What cannot be mixed on flow models, or on others, though the host runs it: said by name instead of mixed wrongly."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from itermix.webui.compat import sampling

OF_FLOW_ALONE = ("sample_dpmpp_2s_ancestral_RF",)  # sampler functions that make NaN of sigmas above 1
ALIKE = 1e-5  # 1 - correlation from which a latent is its pass's noise


def refusal(p: Any, x: Tensor, noise: Tensor, is_own: bool) -> str | None:
    """Why the pass that is about to start from x cannot be mixed; None where it can.

    is_own: whether x is to be the reference, as in img2img and hires passes.
    """
    reason = wrong_sampler(p.sampler)
    if reason is not None or not sampling.is_flow_model():
        return reason
    if is_own and is_placeholder(x, noise):
        return (
            "the init latent holds no picture: this model is given its start image in another way (Wan image-to-video, "
            "PiD), so there is no reference"
        )
    return None


def wrong_sampler(sampler: Any) -> str | None:
    """Why a sampler object does not go with the loaded model, in the host itself; None where it does."""
    name = sampler.config.name
    if not sampling.is_flow_model():
        is_wrong = getattr(sampler.func, "__name__", "") in OF_FLOW_ALONE
        return f'the sampler "{name}" is for flow models; take Euler' if is_wrong else None
    if sampling.is_by_timestep(sampler):
        return f'the sampler "{name}" is wrong for flow models in the WebUI itself; take Euler'
    return None


def is_placeholder(x: Tensor, noise: Tensor) -> bool:
    """Whether x, [B, C, H, W] or [B, C, T, H, W], is what a host puts in the place of a clean latent that a model does
    not use: one number in each channel, or the pass's own noise, whatever it is multiplied by."""
    flat = x[0].flatten(1).float()
    if bool((flat.amax(1) == flat.amin(1)).all()):
        return True
    if x.shape != noise.shape:
        return False
    a, b = flat.flatten(), noise[0].flatten().float()
    lengths = torch.linalg.vector_norm(a) * torch.linalg.vector_norm(b)
    return bool(lengths > 0.0) and float(torch.dot(a, b) / lengths) > 1.0 - ALIKE
