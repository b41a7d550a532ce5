"""Everything on a WebUI that decides about a frame, beside the plan: a sequence is resumed where it is the same."""

from __future__ import annotations

import hashlib
from typing import Any

from PIL import Image

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings
from itermix.webui.compat import options as host_options

ATTRIBUTES = (  # of the processing object
    "sd_model_hash", "sd_model_name", "sd_vae_name", "sd_vae_hash", "sampler_name", "scheduler", "steps", "cfg_scale",
    "distilled_cfg_scale", "image_cfg_scale", "width", "height", "batch_size", "eta", "s_churn", "s_tmin", "s_tmax",
    "s_noise", "s_min_uncond", "tiling", "styles", "subseed", "subseed_strength", "seed_resize_from_h",
    "seed_resize_from_w", "initial_noise_multiplier", "token_merging_ratio", "token_merging_ratio_hr", "enable_hr",
    "hr_scale", "hr_upscaler", "hr_second_pass_steps", "hr_resize_x", "hr_resize_y", "hr_sampler_name", "hr_scheduler",
    "hr_checkpoint_name", "hr_prompt", "hr_negative_prompt", "hr_cfg", "denoising_strength", "resize_mode",
    "inpainting_fill", "inpaint_full_res", "inpaint_full_res_padding", "mask_blur_x", "mask_blur_y", "clip_skip",
    "disable_extra_networks",
)  # fmt: skip
OPTIONS = (  # of the host's settings, with those that a host writes into its infotext
    "sd_model_checkpoint", "sd_vae", "randn_source", "CLIP_stop_at_last_layers", "eta_ddim", "eta_ancestral",
    "eta_noise_seed_delta", "ddim_discretize", "s_churn", "s_tmin", "s_tmax", "s_noise", "s_min_uncond", "k_sched_type",
    "sigma_min", "sigma_max", "rho", "beta_dist_alpha", "beta_dist_beta", "sgm_noise_multiplier",
    "always_discard_next_to_last_sigma", "sd_noise_schedule", "skip_early_cond", "pad_cond_uncond", "uni_pc_variant",
    "uni_pc_skip_type", "uni_pc_order", "uni_pc_lower_order_final", "img2img_extra_noise", "initial_noise_multiplier",
    "inpainting_mask_weight", "emphasis", "use_old_scheduling", "comma_padding_backtrack", "sdxl_crop_top",
    "sdxl_crop_left", "token_merging_ratio", "token_merging_ratio_img2img", "token_merging_ratio_hr", "tiling",
    "sd_vae_encode_method", "sd_vae_decode_method", "img2img_background_color", "fp8_storage", "upcast_attn",
    "img2img_fix_steps", "img2img_color_correction", "s_min_uncond_all", "pad_cond_uncond_v0",
    "use_downcasted_alpha_bar", "use_old_emphasis_implementation", "use_old_karras_scheduler_sigmas",
    "no_dpmpp_sde_batch_determinism", "dont_fix_second_order_samplers_schedule", "lora_functional",
)  # fmt: skip
PASSING = (SequenceSettings.infotext_key, "Script")  # of the parameters: what is in the plan


def identity(p: Any, prompts: Any) -> str:
    """A text that is the same for equal frames; of a p of which no frame is made yet. prompts: as they are sampled."""
    attributes = {name: getattr(p, name, None) for name in ATTRIBUTES}
    if not p.subseed_strength:
        attributes["subseed"] = None  # drawn again for each request, and not used
    for name in ("hr_prompt", "hr_negative_prompt"):
        attributes[name] = str(attributes[name])
    params = {
        name: value
        for name, value in p.extra_generation_params.items()  # other extensions' own settings among them
        if name not in PASSING and isinstance(value, (str, int, float))
    }
    options = {name: host_options.value(name) for name in sorted({*OPTIONS, *host_options.in_infotext()})}
    return repr((attributes, options, sorted(params.items()), prompts, _mixing(p), _begins_with(p)))


def _begins_with(p: Any) -> list[Any]:
    """img2img's pictures and mask, whose latents are not the same twice."""
    pictures = [*(getattr(p, "init_images", None) or ()), getattr(p, "image_mask", None)]
    return [_short(picture) for picture in pictures]


def _mixing(p: Any) -> list[Any]:
    """What Iterative Mixing was given, pictures by their checksum; nothing where it is off."""
    if MixingSettings.infotext_key not in p.extra_generation_params:
        return []
    script = next((script for script in p.scripts.alwayson_scripts if script.title() == MixingSettings.title), None)
    return [] if script is None else [_short(value) for value in p.script_args[script.args_from : script.args_to]]


def _short(value: Any) -> Any:
    if isinstance(value, Image.Image):
        palette = repr(value.getpalette()).encode()  # None without one
        return value.mode, value.size, hashlib.sha256(value.tobytes() + palette).hexdigest()
    if isinstance(value, dict):
        return {name: _short(part) for name, part in value.items()}
    return hashlib.sha256(value.encode(errors="replace")).hexdigest() if isinstance(value, str) else value
