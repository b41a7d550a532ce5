"""A WebUI extension for tests alone: puts a closed-form denoiser into the sampler and records what the sampler does.

POST /itermix-probe/arm   {"denoiser": "gaussian" | "constant" | "unit", "inject": {"step": i, "by": d}, "noise_by": d,
                           "network": "gaussian", "page": true, "watch": true}: network in place of Forge's UNet only,
                           which is slow on a CPU; page makes the picture among itermix's arguments one, as the page
                           hands it over; watch records the evaluations of the host's own denoiser
GET  /itermix-probe/trace -> npz of the last pass, as base64

It replaces `forward` and `callback_state` on the sampler's own objects, which live for one pass, so it records what
arrives there after every hook, whoever registered it first.
"""

import base64
import contextlib
import io

import numpy as np
import torch
from modules import script_callbacks, scripts

LONGEST_CHOICE = 100  # characters: a longer text is a picture

armed = {}
trace = {}


class Probe(scripts.Script):
    def title(self):
        return "itermix probe"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return []

    def setup(self, p, *args):
        if armed.get("page"):
            from itermix.pictures.uploads import Upload

            ours = next(script for script in p.scripts.alwayson_scripts if script.title() == "Iterative Mixing")
            given, start, end = list(p.script_args), ours.args_from, ours.args_to
            for place in range(start, end):
                if isinstance(given[place], str) and len(given[place]) > LONGEST_CHOICE:
                    given[place] = Upload(given[place], "reference_image").picture()
            p.script_args = given

    def before_process(self, p, *args):
        if armed:
            # img2img's encoder and some samplers draw from the global generator, unseeded.
            torch.manual_seed(armed.get("seed", 1))

    def process_before_every_sampling(self, p, *args, **kwargs):
        if armed:
            watch(p, kwargs["x"], kwargs["noise"])


def watch(p, x, noise):
    trace.clear()
    trace.update(evaluations=[], levels=[], events="", callbacks=[], z_ref=x.clone(), noise=noise.clone())
    if armed.get("noise_by"):
        noise.add_(armed["noise_by"])
    sampler = p.sampler
    model = sampler.model_wrap_cfg
    if getattr(p, "nmask", None) is not None:
        trace["nmask"] = p.nmask
    alphas = getattr(model.inner_model.inner_model, "alphas_cumprod", None)
    vp = type(sampler).__name__ == "CompVisSampler"
    trace["alphas"] = alphas if vp else torch.zeros(0)
    is_flow = predicts_flow(p.sd_model)
    trace["flow"] = int(is_flow)

    def forward(x, sigma, *args, **kwargs):
        trace["evaluations"].append(x.clone())
        trace["levels"].append(float(sigma[0]))
        trace["events"] += "E"
        model.step += 1
        out = predict(x, sigma, alphas if vp else None, is_flow)
        model.last_noise_uncond = out
        for function in kwargs.get("model_options", {}).get("sampler_post_cfg_function", []):  # CFG++ wants the uncond
            function({"denoised": out, "uncond_denoised": out})
        sampler.last_latent = x.clone()
        return out

    callback_state = type(sampler).callback_state.__get__(sampler)

    def watched(d):
        trace["callbacks"].append(d["x"].clone())
        trace["events"] += "C"
        return callback_state(d)

    launch = type(sampler).launch_sampling.__get__(sampler)

    def launched(steps, func):
        with injected(), watched_evaluations(model):
            out = launch(steps, func)
        trace["final"] = out.clone()
        trace["passes"] = trace.get("passes", 0) + 1
        trace["hooks"] = len(model._forward_pre_hooks) + len(model._forward_hooks)
        return out

    if armed.get("denoiser"):
        model.forward = forward
    if armed.get("network") and hasattr(p.sd_model, "forge_objects"):
        replace_network(p.sd_model, is_flow)
    sampler.callback_state = watched
    sampler.launch_sampling = launched


