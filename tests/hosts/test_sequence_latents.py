"""Latent Sequence on a real WebUI equals `itermix.sequence.run` driven directly, latent by latent.

The direct host has the closed-form denoiser, the SD1.5 schedule and the noise of the seeds from their definitions; of
the WebUI it knows nothing but how many of the schedule's steps img2img takes.
"""

from __future__ import annotations

import base64
import io
from itertools import pairwise

import numpy as np
import pytest
import torch

from itermix.sequence.conditioning import Conditioning
from itermix.sequence.plan import plan
from itermix.sequence.run import run
from itermix.sequence.settings import SequenceSettings
from tests.hosts.test_sequence import sequence
from tests.sequence.hosts import Log

pytestmark = pytest.mark.real_host

STEPS, SEED, FRAMES, TOLERANCE = 8, 5, 5, 1e-4
SHAPE = (4, 8, 8)
LOWEST = 1e-4  # where a k-diffusion schedule run backwards begins


class Direct(Log):
    """Euler in float64 on the prior N(mu, 0.5^2)."""

    def encode(self, prompt, negative):
        return Conditioning.of(torch.zeros(1, 1))

    def sigmas(self):
        """SD1.5's levels at evenly spaced timesteps, log-linear between them; 0 at the end."""
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
        abar = torch.cumprod(1.0 - betas, 0)
        logs = ((1.0 - abar) / abar).sqrt().log().numpy()
        times = np.linspace(999.0, 0.0, STEPS)
        return [*np.exp(np.interp(times, np.arange(1000.0), logs)).tolist(), 0.0]

    def schedule(self, denoise):
        return self.sigmas()[STEPS - int(min(denoise, 0.999) * STEPS) - 1 :]

    def slope(self, x, sigma):
        c, h, w = (torch.arange(side, dtype=torch.float64) for side in SHAPE)
        mu = torch.sin(0.7 * (c[:, None, None] + 1) + 0.31 * h[:, None] + 0.17 * w)
        return (x - (0.25 * x + sigma**2 * mu) / (0.25 + sigma**2)) / sigma

    def sample(self, job, latent, noised):
        self.noted(job)
        sigmas = self.sigmas() if latent is None else self.schedule(job.frame.denoise)
        x = torch.zeros(1, *SHAPE, dtype=torch.float64) if latent is None else latent
        if not noised:
            x = x + sigmas[0] * self.noise(job.seeds, x)
        for sigma, following in pairwise(sigmas):
            x = x + self.slope(x, sigma) * (following - sigma)
        return x

    def unsample(self, job, latent, steps):
        levels = [LOWEST, *reversed(self.schedule(job.frame.denoise)[:-1])]
        for sigma, following in pairwise(levels):
            latent = latent + self.slope(latent, sigma) * (following - sigma)
        return latent

    def noise(self, seeds, like):
        drawn = [torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        return torch.stack(drawn).to(like)


@pytest.fixture
def recording(host):
    host.post("/itermix-probe/record", {"closed": True})
    yield
    host.post("/itermix-probe/record", {})


@pytest.mark.parametrize("change", [
    {},
    {"latent_interpolation": "slerp", "latent_interpolation_strength": 0.7},
    {"unsample": True},
    {"inject_noise": True, "noise_strength": 0.2, "colour_anchor": 0.5, "seed_mode": "decrement"},
])  # fmt: skip
def test_frames_equal_those_of_run_driven_directly(host, recording, change):
    settings = {"frames": FRAMES, "denoise_seq": 0.5, "video_format": "none", **change}
    sequence(host, settings, steps=STEPS, seed=SEED)
    packed = base64.b64decode(host.get("/itermix-probe/latents")["npz"])
    found = np.load(io.BytesIO(packed))["latents"].astype(np.float64)
    direct, planned = Direct(), SequenceSettings.from_dict(settings)
    run(direct, planned, plan(planned, SEED, "a cat", ""), None)
    expected = torch.stack([direct.emitted[frame] for frame in range(FRAMES)]).numpy()
    assert found.shape == expected.shape == (FRAMES, 1, *SHAPE)
    assert np.abs(found - expected).max() < TOLERANCE, np.abs(found - expected).max(axis=(1, 2, 3, 4))
    assert all(np.abs(a - b).max() > 0.01 for a, b in pairwise(expected))
