"""What a long day leaves behind: many small generations with random settings on a real WebUI, one after the other.

`ITERMIX_HOST=<folder of a WebUI> python -m benchmarks.soak --generations 500` prints the host's memory, what of
itermix lives in its process and the time of a generation, for the first and for the last fifty, and their slopes.
The times are wall times: what else the machine does is in them. With --without the same is asked of a host that has
no itermix, three pictures of a batch count for each sequence: what grows there, too, is the host's.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from itermix.mixing.settings import MixingSettings
from itermix.sequence.fields.latents import SEED_MODES
from itermix.sequence.fields.prompts import TRAVELS

WINDOW = 50  # generations at either end
LEAST_DENOISING = 0.5  # with fewer steps left some of the hosts' samplers raise
WARM_UP = 10  # the host's own caches fill: not counted
LOOK_EVERY = 10  # generations; a look through all of the host's objects takes half a second
MEGABYTE = 2**20
SAMPLERS = ("Euler", "DPM++ 2M", "Heun", "LMS", "DDIM")
VARIABLE = "ITERMIX_HOST"
THINGS = ("mixers", "runs", "wrappers", "hooks")  # that must not outlive a generation
LEFT = (*THINGS, "callbacks")

Reading = dict[str, float]
# Fields that are allowed or not by each other, and stay at their defaults.
TOGETHER = ("start", "stop", "start_at", "stop_at", "minimum", "maximum")


def settings(draw: random.Random) -> dict[str, Any]:
    """Random settings of mixing: on three times in four."""
    values: dict[str, Any] = {"enabled": draw.random() < 0.75}
    for field in MixingSettings.fields():
        if field.kind == "choice" and field.name != "reference":
            values[field.name] = draw.choice(field.choices)
        elif field.kind == "number" and field.name not in TOGETHER:
            values[field.name] = draw.uniform(field.minimum, field.maximum)
    return {**values, "hires_denoise": draw.uniform(LEAST_DENOISING, 1.0)}


def plan(draw: random.Random) -> dict[str, Any]:
    """Settings of a sequence of three frames, with what is kept from frame to frame."""
    return {
        "frames": 3, "prompts": "0: a rose\n2: a lake", "travel": draw.choice(TRAVELS),
        "seed_mode": draw.choice(SEED_MODES), "denoise_seq": draw.uniform(LEAST_DENOISING, 1.0),
        "unsample": draw.random() < 0.3, "colour_anchor": draw.random(),
        "video_format": draw.choice(("none", "webp", "mp4")),
    }  # fmt: skip


def generation(draw: random.Random, picture: str) -> tuple[str, dict[str, Any]]:
    """(tab, body) of a small one: one in ten is a Latent Sequence."""
    body: dict[str, Any] = dict(seed=draw.randrange(2**32), sampler_name=draw.choice(SAMPLERS), steps=4)
    if draw.random() < 0.1:
        return "txt2img", dict(body, script_name="latent sequence", script_args=[plan(draw)])
    if draw.random() < 0.4:
        return "img2img", dict(body, init_images=[picture], denoising_strength=draw.uniform(LEAST_DENOISING, 1.0))
    return "txt2img", dict(
        body, enable_hr=True, hr_scale=1.5, hr_upscaler="Latent", denoising_strength=draw.uniform(LEAST_DENOISING, 1.0)
    )


def without_itermix(body: dict[str, Any]) -> dict[str, Any]:
    """The same request for a host that knows no Latent Sequence: as many pictures of the same size."""
    if body.get("script_name") is None:
        return body
    (plan,) = body["script_args"]
    kept = {name: value for name, value in body.items() if name not in ("script_name", "script_args")}
    return {**kept, "n_iter": plan["frames"]}


def soak(host: Any, count: int, seed: int = 0, installed: bool = True) -> list[Reading]:
    """A reading after each generation: resident memory in bytes, what is left of itermix, seconds.

    installed: whether the host has itermix.
    """
    from PIL import Image

    from tools.real_host import as_base64

    draw, readings = random.Random(seed), []
    picture = as_base64(Image.new("RGB", (64, 64), (90, 120, 150)))
    host.arm(network="gaussian")
    for number in range(WARM_UP + count):
        tab, body = generation(draw, picture)
        mixing = settings(draw)
        begun = time.perf_counter()
        made = host.generate(tab, mixing, **body) if installed else host.generate(tab, **without_itermix(body))
        seconds = time.perf_counter() - begun
        if not made.pictures:
            raise RuntimeError(f"generation {number} gave no picture: {made.log}")
        if number < WARM_UP:
            continue
        if (number - WARM_UP) % LOOK_EVERY == 0:
            left = host.get("/itermix-probe/left") if installed else dict.fromkeys(LEFT, 0)
        things = sum(left[name] for name in THINGS)
        memory = host.get("/sdapi/v1/memory")["ram"]["used"]
        readings.append({"memory": memory, "left": things, "callbacks": left["callbacks"], "seconds": seconds})
        print(f"\r{number + 1 - WARM_UP} of {count}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return readings


def slope(values: Sequence[float]) -> float:
    """Of the straight line through the values by least squares, per reading; 0 for fewer than two."""
    middle = (len(values) - 1) / 2.0
    squares = sum((place - middle) ** 2 for place in range(len(values)))
    average = mean(values)
    return sum((place - middle) * (v - average) for place, v in enumerate(values)) / squares if squares else 0.0


def table(readings: list[Reading]) -> str:
    """Medians of the first and the last readings, and the slope over all."""
    window = min(WINDOW, len(readings) // 2) or 1
    heads = (f"first {window}", f"last {window}", "slope per 100")
    lines = [f"| of {len(readings)} generations | {' | '.join(heads)} |", "|---|---|---|---|"]
    rows = (
        ("resident memory, MB", "memory", MEGABYTE), ("left of itermix", "left", 1), ("callbacks", "callbacks", 1),
        ("seconds per generation", "seconds", 1),
    )  # fmt: skip
    for label, name, unit in rows:
        values = [reading[name] / unit for reading in readings]
        numbers = median(values[:window]), median(values[-window:]), 100.0 * slope(values)
        lines.append(f"| {label} | {' | '.join(f'{number:.2f}' for number in numbers)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generations", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without", action="store_true", help="on a host without itermix, to compare with")
    options = parser.parse_args(arguments)
    if VARIABLE not in os.environ:
        parser.error(f"{VARIABLE} is not set; set it to the folder of an installed WebUI (A1111 or Forge)")
    from tools.real_host import PROBE, Host

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        host = Host(Path(os.environ[VARIABLE]).resolve(), Path(folder), extensions=PROBE if options.without else None)
        try:
            print(table(soak(host, options.generations, options.seed, not options.without)))
        finally:
            host.stop()


if __name__ == "__main__":
    main()
