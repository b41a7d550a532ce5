"""What mixing adds to a sampling step, in time and memory, beside the model's own evaluation.

`python -m benchmarks.overhead` prints, for pictures of 512, 1024 and 2048 pixels, the time that one mixed step
takes, the most memory that mixing holds (in half precision, too), and the time of one evaluation of a network of
SD1.5's size (`unet`) with classifier-free guidance, all on the CPU, in float32 where nothing else is said. Times are
CPU time of one thread, so that other programs on the machine do not make mixing look cheaper beside a slow model.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.memory import peak_bytes
from benchmarks.solvers import karras
from benchmarks.unet import LATENT_CHANNELS, PARAMETERS, TEXT_TOKENS, TEXT_WIDTH, UNet, count_parameters
from itermix.mixing import blend, noising
from itermix.mixing.mixer import Mixer
from itermix.mixing.reference import FreshNoise
from itermix.mixing.settings import BLENDS, NOISES, MixingSettings

PIXELS = (512, 1024, 2048)
PIXELS_PER_LATENT = 8
SCALE = 2.0  # of the reference
STEPS = 20
REPEATS = 100  # mixed steps whose median is taken
GUIDANCE_BATCH = 2  # with and without the prompt
MODEL_REPEATS = 3
SLOW = 20.0  # seconds; beside them what only the first evaluation does is nothing

Row = dict[str, Any]


class Run:
    """Tensors that a host holds anyway, and a sampling run over them without its model: only the mixing is done."""

    def __init__(
        self, size: tuple[int, int], settings: MixingSettings, steps: int = STEPS, dtype: torch.dtype = torch.float32
    ):
        generator = torch.Generator().manual_seed(0)
        shape = (1, LATENT_CHANNELS, *size)
        self.x, self.reference, self.noise = (torch.randn(shape, generator=generator).to(dtype) for _ in range(3))
        self.settings, self.levels = settings, karras(steps)[:-1].tolist()

    def mixer(self) -> Mixer:
        fresh = self.settings.noise == "fresh per step"
        noise = FreshNoise([0], self.x) if fresh else self.noise
        return Mixer(self.settings, self.reference, noise, len(self.levels), scale=(SCALE, SCALE))

    def mix_all(self) -> None:
        """A mixer's whole life: made, every step mixed into the state, dropped."""
        mixer = self.mixer()
        for step, sigma in enumerate(self.levels):
            self.x.copy_(mixer.begin(self.x, step, sigma))


def added_seconds(size: tuple[int, int], settings: MixingSettings, repeats: int = REPEATS) -> float:
    """Median time of mixing one step into a latent of a size (height, width), once its run is under way."""
    run = Run(size, settings)
    run.mix_all()
    mixer, times = run.mixer(), []
    for step, sigma in islice(cycle(enumerate(run.levels)), repeats):
        start = time.process_time()
        run.x.copy_(mixer.begin(run.x, step, sigma))
        times.append(time.process_time() - start)
    return median(times)


def added_latents(
    size: tuple[int, int], settings: MixingSettings, steps: int = STEPS, dtype: torch.dtype = torch.float32
) -> float:
    """The most that mixing holds at once during a run, in latents of the state's own dtype; nothing is kept before."""
    run = Run(size, settings, steps, dtype)
    for module in (blend, noising):
        for thing in vars(module).values():
            if hasattr(thing, "cache_clear"):
                thing.cache_clear()
    return peak_bytes(run.mix_all) / (run.x.numel() * run.x.element_size())


def make_network() -> UNet:
    """SD1.5's UNet in size, random in what it says. Takes 3.4 GB."""
    network = UNet().eval().requires_grad_(False)
    count = count_parameters(network)
    assert abs(count / PARAMETERS - 1.0) < 0.01, f"{count} parameters are not SD1.5's {PARAMETERS}"
    return network


def model_seconds(network: UNet, size: tuple[int, int]) -> float:
    """Time of one evaluation with guidance: the median of some after the first, or the first where it is slow."""
    x = torch.randn(GUIDANCE_BATCH, LATENT_CHANNELS, *size)
    timestep, text = torch.full((GUIDANCE_BATCH,), 500.0), torch.randn(GUIDANCE_BATCH, TEXT_TOKENS, TEXT_WIDTH)
    times: list[float] = []
    while len(times) <= MODEL_REPEATS and not (times and times[0] > SLOW):
        start = time.process_time()
        with torch.inference_mode():
            network(x, timestep, text)
        times.append(time.process_time() - start)
    return median(times[1:] or times)


def measure(model_pixels: tuple[int, ...]) -> list[Row]:
    """One row per size, noise source and blend; model_seconds is None where model_pixels leaves the size out."""
    network = make_network() if model_pixels else None
    rows = []
    for pixels in PIXELS:
        size = (pixels // PIXELS_PER_LATENT,) * 2
        evaluation = model_seconds(network, size) if pixels in model_pixels else None
        for noise in NOISES:
            for name in BLENDS:
                settings = MixingSettings(blend=name, noise=noise)
                seconds, latents = added_seconds(size, settings), added_latents(size, settings)
                half = added_latents(size, settings, dtype=torch.float16)
                row = {"pixels": pixels, "noise": noise, "blend": name, "seconds": seconds}
                row |= {"latents": latents, "half_latents": half}
                rows.append({**row, "model_seconds": evaluation})
    return rows


def table(rows: list[Row]) -> str:
    line = "{:>6}  {:<14}  {:<9}  {:>11}  {:>12}  {:>7}  {:>13}  {:>13}".format
    head = ("pixels", "noise", "blend", "ms per step", "peak latents", "in half", "model step, s", "mixing adds")
    lines = [line(*head)]
    for row in rows:
        model, share = "not measured", ""
        if row["model_seconds"] is not None:
            model, share = f"{row['model_seconds']:.2f}", f"{row['seconds'] / row['model_seconds']:.4%}"
        latents, half = (f"{row[name]:.2f}" for name in ("latents", "half_latents"))
        milliseconds = f"{1000 * row['seconds']:.2f}"
        lines.append(line(row["pixels"], row["noise"], row["blend"], milliseconds, latents, half, model, share))
    return "\n".join(text.rstrip() for text in lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write one object per size, noise and blend")
    parser.add_argument(
        "--model", type=int, nargs="*", choices=PIXELS, default=PIXELS[:2], metavar="PIXELS",
        help="sizes at which the network is run (default 512 1024; 2048 takes many minutes)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = measure(tuple(options.model))
    print(f"CPU seconds of one thread, float32; a model step is one evaluation of a batch of {GUIDANCE_BATCH}")
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
