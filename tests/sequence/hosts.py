"""Hosts for the tests: one that does what the recorder of the oracle did, one with a real sampler in closed form."""

import math
from itertools import pairwise

import torch

from itermix.sequence.conditioning import Conditioning

PATTERN = 10007  # the recorder's: a seed acts by its rest


class Log:
    """What both hosts share: a log of calls, and a given frame that is interrupted (stop_at), skipped, or finished
    and the last one (stop_after)."""

    def __init__(self, batch=1, mask=None, stop_at=None, skip=(), stop_after=None):
        self.batch, self.mask, self.stop_at, self.skip, self.stop_after = batch, mask, stop_at, set(skip), stop_after
        self.device, self.identity, self.init_is_drawn = torch.device("cpu"), "test", False
        self.jobs, self.encoded, self.emitted, self.calls = [], [], {}, []
        self.sampling = None

    def emit(self, job, latent):
        self.emitted[job.frame.index] = latent.clone()

    def stopped(self):
        return self.cut_short() or self.stop_after is not None and self.sampling == self.stop_after

    def cut_short(self):
        return self.stop_at is not None and self.sampling == self.stop_at

    def skipped(self):
        return self.sampling in self.skip

    def noted(self, job):
        self.sampling = job.frame.index
        self.jobs.append(job)


class Recorder(Log):
    """The sampler is out = latent / 2 + sin(0.37 (k + 1) + 0.01 (seed mod 10007)), unsampling 0.9 latent + 0.1.

    conditionings: by prompt. Injected noise is drawn one after the other, as the node did.
    """

    def __init__(self, conditionings, seed_of=lambda job: job.seeds[0], **log):
        super().__init__(**log)
        self.conditionings, self.seed_of = conditionings, seed_of
        self.drawn = torch.Generator().manual_seed(0)

    def encode(self, prompt, negative):
        self.encoded.append((prompt, negative))
        return self.conditionings[prompt]

    def sample(self, job, latent, noised):
        self.noted(job)
        self.calls.append("ksampler")
        k = torch.arange(latent.numel(), dtype=latent.dtype).reshape(latent.shape)
        return latent * 0.5 + torch.sin(0.37 * (k + 1) + 0.01 * (self.seed_of(job) % PATTERN))

    def unsample(self, job, latent, steps):
        self.calls.append("unsample")
        return latent * 0.9 + 0.1

    def noise(self, seeds, like):
        return torch.randn(like.shape, generator=self.drawn, dtype=like.dtype)


class Gaussian(Log):
    """Euler on the prior N(mu, s^2) of the oracle, mu moved by the conditioning's mean. float64."""

    STD, HIGHEST, LOWEST = 0.5, 14.6, 0.03

    def __init__(self, steps=8, size=(4, 8, 8), **log):
        super().__init__(**log)
        self.steps, self.size = steps, size

    def encode(self, prompt, negative):
        self.encoded.append((prompt, negative))
        value = torch.full((3, 8), float(len(prompt)), dtype=torch.float64)
        value[:, 0] = sum(map(ord, prompt)) / 100.0
        return Conditioning.of(value)

    def sigmas(self, denoise):
        """As k-diffusion hosts do for img2img: the last steps of the whole run."""
        full = torch.linspace(self.HIGHEST ** (1 / 7), self.LOWEST ** (1 / 7), self.steps, dtype=torch.float64) ** 7
        kept = round(denoise * self.steps)
        return [*full.tolist()[self.steps - kept :], 0.0] if kept else []

    def mean(self, job):
        c, h, w = (torch.arange(side, dtype=torch.float64) for side in self.size)
        mu = torch.sin(0.7 * (c[:, None, None] + 1) + 0.31 * h[:, None] + 0.17 * w)
        moved = (job.positive.parts[0].schedule[0][1] - job.negative.parts[0].schedule[0][1]).mean() / 100.0
        return mu + moved

    def slope(self, job, x, sigma):
        denoised = (self.STD**2 * x + sigma**2 * self.mean(job)) / (self.STD**2 + sigma**2)
        return (x - denoised) / sigma

    def sample(self, job, latent, noised):
        self.noted(job)
        if latent is None:
            latent = torch.zeros(self.batch, *self.size, dtype=torch.float64)
        sigmas = self.sigmas(job.frame.denoise)
        x = latent
        if sigmas and not noised:
            x = x + sigmas[0] * self.noise(job.seeds, latent)
        for sigma, following in pairwise(sigmas):
            x = x + self.slope(job, x, sigma) * (following - sigma)
        return x

    def unsample(self, job, latent, steps):
        """Exact: the same steps backwards, each solved for where it came from, from sigma 0 to the first level."""
        sigmas, x, s2, mu = self.sigmas(job.frame.denoise), latent, self.STD**2, self.mean(job)
        for sigma, following in reversed(list(pairwise(sigmas))):
            gain = (following - sigma) * sigma / (s2 + sigma**2)  # x' = x + gain (x - mu)
            x = (x + gain * mu) / (1.0 + gain) if not math.isclose(gain, -1.0) else x
        return x

    def noise(self, seeds, like):
        drawn = [
            torch.randn(self.size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) for seed in seeds
        ]
        return torch.stack(drawn).to(like)
