"""Records runs of the samplers of ComfyUI-Iterative-Mixer: rewind, masks, Perlin noise, normalize on mean.

`python -m tools.record_node_pack PACK`, with PACK a checkout of the pack, writes tests/oracle/node_pack_modes.npz. The
pack's code runs as it is. Of ComfyUI it uses a few names, which are stood in for here; the first run is one that was
also recorded under ComfyUI itself (iterative_mixing_euler.npz), and has to give the same numbers.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tools.shrink_oracle import OUT, stored_once

README = (
    "ttulttul/ComfyUI-Iterative-Mixer, samplers of the pack called as by IterativeMixingSamplerNode on the CPU in "
    "float64; denoiser as in README.md; x0 = mu + 0.5 randn; sigmas = Karras, 10 steps. Every randn_like of a run "
    "is drawn in float32 from seed 42 and cast to float64: RUN_draws, in order (equal ones are stored once), those "
    "of a whole trajectory z' first, then, in lcm, one for each step but the last; with rewind the same again for "
    "each range. RUN_final: the result. Defaults: cosine, addition, alpha_1 2.4, rewind_min 0.5, rewind_max 0.8, "
    "perlin_strength 0.75, perlin_scale 3. mask: 1 where painted. perlin: [step, H, W, 1] of the euler_perlin runs."
    " field_N: of perlin_masks(1, 24, 18, seed=N, scale), field_N_permutation: its table. ranges: rows of (steps, "
    "rewind_min, rewind_max, start of each range after the first, padded by -1)."
)
SIZE, STEPS, SEED = (1, 4, 6, 6), 10, 42
FIELDS = {1: 10.0, 2: 2.5}  # seed: scale
ALPHA = 2.4


class Inpaint:
    """ComfyUI's KSamplerX0Inpaint, as far as the pack uses it."""

    def __init__(self, model: Callable, sigmas: Tensor):
        self.inner_model, self.sigmas = model, sigmas

    def __call__(self, x: Tensor, sigma: Tensor, denoise_mask: Tensor | None, model_options: dict, seed: int) -> Tensor:
        if denoise_mask is None:
            return self.inner_model(x, sigma)
        kept = (self.latent_image + sigma.reshape(-1, 1, 1, 1) * self.noise) * (1.0 - denoise_mask)
        out = self.inner_model(x * denoise_mask + kept, sigma)
        return out * denoise_mask + self.latent_image * (1.0 - denoise_mask)


def load(pack: Path) -> tuple[Any, Any]:
    """The pack's modules `samplers` and `utils.noise`."""
    own = ("sample", "samplers", "utils", "k_diffusion", "k_diffusion.sampling", "model_management")
    names = ("comfy", *(f"comfy.{name}" for name in own))
    modules = {name: types.ModuleType(name) for name in names}
    sys.modules |= modules
    for name, module in modules.items():
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(modules[parent], own, module)
    modules["comfy.samplers"].KSamplerX0Inpaint = Inpaint
    sampling = modules["comfy.k_diffusion.sampling"]
    sampling.to_d = lambda x, sigma, denoised: (x - denoised) / sigma
    sampling.default_noise_sampler = lambda x: lambda sigma, sigma_next: torch.randn_like(x)
    package = types.ModuleType("recorded_pack")
    package.__path__ = [str(pack)]
    sys.modules["recorded_pack"] = package
    return tuple(importlib.import_module(f"recorded_pack.{name}") for name in ("samplers", "utils.noise"))


def mean_of(shape: tuple[int, ...]) -> Tensor:
    """mu of the prior."""
    _, c, h, w = (torch.arange(side, dtype=torch.float64) for side in shape)
    return torch.sin(0.7 * (c[:, None, None] + 1) + 0.31 * h[:, None] + 0.17 * w)[None]


def denoiser(mu: Tensor, s: float = 0.5) -> Callable[[Tensor, Tensor], Tensor]:
    def denoised(x: Tensor, sigma: Tensor) -> Tensor:
        level = sigma.reshape(-1, 1, 1, 1)
        return (s**2 * x + level**2 * mu) / (s**2 + level**2)

    return denoised


def karras(steps: int) -> Tensor:
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    low, high = 0.0292 ** (1 / 7), 14.6146 ** (1 / 7)
    return torch.cat([(high + ramp * (low - high)) ** 7, torch.zeros(1, dtype=torch.float64)])


def run(
    samplers: Any, name: str, x0: Tensor, mu: Tensor, sigmas: Tensor, draw: Callable, mask: Tensor | None, **more: Any
) -> Tensor:
    """One call of the pack's sampler; `draw` takes the place of torch.randn_like meanwhile."""
    model = Inpaint(denoiser(mu), sigmas)
    model.latent_image, model.noise = x0, torch.zeros_like(x0)
    extra = {"denoise_mask": mask, "model_options": {}, "seed": 0}
    settings = dict(blending_schedule="cosine", blending_function="addition", alpha_1=ALPHA, clamp_blending_at_pct=1.0,
                    start_blending_at_pct=0.0, stop_blending_at_pct=1.0, rewind_min=0.5, rewind_max=0.8)  # fmt: skip
    original, torch.randn_like = torch.randn_like, draw
    try:
        return samplers.SAMPLERS_MAP[name]()(model, x0.clone(), sigmas, extra, disable=True, **(settings | more))
    finally:
        torch.randn_like = original


