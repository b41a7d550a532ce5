"""Writes the trained parts as a diffusers folder in half precision, with its licences."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import torch
from diffusers import AutoencoderDC, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from tools.small_model.artwork import ALIKE, BACKGROUNDS, SUBJECTS, composition
from tools.small_model.denoiser import SCHEDULE

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderDC"],
    "safety_checker": [None, None],
    "feature_extractor": [None, None],
    "requires_safety_checker": False,
}

GUIDANCE = 3.5
SAMPLER = "Euler a"  # of those that the studio has, its pictures come closest to the real ones
SHOWN = 8  # prompts


def prompts() -> list[str]:
    """Those of the demo: drawn, not chosen; each subject once, on a background that it stands out from."""
    draw = random.Random("demo")
    return [
        composition(draw, subject, draw.choice([name for name in BACKGROUNDS if subject not in ALIKE[name]])).caption()
        for subject in draw.sample(list(SUBJECTS), SHOWN)
    ]


def write(
    folder: Path, vae: AutoencoderDC, text: CLIPTextModel, tokenizer: CLIPTokenizer, unet: UNet2DConditionModel
) -> None:
    scheduler = DDIMScheduler(**SCHEDULE, prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False)
    for name, part in dict(vae=vae, text_encoder=text, unet=unet).items():
        half = copy.deepcopy(part).cpu().half()  # what trains on stays as it is
        if name != "text_encoder":
            half = half.to(memory_format=torch.contiguous_format)
        half.save_pretrained(folder / name, safe_serialization=True)
    scheduler.save_pretrained(folder / "scheduler")
    tokenizer.save_pretrained(folder / "tokenizer")
    (folder / "model_index.json").write_text(json.dumps(INDEX, indent=2) + "\n", encoding="utf-8")
    about = {
        "guidance": GUIDANCE,
        "sampler": SAMPLER,
        "prompts": prompts(),
        "subjects": list(SUBJECTS),
        "backgrounds": list(BACKGROUNDS),
    }
    (folder / "studio.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
