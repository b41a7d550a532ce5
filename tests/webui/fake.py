"""A WebUI of a few hundred lines with the real one's order of calls and its traps, for tests without a WebUI.

It answers the same questions as `Host`, so that the same tests run on both.
"""

from __future__ import annotations

import base64
import importlib.util
import inspect
import io
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image

from itermix.mixing.noising import alphas_cumprod
from tests.webui import fake_modules
from tests.webui.fake_samplers import SAMPLERS
from tools.real_host import Generation, as_base64

SIGMA_MIN, SIGMA_MAX = 0.0292, 14.6146


class FakeHost:
    is_forge = False

    def __init__(self):
        fake_modules.install()
        from itermix.webui.mixing.script import IterativeMixing

        self.probe = _load_probe()
        self.mixing, self.recorder = IterativeMixing(), self.probe.Probe()
        self.defaults = [component.value for component in self.mixing.ui(False)]
        self.others: list[Any] = []  # always-on scripts of other extensions, as far as itermix looks for them
        self.lines: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: self.lines.append(record.getMessage())
        logging.getLogger("itermix").addHandler(handler)

    def get(self, path: str) -> Any:
        assert path == "/sdapi/v1/samplers"
        return [{"name": name, "options": {}} for name in SAMPLERS]

    def arm(self, **probe: Any) -> None:
        self.probe.armed.clear()
        self.probe.armed.update(probe)

    def trace(self) -> dict[str, np.ndarray]:
        return {
            name: np.array(value) if isinstance(value, (str, int)) else self.probe.stacked(value)
            for name, value in self.probe.trace.items()
        }

    def stop(self) -> None:
        pass

    @torch.inference_mode()
    def generate(self, tab: str = "txt2img", mixing: Any = None, **body: Any) -> Generation:
        given = [] if mixing is None else mixing if isinstance(mixing, list) else [mixing]
        args = [*given, *self.defaults[len(given) :]][: len(self.defaults)]
        request = {**dict(prompt="a cat", seed=1, steps=6, width=64, height=64, sampler_name="Euler"), **body}
        p = self.p = Processing(tab, SimpleNamespace(**request))
        self.mixing.args_from, self.mixing.args_to, p.script_args = 0, len(args), args
        p.scripts = SimpleNamespace(alwayson_scripts=[self.mixing, *self.others])
        scripts = [(self.mixing, args), (self.recorder, [])]
        mark = len(self.lines)
        pictures, infotexts = p.run(lambda method, **kwargs: _call(scripts, method, p, **kwargs))
        answer = {"images": [as_base64(picture) for picture in pictures]}
        answer["info"] = _json({"infotexts": infotexts})
        return Generation(answer, self.lines[mark:])


