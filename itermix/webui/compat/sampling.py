"""The host's samplers: their noise convention, their noise, their schedules."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from modules import rng, sd_models, sd_samplers, sd_samplers_common, shared
from torch import Tensor

from itermix.mixing.noising import VE, VP, Flow, Noising
from itermix.webui.compat.latents import is_video
from itermix.webui.compat.processing import is_img2img

CHANGES = "itermix_changes"  # on our wrapper of a sampler object's method


def noising_of(sampler_function: Any, model: torch.nn.Module) -> Noising:
    """The noise convention in which a sampler function runs this model."""
    if sampler_function.__name__ in ("ddim", "ddim_cfgpp", "plms", "unipc"):
        return vp_of(model)
    return Flow() if is_flow_model() else VE()


def vp_of(model: torch.nn.Module) -> VP:
    """The noise convention of samplers by timestep, of the model that the host hands their functions."""
    return VP(model.inner_model.inner_model.alphas_cumprod)


def is_flow_model() -> bool:
    """Whether the model's noisy latents are (1 - sigma) x0 + sigma noise."""
    forge_objects = getattr(shared.sd_model, "forge_objects", None)
    if forge_objects is not None:  # Forge and its family
        model = forge_objects.unet.model
        if hasattr(model, "model_sampling"):  # reForge and Classic: of a class that is made of two
            return any(part.__name__ == "CONST" for part in type(model.model_sampling).__mro__)
        return getattr(getattr(model, "predictor", None), "prediction_type", None) == "const"
    return hasattr(shared.sd_model, "add_noise_to_latent")  # A1111: SD3


def is_by_timestep(sampler: Any) -> bool:
    """Whether a sampler object hands its function timesteps (DDIM, PLMS, UniPC), and not sigmas."""
    return hasattr(sampler, "get_timesteps")


def create_sampler(name: str, model: Any) -> Any:
    """A new sampler object: sampler and schedule by their name, `func` the sampler function."""
    return sd_samplers.create_sampler(name, model)


def after_img2img(sampler: Any, name: str, change: Callable[[Tensor], Tensor]) -> None:
    """What a sampler object's pass from a clean latent gives becomes what `change` makes of it.

    Several changes act in the order in which they came; one that comes again by its name, as Forge prepares a hires
    pass twice, takes the place of the one before.
    """
    sample = sampler.sample_img2img
    changes = getattr(sample, CHANGES, None)
    if changes is None:
        changes = {}

        def changed(*args: Any, **kwargs: Any) -> Tensor:
            result = sample(*args, **kwargs)
            for each in changes.values():
                result = each(result)
            return result

        setattr(changed, CHANGES, changes)
        sampler.sample_img2img = changed
    changes[name] = change


def noise_of(p: Any, like: Tensor) -> tuple[Any, Tensor]:
    """The host's noise for a pass from a latent like this: of its seeds, variation seeds and "resize seed from" size.

    Returns the source, from which samplers draw more, and its first draw, times img2img's noise multiplier.
    """
    source = rng.ImageRNG(
        tuple(like.shape[1:]), p.seeds, subseeds=p.subseeds, subseed_strength=p.subseed_strength,
        seed_resize_from_h=p.seed_resize_from_h, seed_resize_from_w=p.seed_resize_from_w,
    )  # fmt: skip
    noise = source.next().to(like)
    if is_video(like):  # its frames the host counts as a batch of pictures
        noise = noise[: len(like)]
    multiplier = p.initial_noise_multiplier if is_img2img(p) else 1.0
    if multiplier != 1.0:
        p.extra_generation_params["Noise multiplier"] = multiplier
        noise = noise * multiplier
    return source, noise


def scripts_noise(p: Any, noise: Tensor) -> Tensor:
    """The noise of the pass that is about to start: of Forge's scripts one may have put its own in its place."""
    other = getattr(p, "modified_noise", None)
    if other is None:
        return noise
    p.modified_noise = None
    return other


def count_from(model: torch.nn.Module, evaluations: int | None) -> None:
    """Sets the host's count of a pass's evaluations, by which prompts change in the middle of it."""
    if evaluations is not None:
        model.step = evaluations


def device() -> torch.device:
    """Where the host samples."""
    return torch.device(shared.device)


def noise_of_seeds(seeds: tuple[int, ...], like: Tensor) -> Tensor:
    """Unit Gaussian noise of the shape, dtype and device of `like`, [B, C, H, W]; of each image by its seed alone.

    A film has more seeds than latents: the first counts.
    """
    return rng.ImageRNG(tuple(like.shape[1:]), list(seeds[: len(like)])).next().to(like)


