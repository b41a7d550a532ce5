"""Classifier-free guidance by band: structure follows the reference, so that guidance is for detail."""

from __future__ import annotations

from torch import Tensor

from itermix.mixing.lowpass import LowPass


def guided_by_band(pred_cond: Tensor, pred_uncond: Tensor, low: float, high: float, lowpass: LowPass) -> Tensor:
    """u + g_high (c - u) + (g_low - g_high) L(c - u): scale g_low below the cutoff, g_high above.

    HiWave (arXiv 2506.20452) takes the conditional prediction alone below, g_low = 1; FreCaS (arXiv 2410.18410) a
    smaller scale than above. With g_low = g_high this is classifier-free guidance.

    Arguments:
        pred_cond, pred_uncond: [B, C, H, W], float32 or float64.
        low, high: guidance scales; 1 is the conditional prediction.
        lowpass: whose cutoff parts the bands.
    """
    apart = pred_cond - pred_uncond
    guided = pred_uncond + high * apart
    return guided if low == high else guided + (low - high) * lowpass.filter_(apart)
