"""A WebUI extension for tests alone: records the latent of every batch as the host is about to decode it.

POST /itermix-probe/record {"closed": true}: forgets what was recorded; with "closed" every evaluation of the sampler's
                           model, whoever runs it, is the closed form of the prior N(mu, 0.5^2); {} gives it back
GET  /itermix-probe/latents -> npz as base64: "latents" [N, B, C, H, W]
"""

import base64
import io

import numpy as np
import torch
from modules import script_callbacks, scripts
from modules.sd_samplers_cfg_denoiser import CFGDenoiser

recorded = {}


class Latents(scripts.Script):
    def title(self):
        return "itermix latents"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return []

    def post_sample(self, p, result, *args):
        if "latents" in recorded and isinstance(result.samples, torch.Tensor):
            recorded["latents"].append(result.samples.float().cpu().numpy().copy())


def closed(denoiser, x, sigma, *args, **kwargs):
    denoiser.step += 1
    c, h, w = (torch.arange(n, dtype=torch.float32) for n in x.shape[-3:])
    mu = torch.sin(0.7 * (c + 1)[:, None, None] + 0.31 * h[:, None] + 0.17 * w)[None].to(x)
    level = sigma.view(-1, 1, 1, 1) ** 2
    return (0.25 * x + level * mu) / (0.25 + level)


def add_routes(demo, app):
    @app.post("/itermix-probe/record")
    def record(body: dict):
        if "forward" in recorded:
            CFGDenoiser.forward = recorded["forward"]
        recorded.clear()
        if body:
            recorded["latents"] = []
        if body.get("closed"):
            recorded["forward"] = CFGDenoiser.forward
            CFGDenoiser.forward = closed
        return {}

    @app.get("/itermix-probe/latents")
    def read():
        buffer = io.BytesIO()
        np.savez(buffer, latents=np.stack(recorded["latents"]))
        return {"npz": base64.b64encode(buffer.getvalue()).decode()}


script_callbacks.on_app_started(add_routes)
