"""With the presets of Forge Neo the defaults let go: of every kind of flow model's own schedule."""

from __future__ import annotations

import pytest
import torch

from benchmarks.flow_schedules import NEO
from itermix.mixing import curve
from itermix.mixing.noising import Flow
from itermix.mixing.settings import MixingSettings

STRENGTHS = (MixingSettings().hires_denoise, 1.0)
NEAR_0 = 0.05  # of sigma


def weights_of(levels):
    """c1 of each step, as the mixer has it."""
    noising = Flow().over(levels)
    u = torch.tensor([noising.progress(level) for level in levels], dtype=torch.float64)
    return curve.weights(MixingSettings(), len(levels), u)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", NEO)
def test_the_last_mixed_step_lets_go(name, strength):
    mixed = [weight for weight in weights_of(NEO[name].hires(strength)[:-1].tolist()).tolist() if weight]
    assert 0.0 < mixed[-1] < 0.1


@pytest.mark.parametrize("name", NEO)
def test_the_mean_weight_of_the_hires_pass_leaves_room(name):
    levels = NEO[name].hires(MixingSettings().hires_denoise)[:-1].tolist()
    ends = len(levels) >= 20 and levels[-1] < NEAR_0
    assert float(weights_of(levels).mean()) <= (0.6 if ends else 0.75)


def test_the_presets_end_where_the_hosts_tables_say():
    """Some of their levels by hand: a t / (1 + (a - 1) t)."""
    assert NEO["wan"].levels(4).tolist() == pytest.approx([1.0, 15 / 16, 5 / 6, 5 / 8, 0.0])
    assert NEO["lumina"].levels(32)[-2].item() == pytest.approx(6 * 0.032 / (1 + 5 * 0.032))  # index 31.25 of 1000
    assert NEO["klein, Automatic"].levels(4)[0].item() == 1.0
    assert NEO["qwen"].hires(0.7)[-2].item() < 1e-3
