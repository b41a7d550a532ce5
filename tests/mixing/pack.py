"""The node pack's samplers on a denoiser in closed form, with our mixer in them, for the recorded runs of its modes."""

import dataclasses

import torch

from itermix.mixing import rewind
from itermix.mixing.mixer import Mixer
from itermix.mixing.settings import MixingSettings
from tests.mixing.recorded import RecordedNoise

STEPS = 10
PRESET = MixingSettings.from_dict({"preset": "Node pack", "enabled": True})


def denoised(x, sigma, mu, s=0.5):
    """The best guess of x0 ~ N(mu, s^2) from x = x0 + sigma n."""
    return (s**2 * x + sigma**2 * mu) / (s**2 + sigma**2)


def euler(mixer, x, sigmas, start, mu, kept):
    for step in range(start, len(sigmas) - 1):
        sigma, after = sigmas[step], sigmas[step + 1]
        x = kept(mixer.begin(x, step, sigma))
        x = x + (x - denoised(x, sigma, mu)) / sigma * (after - sigma)
    return kept(mixer.end(x))


def dpmpp_2m(mixer, x, sigmas, start, mu, kept):
    """DPM-Solver++(2M), Lu et al., arXiv 2211.01095."""
    t = [-torch.tensor(sigma, dtype=torch.float64).log() for sigma in sigmas[:-1]]
    before = None
    for step in range(start, len(sigmas) - 1):
        sigma, after = sigmas[step], sigmas[step + 1]
        x = kept(mixer.begin(x, step, sigma))
        guess = denoised(x, sigma, mu)
        if after == 0.0:
            x = guess
        else:
            h = t[step + 1] - t[step]
            used = guess if before is None else guess + (guess - before) * h / (2 * (t[step] - t[step - 1]))
            x = after / sigma * x - torch.expm1(-h) * used
        before = guess
    return kept(mixer.end(x))


def lcm(mixer, x, sigmas, start, mu, kept, draws):
    """The pack mixes the denoised latent before the next step's noise is put on it."""
    for step in range(start, len(sigmas) - 1):
        x = mixer.mix(denoised(x, sigmas[step], mu), step, sigmas[step])
        if sigmas[step + 1] > 0.0:
            x = x + sigmas[step + 1] * draws.pop(0)
    return kept(x)


class Recorded:
    """The arrays of node_pack_modes.npz as tensors, and a run's draws, in order."""

    def __init__(self, file):
        self.arrays = {name: torch.from_numpy(array) for name, array in file.items() if name != "README"}
        self.x0, self.mu, self.mask = (self.arrays[name] for name in ("x0", "mu", "mask"))
        self.sigmas = self.arrays["sigmas"].tolist()

    def draws(self, name):
        return [drawn[None].double() for drawn in self.arrays[f"{name}_draws"]]

    def final(self, name):
        return self.arrays[f"{name}_final"]

    def settings(self, **changed):
        return dataclasses.replace(PRESET, **changed)

    def trajectory(self, draws, start):
        """The noise of one run that begins at `start`, taken from the draws: of a step each, and of the end."""
        taken = [draws.pop(0) for _ in range(start, STEPS + 1)]
        return RecordedNoise(torch.cat([*[taken[0]] * start, *taken]))

    def run(self, name, solver=euler, mask=None, **changed):
        """The result of one run of the solver with our mixer, and the mixer."""
        noise = self.trajectory(self.draws(name), 0)
        settings = self.settings(**changed)
        mixer = Mixer(settings, self.x0, noise, STEPS, mask=mask, painted=mask)
        x = solver(mixer, self.x0 + self.sigmas[0] * noise.at(0), self.sigmas, 0, self.mu, self.kept(mask))
        return x, mixer

    def rewound(self, name, solver=euler, mask=None, **changed):
        """The same with runs that go back, as `rewind` says, with the recorded draws."""
        draws, settings = self.draws(name), self.settings(rewind=True, **changed)
        own = (draws,) if solver is lcm else ()
        noise = self.trajectory(draws, 0)
        mixer = Mixer(settings, self.x0, noise, STEPS, mask=mask, painted=mask)
        given = self.mu, self.kept(mask), *own
        x = solver(mixer, self.x0 + self.sigmas[0] * noise.at(0), self.sigmas, 0, *given)
        for number, start in enumerate(rewind.starts(settings, STEPS), 1):
            noise = self.trajectory(draws, start)
            again, state = rewind.rewound(mixer, x, number, start, self.sigmas[start], noise)
            x = solver(again, state, self.sigmas, start, *given)
            mixer.report.rewinds.append(start)
        assert not draws
        return x, mixer

    def kept(self, mask):
        """What inpainting does to the state: outside of the mask it is the picture."""
        return (lambda x: x) if mask is None else lambda x: x * mask + self.x0 * (1.0 - mask)