class Processing:
    """One request: the host's `p`, with its sampling."""

    def __init__(self, tab: str, request: SimpleNamespace):
        self.request = request
        self.extra_generation_params: dict[str, Any] = {}
        self.width, self.height = request.width, request.height
        self.enable_hr = getattr(request, "enable_hr", False)
        self.denoising_strength = getattr(request, "denoising_strength", 0.75)
        self.steps, self.is_hr_pass, self.sampler = request.steps, False, None
        self.eta = getattr(request, "eta", None)
        self.sd_model = SimpleNamespace(sd_model_hash="fake")
        self.comments: list[str] = []
        self.outpath_samples = getattr(request, "outpath_samples", None)
        self.hr_upscale_to_x, self.hr_upscale_to_y = self.width * 2, self.height * 2
        if tab == "img2img":
            self.init_images = [_picture(text) for text in request.init_images]
            self.resize_mode = 0  # the host's own default: stretched

    def comment(self, text: str) -> None:
        self.comments.append(text)

    def run(self, call) -> tuple[list[Image.Image], list[str]]:
        call("before_process")
        call("process")
        if self.enable_hr or hasattr(self, "init_images"):
            self.extra_generation_params["Denoising strength"] = self.denoising_strength
        if hasattr(self, "init_images"):
            self._init_img2img()
        pictures, infotexts = [], []
        batch = getattr(self.request, "batch_size", 1)
        for iteration in range(getattr(self.request, "n_iter", 1)):
            first = self.request.seed + iteration * batch
            self.seeds, self.prompts = list(range(first, first + batch)), [self.request.prompt] * batch
            latents = self._sample_img2img(call) if hasattr(self, "init_images") else self._sample_txt2img(call)
            pictures += [_decoded(latent) for latent in latents]
            info = {"Steps": self.steps, "Seed": first, **self.extra_generation_params}
            infotexts += [", ".join(f"{key}: {_quoted(value)}" for key, value in info.items())] * batch
        call("postprocess", processed=None)
        return pictures, infotexts

    def _init_img2img(self) -> None:
        batch = getattr(self.request, "batch_size", 1)
        image = np.asarray(self.init_images[0].resize((self.width, self.height)).convert("RGB"), dtype=np.float32)
        tensor = torch.from_numpy(image / 255.0).permute(2, 0, 1)[None].repeat(batch, 1, 1, 1)
        self.init_latent = fake_modules.encode(tensor)
        if getattr(self.request, "mask", None):
            mask = np.asarray(_picture(self.request.mask).convert("L").resize((self.width // 8, self.height // 8)))
            self.nmask = torch.from_numpy((mask > 127).astype(np.float32)).repeat(4, 1, 1)
            self.mask = 1.0 - self.nmask
            self.inpainting_fill = self.request.inpainting_fill
        self.sampler = Sampler(self)  # one for all batches

    def _sample_txt2img(self, call) -> torch.Tensor:
        self.is_hr_pass = False
        self.sampler = Sampler(self)
        x = self._noise((4, self.height // 8, self.width // 8))
        call("process_before_every_sampling", x=x, noise=x)
        x = self.sampler.sample(self, x)
        if not self.enable_hr:
            return x
        self.is_hr_pass = True
        self.sampler = Sampler(self)
        size = self.hr_upscale_to_y // 8, self.hr_upscale_to_x // 8
        x = torch.nn.functional.interpolate(x, size=size, mode="bilinear")
        noise = self._noise(x.shape[1:])
        call("process_before_every_sampling", x=x, noise=noise)
        x = self.sampler.sample_img2img(self, x, noise)
        self.sampler = None
        return x

    def _sample_img2img(self, call) -> torch.Tensor:
        noise = self._noise(self.init_latent.shape[1:])
        call("process_before_every_sampling", x=self.init_latent, noise=noise)
        x = self.sampler.sample_img2img(self, self.init_latent, noise)
        return x if not hasattr(self, "nmask") else x * self.nmask + self.init_latent * self.mask

    def _noise(self, shape) -> torch.Tensor:
        self.generators = [torch.Generator().manual_seed(seed) for seed in self.seeds]
        self.noise_shape = shape
        return self.next_noise()

    def next_noise(self) -> torch.Tensor:
        return torch.stack([torch.randn(self.noise_shape, generator=generator) for generator in self.generators])


class Sampler:
    """The host's sampler object: a function with its arguments, a model and a callback."""

    def __init__(self, p: Processing):
        name = getattr(p.request, "sampler_name", "Euler")
        self.func = SAMPLERS[name]
        self.config = SimpleNamespace(name=name)
        self.model_wrap_cfg = Denoiser(p)
        self.timesteps = "timesteps" in inspect.signature(self.func).parameters
        if self.timesteps:
            self.__class__ = type("CompVisSampler", (Sampler,), {})

    def callback_state(self, d: dict[str, Any]) -> None:
        pass

    def launch_sampling(self, steps: int, func) -> torch.Tensor:
        return func()

    def sample(self, p: Processing, x: torch.Tensor) -> torch.Tensor:
        if self.timesteps:
            return self._launch(p, x, timesteps=self._timesteps(p))  # x is the noise itself, the same tensor
        sigmas = self._sigmas(p)
        return self._launch(p, x * sigmas[0], sigmas=sigmas)

    def sample_img2img(self, p: Processing, x: torch.Tensor, noise: torch.Tensor, *conds, **more) -> torch.Tensor:
        self.model_wrap_cfg.init_latent = x
        kept = int(min(p.denoising_strength, 0.999) * p.steps)
        if self.timesteps:
            timesteps = self._timesteps(p)
            abar = self.model_wrap_cfg.inner_model.inner_model.alphas_cumprod[timesteps[kept]]
            noised = abar.sqrt() * x + (1 - abar).sqrt() * noise  # one timestep further than it is sampled from
            return self._launch(p, noised, timesteps=timesteps[:kept])
        sigmas = self._sigmas(p)[p.steps - kept - 1 :]
        return self._launch(p, x + noise * sigmas[0], sigmas=sigmas)

    def _launch(self, p: Processing, x: torch.Tensor, **schedule: torch.Tensor) -> torch.Tensor:
        parameters = inspect.signature(self.func).parameters  # the host looks at what the function takes
        if "sigma_min" in parameters:
            sigmas = schedule.pop("sigmas")
            schedule = {"sigma_min": sigmas[-2], "sigma_max": sigmas[0]}
        if "noise_sampler" in parameters:
            schedule["noise_sampler"] = p.next_noise
        model, callback = self.model_wrap_cfg, self.callback_state
        return self.launch_sampling(
            p.steps, lambda: self.func(model, x, extra_args={}, disable=False, callback=callback, **schedule)
        )

    def _sigmas(self, p: Processing) -> torch.Tensor:
        ramp = torch.linspace(SIGMA_MAX ** (1 / 7), SIGMA_MIN ** (1 / 7), p.steps) ** 7
        return torch.cat([ramp, torch.zeros(1)])

    def _timesteps(self, p: Processing) -> torch.Tensor:
        return torch.tensor([t + 1 for t in range(0, 1000, 1000 // p.steps)]).clip(0, 999)


class Denoiser(torch.nn.Module):
    """A fixed pointwise function in place of a network, with the host's rule for masks."""

    def __init__(self, p: Processing):
        super().__init__()
        self.step, self.init_latent = 0, None
        self.nmask = getattr(p, "nmask", None)
        inner = SimpleNamespace(alphas_cumprod=alphas_cumprod().float())
        object.__setattr__(self, "inner_model", SimpleNamespace(inner_model=inner))
        self.timesteps = SAMPLERS[p.request.sampler_name].__name__ in ("ddim", "plms", "unipc")

    def forward(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        self.step += 1
        level = sigma.view(-1, 1, 1, 1)
        if self.timesteps:
            return 0.7 * torch.tanh(x + level / 1000)
        denoised = torch.tanh(x / (1.0 + level**2) ** 0.5 + 0.1)
        if self.nmask is not None:
            denoised = denoised * self.nmask + self.init_latent * (1.0 - self.nmask)
        return denoised


def _call(scripts, method, p, **kwargs) -> None:
    """As the host does: what a script's method raises is logged, and the generation goes on."""
    for script, args in scripts:
        if hasattr(script, method):
            try:
                positional = [kwargs["processed"]] if method == "postprocess" else []
                named = {key: value for key, value in kwargs.items() if key != "processed"}
                getattr(script, method)(p, *positional, *args, **named)
            except Exception:
                logging.getLogger("itermix").exception(f"Error running {method}")


def _load_probe():
    path = Path(__file__).parents[2] / "tools" / "probe" / "scripts" / "itermix_probe.py"
    spec = importlib.util.spec_from_file_location("itermix_probe", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _picture(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def _decoded(latent: torch.Tensor) -> Image.Image:
    pixels = (latent[:3].permute(1, 2, 0) * 0.5 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8).numpy()
    return Image.fromarray(np.kron(pixels, np.ones((8, 8, 1), np.uint8)))


def _quoted(value: Any) -> str:
    text = str(value)
    return _json(text) if any(mark in text for mark in ',:"') else text


def _json(value: Any) -> str:
    import json

    return json.dumps(value)