@contextlib.contextmanager
def watched_evaluations(model):
    """Records those of the host's own denoiser, where that is asked for."""

    def seen(model, args, out):
        trace["evaluations"].append(args[0].clone())
        trace["levels"].append(float(args[1].flatten()[0]))

    handle = model.register_forward_hook(seen) if armed.get("watch") else None
    try:
        yield
    finally:
        if handle is not None:
            handle.remove()


def replace_network(sd_model, is_flow):
    unet = sd_model.forge_objects.unet.clone()
    unet.set_model_unet_function_wrapper(lambda apply, a: predict(a["input"], a["timestep"], None, is_flow))
    sd_model.forge_objects.unet = unet


def predicts_flow(sd_model):
    """Whether a state is (1 - sigma) x0 + sigma noise, as Forge and its family say it."""
    unet = getattr(getattr(sd_model, "forge_objects", None), "unet", None)
    return getattr(getattr(getattr(unet, "model", None), "predictor", None), "prediction_type", "") == "const"


def predict(x, sigma, alphas, is_flow=False):
    shape = (-1,) + (1,) * (x.dim() - 1)
    if alphas is None:
        return denoised(x, sigma.view(shape), 1 - sigma.view(shape) if is_flow else 1.0)
    log_abar = alphas.double().log().cpu()
    t = float(sigma[0])
    below = int(t)
    above = min(below + 1, len(log_abar) - 1)
    abar = float(torch.lerp(log_abar[below], log_abar[above], t - below).exp())
    level = torch.tensor(((1 - abar) / abar) ** 0.5)
    return (x - abar**0.5 * denoised(x / abar**0.5, level)) / (1 - abar) ** 0.5


def denoised(x, sigma, signal=1.0):
    """Of x = signal x0 + sigma noise, exact for the priors N(mu, 0.5^2) (gaussian), mu (constant), N(0, 1) (unit)."""
    if armed.get("denoiser") == "unit":
        return signal * x / (signal**2 + sigma**2)
    mu = mean_of(x)
    if armed.get("denoiser") == "constant":
        return mu.expand_as(x).clone()
    return (0.25 * signal * x + sigma**2 * mu) / (0.25 * signal**2 + sigma**2)


def mean_of(x):
    """mu, [1, C, H, W], or [1, C, 1, H, W] of a video."""
    c, h, w = (torch.arange(n, dtype=torch.float32) for n in (x.shape[1], *x.shape[-2:]))
    mu = torch.sin(0.7 * (c + 1)[:, None, None] + 0.31 * h[:, None] + 0.17 * w)[None].to(x)
    return mu if x.dim() == 4 else mu[:, :, None]


class injected:
    """Puts a change of one step's state in place of mixing."""

    def __enter__(self):
        self.change = armed.get("inject")
        if not self.change:  # then a host without itermix can have the probe
            return
        from itermix.mixing.mixer import Mixer

        change = self.change
        self.mixer, self.kept = Mixer, (Mixer.begin, Mixer.weight)
        Mixer.begin = lambda mixer, x, step, sigma: x + change["by"] if step == change["step"] else x
        Mixer.weight = lambda mixer, step, sigma: 1.0 if step == change["step"] else 0.0

    def __exit__(self, *error):
        if self.change:
            self.mixer.begin, self.mixer.weight = self.kept


def add_routes(demo, app):
    @app.post("/itermix-probe/arm")
    def arm(body: dict):
        armed.clear()
        armed.update(body)
        return {}

    @app.get("/itermix-probe/trace")
    def read():
        arrays = {
            name: np.array(value) if isinstance(value, (str, int)) else stacked(value) for name, value in trace.items()
        }
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return {"npz": base64.b64encode(buffer.getvalue()).decode()}


def stacked(value):
    if isinstance(value, torch.Tensor):
        return value.float().cpu().numpy()
    return np.stack([v.cpu().numpy() if isinstance(v, torch.Tensor) else np.array(v) for v in value] or [np.zeros(0)])


script_callbacks.on_app_started(add_routes)
