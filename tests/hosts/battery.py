"""The same generations every time, and one hash for each: to show that a WebUI with itermix is one without it.

The first request puts the host's global random numbers at a known place; some of the others draw from them.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tests.hosts import plots
from tools.real_host import Generation, Host, as_base64

SAMPLERS = ("Euler a", "DPM++ 2M", "DPM++ SDE", "Heun", "DDIM", "UniPC", "LMS", "Restart")
HIRES = dict(enable_hr=True, hr_scale=2, hr_upscaler="Latent", hr_second_pass_steps=3, denoising_strength=0.6)


def requests() -> list[tuple[str, str, dict[str, Any]]]:
    """(name, tab, body) of each, at least 20."""
    y, x = np.mgrid[:64, :64]
    picture = as_base64(Image.fromarray(np.stack([4 * x, 4 * y, 2 * (x + y)], -1).clip(0, 255).astype("uint8")))
    hole = Image.new("L", (64, 64))
    ImageDraw.Draw(hole).rectangle((16, 16, 47, 47), fill=255)
    mask = as_base64(hole)
    image = dict(init_images=[picture], denoising_strength=0.7)
    return [
        ("plain", "txt2img", {}),
        ("prompt", "txt2img", dict(prompt="a (red:1.3) house [tree:flower:0.5] AND a lake", negative_prompt="grey")),
        ("sizes", "txt2img", dict(width=128, height=64)),
        ("batch size", "txt2img", dict(batch_size=2)),
        ("batch count", "txt2img", dict(n_iter=2)),
        ("variation", "txt2img", dict(subseed=5, subseed_strength=0.4)),
        *((sampler, "txt2img", dict(sampler_name=sampler)) for sampler in SAMPLERS),
        ("exponential", "txt2img", dict(sampler_name="DPM++ 2M", scheduler="Exponential")),
        ("hires", "txt2img", HIRES),
        ("hires, a picture enlarged", "txt2img", {**HIRES, "hr_upscaler": "Lanczos", "sampler_name": "DPM++ 2M"}),
        ("hires, batch", "txt2img", {**HIRES, "batch_size": 2}),
        ("img2img", "img2img", image),
        ("img2img, batch", "img2img", {**image, "batch_size": 2, "n_iter": 2}),
        ("img2img, latent resize", "img2img", {**image, "resize_mode": 3, "width": 128, "height": 128}),
        ("inpaint", "img2img", {**image, "mask": mask, "inpainting_fill": 1, "mask_blur": 0}),
        ("inpaint, area", "img2img", {**image, "mask": mask, "inpainting_fill": 0, "inpaint_full_res": True}),
        ("X/Y/Z", "txt2img", dict(plot=("CFG Scale", "3, 7"))),
    ]


def hashes(host: Host) -> dict[str, str]:
    """The battery's pictures, by the request's name."""
    host.generate(steps=2)
    return {name: hash_of(run(host, tab, body)) for name, tab, body in requests()}


def run(host: Host, tab: str, body: dict[str, Any]) -> Generation:
    if "plot" in body:
        return plots.plot(host, body["plot"])
    return host.generate(tab, **body)


def hash_of(generation: Generation) -> str:
    found = hashlib.sha256()
    for picture in generation.pictures:
        found.update(repr(picture.shape).encode())
        found.update(picture.tobytes())
    return found.hexdigest()[:16]
