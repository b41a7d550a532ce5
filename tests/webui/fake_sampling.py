"""The fake host's sampler object, its model and its noise, with the real one's way of handing arguments over."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import torch

from itermix.mixing.noising import alphas_cumprod
from tests.webui import fake_samplers
from tests.webui.fake_samplers import EXTRA, OPTIONS, SAMPLERS

SIGMA_MIN, SIGMA_MAX = 0.0292, 14.6146
ETA = {"ddim": 0.0}  # by function; 1 for all others


class ImageRNG:
    """Noise for each image of a batch: of its seed, turned towards that of a subseed, drawn at another size first."""

    def __init__(self, shape, seeds, subseeds=None, subseed_strength=0.0, seed_resize_from_h=0, seed_resize_from_w=0):
        self.shape, self.seeds, self.subseeds = tuple(shape), seeds, subseeds
        self.strength = subseed_strength
        resized = seed_resize_from_h > 0 and seed_resize_from_w > 0
        self.drawn = (shape[0], seed_resize_from_h // 8, seed_resize_from_w // 8) if resized else self.shape
        self.generators = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]
        self.is_first = True

    def next(self) -> torch.Tensor:
        if not self.is_first:
            return torch.stack([torch.randn(self.shape, generator=generator) for generator in self.generators])
        self.is_first = False
        return torch.stack([self._first(image) for image in range(len(self.seeds))])

    def _first(self, image: int) -> torch.Tensor:
        generator = self.generators[image]
        noise = torch.randn(self.drawn, generator=generator)
        if self.subseeds is not None and self.strength:
            other = torch.randn(self.drawn, generator=torch.Generator().manual_seed(self.subseeds[image]))
            angle = torch.acos((noise * other).mean() / (noise.std() * other.std()))
            first, second = torch.sin((1 - self.strength) * angle), torch.sin(self.strength * angle)
            noise = (first * noise + second * other) / torch.sin(angle)
        if self.drawn == self.shape:
            return noise
        whole = torch.randn(self.shape, generator=generator)
        height, width = (min(a, b) for a, b in zip(self.shape[1:], self.drawn[1:]))
        whole[:, :height, :width] = noise[:, :height, :width]
        return whole


class Sampler:
    """The host's sampler object: a function with its arguments, a model and a callback."""

    def __init__(self, name: str, p: Any):
        self.func = SAMPLERS[name]
        self.config = SimpleNamespace(name=name, options=OPTIONS.get(name, {}))
        self.model_wrap_cfg = Denoiser(name)
        self.timesteps = "timesteps" in inspect.signature(self.func).parameters
        if self.timesteps:
            self.__class__ = CompVisSampler

    def callback_state(self, d: dict[str, Any]) -> None:
        pass

    def launch_sampling(self, steps: int, func) -> torch.Tensor:
        return func()

    def initialize(self, p: Any) -> dict[str, Any]:
        """Arguments that the host sets by options, for functions that have them; and where ancestral ones draw from."""
        from modules import shared

        self.model_wrap_cfg.nmask = getattr(p, "nmask", None)
        fake_samplers.randn_like = lambda x: p.rng.next().to(x)
        parameters = inspect.signature(self.func).parameters
        extra = {name: getattr(shared.opts, name) for name in EXTRA if name in parameters and name in vars(shared.opts)}
        if extra.get("s_tmax") == 0.0:
            extra["s_tmax"] = float("inf")
        if "eta" in parameters:
            default = ETA.get(self.func.__name__, 1.0)
            extra["eta"] = default if p.eta is None else p.eta
            if extra["eta"] != default:
                p.extra_generation_params["Eta"] = extra["eta"]
        return extra

    def sample(self, p: Any, x: torch.Tensor, c: Any, uc: Any, image_conditioning: Any = None) -> torch.Tensor:
        if self.timesteps:
            timesteps = self.get_timesteps(p, p.steps)
            return self._launch(p, x, c, uc, timesteps=timesteps)  # x is the noise itself, the same tensor
        sigmas = self.get_sigmas(p, p.steps)
        return self._launch(p, x * sigmas[0], c, uc, sigmas=sigmas)

    def sample_img2img(
        self, p: Any, x: torch.Tensor, noise: torch.Tensor, c: Any, uc: Any, steps: Any = None,
        image_conditioning: Any = None,
    ) -> torch.Tensor:  # fmt: skip
        self.model_wrap_cfg.init_latent = x
        total, kept = p.steps, int(min(p.denoising_strength, 0.999) * p.steps)
        if steps is not None:  # then exactly so many are made
            total, kept = int(steps / min(p.denoising_strength, 0.999)), steps - 1
        if self.timesteps:
            timesteps = self.get_timesteps(p, total)
            abar = self.model_wrap_cfg.inner_model.inner_model.alphas_cumprod[timesteps[kept]]
            noised = abar.sqrt() * x + (1 - abar).sqrt() * noise  # one timestep further than it is sampled from
            return self._launch(p, noised, c, uc, timesteps=timesteps[:kept], is_img2img=True)
        sigmas = self.get_sigmas(p, total)[total - kept - 1 :]
        return self._launch(p, x + noise * sigmas[0], c, uc, sigmas=sigmas)

    def _launch(self, p: Any, x: torch.Tensor, c: Any, uc: Any, **given: Any) -> torch.Tensor:
        extra = self.initialize(p)
        parameters = inspect.signature(self.func).parameters  # the host looks at what the function takes
        if "sigma_min" in parameters:
            sigmas = given.pop("sigmas")
            given.update(sigma_min=sigmas[-2], sigma_max=sigmas[0])
        if "is_img2img" in given and "is_img2img" not in parameters:
            del given["is_img2img"]
        if self.config.options.get("brownian_noise"):
            given["noise_sampler"] = lambda sigma, following: p.rng.next().to(x)
        if self.config.options.get("solver_type") == "heun":
            given["solver_type"] = "heun"
        model, callback = self.model_wrap_cfg, self.callback_state
        extra_args = {"cond": c, "uncond": uc, "cond_scale": p.cfg_scale}
        return self.launch_sampling(
            p.steps,
            lambda: self.func(model, x, extra_args=extra_args, disable=False, callback=callback, **extra, **given),
        )

    def get_sigmas(self, p: Any, steps: int) -> torch.Tensor:
        ramp = torch.linspace(SIGMA_MAX ** (1 / 7), SIGMA_MIN ** (1 / 7), steps) ** 7
        return torch.cat([ramp, torch.zeros(1)])