def check(samplers: Any) -> None:
    """Raises where the numbers are not those that were recorded under ComfyUI, but for the last digit of the pack's
    float32 weights, which each processor rounds in its own way."""
    with np.load(OUT / "iterative_mixing_euler.npz") as file:
        recorded = {name: torch.from_numpy(file[name]) for name in ("x0", "mu", "sigmas", "cosine_addition_a2.4_final")}
    torch.manual_seed(SEED)
    x0, mu, sigmas = (recorded[name] for name in ("x0", "mu", "sigmas"))
    made = run(samplers, "euler", x0, mu, sigmas, torch.randn_like, None)
    torch.testing.assert_close(made, recorded["cosine_addition_a2.4_final"], rtol=0, atol=1e-8)


class Draws:
    """torch.randn_like, seeded, in float32's values, and what it gave."""

    def __init__(self) -> None:
        self.generator, self.drawn = torch.Generator().manual_seed(SEED), []

    def __call__(self, like: Tensor) -> Tensor:
        drawn = torch.randn(like.shape, generator=self.generator)
        self.drawn.append(drawn.reshape(-1, *SIZE[1:]))
        return drawn.to(like.dtype)


def modes(samplers: Any, noise: Any) -> dict[str, Tensor]:
    mu, sigmas = mean_of(SIZE), karras(STEPS)
    x0 = mu + 0.5 * torch.randn(SIZE, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    mask = torch.zeros(SIZE, dtype=torch.float64)
    mask[..., 1:4, 2:] = 1.0
    found = {"x0": x0, "mu": mu, "sigmas": sigmas, "mask": mask[:, :1]}
    runs = {f"{name}_rewind": (name, None, {"rewind": True}) for name in ("euler", "dpmpp_2m", "lcm")}
    runs |= {"euler_plain": ("euler", None, {}), "euler_normalized": ("euler", None, {"normalize_on_mean": True})}
    runs |= {"euler_rewind_normalized": ("euler", None, {"rewind": True, "normalize_on_mean": True})}
    runs |= {"euler_range": ("euler", None, {"blend_min": 0.7, "blend_max": 0.2})}
    runs |= {"euler_stop": ("euler", None, {"stop_blending_at_pct": 1.5})}
    runs |= {"euler_mask": ("euler", mask, {}), "dpmpp_2m_mask": ("dpmpp_2m", mask, {})}
    runs |= {"euler_mask_rewind": ("euler", mask, {"rewind": True})}
    for mode in ("masks", "latents", "matched_noise"):
        runs[f"perlin_{mode}"] = ("euler_perlin", None, {"perlin_mode": mode, "perlin_scale": 3.0})
        runs[f"perlin_{mode}_0"] = (
            "euler_perlin", None, {"perlin_mode": mode, "perlin_scale": 3.0, "perlin_strength": 0.0}
        )  # fmt: skip
    for name, (sampler, painted, more) in runs.items():
        draws = Draws()
        found[f"{name}_final"] = run(samplers, sampler, x0, mu, sigmas, draws, painted, **more)
        found[f"{name}_draws"] = torch.cat(draws.drawn)
    found["perlin"] = noise.perlin_masks(STEPS, *SIZE[2:], device="cpu", seed=0, scale=3.0)
    return found


def fields(noise: Any) -> dict[str, Tensor]:
    width, height = 24, 18
    found = {}
    for seed, scale in FIELDS.items():
        found[f"field_{seed}"] = noise.perlin_masks(1, width, height, device="cpu", seed=seed, scale=scale)[0, :, :, 0]
        torch.manual_seed(seed)
        found[f"field_{seed}_permutation"] = torch.randperm(max(width, height) ** 2, dtype=torch.int32)
    return found


def ranges(geometric_ranges: Callable) -> Tensor:
    rows = []
    for steps in (1, 5, 10, 20, 37):
        for low in (0.1, 0.3, 0.5, 0.75, 0.99):
            for high in (0.3, 0.5, 0.8, 0.99):
                starts = [start for start, _ in geometric_ranges(0, steps, low, max_start=int(steps * high))][1:]
                rows.append([steps, low, high, *starts])
    longest = max(map(len, rows))
    return torch.tensor([row + [-1] * (longest - len(row)) for row in rows], dtype=torch.float64)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools.record_node_pack", description=__doc__)
    parser.add_argument("pack", type=Path, help="a checkout of ComfyUI-Iterative-Mixer")
    samplers, noise = load(parser.parse_args().pack)
    check(samplers)
    found = {**modes(samplers, noise), **fields(noise), "ranges": ranges(samplers.geometric_ranges)}
    arrays = stored_once({name: tensor.numpy() for name, tensor in found.items()})
    np.savez_compressed(OUT / "node_pack_modes.npz", README=np.array(README), **arrays)


if __name__ == "__main__":
    main()