def loaded_model() -> Any | None:
    """The model that is loaded; None before one is. `shared.sd_model` would load one."""
    model = sd_models.model_data.sd_model
    return model if hasattr(model, "first_stage_model") or hasattr(model, "forge_objects") else None


def is_to_be_replaced(model: Any, checkpoint: str = "") -> bool:
    """Whether another checkpoint is chosen than that of the loaded model, in the host or by this name. Forge and its
    family load it when pictures are made, and no sooner."""
    chosen = (getattr(sd_models.model_data, "forge_loading_parameters", None) or {}).get("checkpoint_info")
    named = sd_models.get_closet_checkpoint_match(checkpoint) if checkpoint else None
    own = getattr(model, "sd_checkpoint_info", None)
    return own is not None and any(one is not None and one.filename != own.filename for one in (chosen, named))


def shift(sampler: Any, value: float) -> None:
    """Gives a sampler object that is to be asked for its levels the shift of a flow model's schedule.

    Forge Neo sets it on its model when a pass begins, for models whose slider it is; here a copy gets it, as the model
    may be sampling just now.
    """
    model = getattr(getattr(sampler, "model_wrap", None), "inner_model", None)
    if not getattr(model, "use_shift", False):
        return
    predictor = copy.deepcopy(model.forge_objects.unet.model.predictor)
    predictor.set_parameters(shift=value)
    unet = SimpleNamespace(model=SimpleNamespace(predictor=predictor))
    linked = type(sampler.model_wrap)(predictor)
    # Past torch.nn.Module's own attributes, which take modules: some schedules look for the predictor this way.
    object.__setattr__(linked, "inner_model", SimpleNamespace(forge_objects=SimpleNamespace(unet=unet)))
    sampler.model_wrap = linked


def arguments(
    sampler: Any, scheduler: str, steps: int, strength: float | None, is_hires: bool, size: tuple[int, int] = (0, 0)
) -> dict[str, Any]:
    """What the host would call the sampler's function with, as far as it says where the steps are.

    Nothing is sampled. strength: the denoising strength of img2img or a hires pass; None for a first pass. size:
    (width, height) of the pass in pixels, by which Flux.2's schedule goes.
    """
    width, height = size
    p = SimpleNamespace(  # as far as a sampler looks at it for its levels
        steps=steps, denoising_strength=strength, is_hr_pass=is_hires, scheduler=scheduler, hr_scheduler=scheduler,
        sampler_noise_scheduler_override=None, extra_generation_params={}, sd_model=loaded_model(),
        width=width, height=height, hr_upscale_to_x=width, hr_upscale_to_y=height,
    )  # fmt: skip
    total, left = steps, None
    if strength is not None:
        total, encoded = sd_samplers_common.setup_img2img_steps(p, steps if is_hires else None)
        left = encoded + 1
    if is_by_timestep(sampler):
        timesteps = sampler.get_timesteps(p, total)
        return {"timesteps": timesteps if left is None else timesteps[: left - 1]}
    sigmas = sampler.get_sigmas(p, total)
    sigmas = sigmas if left is None else sigmas[total - left :]
    if "sigmas" in inspect.signature(sampler.func).parameters:
        return {"sigmas": sigmas}
    if strength is None:  # these get the whole range of the model
        trained = sampler.model_wrap.sigmas
        return {"n": steps, "sigma_min": trained[0], "sigma_max": trained[-1]}
    return {"n": len(sigmas) - 1, "sigma_min": sigmas[-2], "sigma_max": sigmas[0]}


def unipc_timesteps(sampler: Any, timesteps: Tensor, is_first_pass: bool) -> list[float]:
    """The timesteps that UniPC evaluates the model at: it takes count and range of its argument and goes its own way.

    By the host's own code and options, as `unipc` in modules/sd_samplers_timesteps_impl.py calls it.
    """
    from modules.sd_samplers_timesteps_impl import uni_pc  # Classic has it elsewhere

    abar = sampler.model_wrap_cfg.inner_model.inner_model.alphas_cumprod.cpu()
    schedule = uni_pc.NoiseScheduleVP("discrete", alphas_cumprod=abar)
    last, count = 1.0 / schedule.total_N, len(timesteps)
    first = schedule.T if is_first_pass else (float(timesteps[-1]) + 1.0) / 1000.0
    times = uni_pc.UniPC(None, schedule).get_time_steps(shared.opts.uni_pc_skip_type, first, last, count, "cpu")
    return [(float(time) - last) * 1000.0 for time in times.flatten()[:count]]