class CompVisSampler(Sampler):
    """Of the functions that take timesteps."""

    def get_timesteps(self, p: Any, steps: int) -> torch.Tensor:
        return torch.tensor([t + 1 for t in range(0, 1000, 1000 // steps)]).clip(0, 999)


class Denoiser(torch.nn.Module):
    """A fixed pointwise function in place of a network, moved by the prompts, with the host's rule for masks."""

    def __init__(self, sampler_name: str):
        super().__init__()
        self.step, self.init_latent, self.nmask = 0, None, None
        object.__setattr__(self, "inner_model", Network(SAMPLERS[sampler_name].__name__ in ("ddim", "plms", "unipc")))

    def forward(self, x: torch.Tensor, sigma: torch.Tensor, cond: Any = None, uncond: Any = None, cond_scale=1.0):
        self.step += 1
        shift = 0.1 + moved_by(cond, uncond, cond_scale, len(x))
        out = self.inner_model(x, sigma, cond={"c_crossattn": [shift], "c_concat": [torch.zeros_like(x)]})
        if self.nmask is not None and not self.inner_model.timesteps:
            out = out * self.nmask + self.init_latent * (1.0 - self.nmask)
        return out


class Network(torch.nn.Module):
    """The denoiser around the model that the host's own calls: pointwise, told what goes with the latent."""

    def __init__(self, timesteps: bool):
        super().__init__()
        self.inner_model = SimpleNamespace(alphas_cumprod=alphas_cumprod().float())
        self.timesteps = timesteps

    def forward(self, x: torch.Tensor, level: torch.Tensor, cond: Any) -> torch.Tensor:
        assert cond["c_concat"][0].shape == x.shape
        (shift,), level = cond["c_crossattn"], level.view(-1, 1, 1, 1)
        if self.timesteps:
            return 0.7 * torch.tanh(x + level / 1000 + shift - 0.1)
        return torch.tanh(x / (1.0 + level**2) ** 0.5 + shift)


def moved_by(cond: Any, uncond: Any, scale: float, batch: int) -> torch.Tensor | float:
    """One number for each image, of its prompt and of its negative prompt, guided: [B, 1, 1, 1]."""
    if cond is None or uncond is None:
        return 0.0
    towards = torch.stack([parts[0].schedules[0].cond.mean() for parts in cond.batch])
    away = torch.stack([schedule[0].cond.mean() for schedule in uncond])
    return (away + 0.1 * scale * (towards - away)).view(batch, 1, 1, 1)
