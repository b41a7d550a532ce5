"""A WebUI extension for tests alone: lets Forge and its family load the checkpoints of tools/checkpoints.

A model without a text encoder gets a stand-in, which makes numbers of a prompt's letters; the widths of an autoencoder,
the layers of a CLIP and what else the host knows by its models' full size are taken from the file. Other models are
loaded as without this file.
"""

import contextlib
import functools
import importlib
import re
import sys
import zlib

import torch

TOKENS, TEXT = 16, 4096
CLIP_WIDTHS = {"clip_l": 768, "clip_g": 1280}
ENGINES = (
    "sdxl", "flux", "flux2", "chroma", "lumina", "zimage", "qwen", "wan", "pid", "anima", "ernie", "krea"
)  # fmt: skip
HEAD = 128  # numbers of an attention head, in most of them
LEVELS = (1, 2, 4, 4)


class TextEncoder(torch.nn.Module):  # in the place of one, which the checkpoint does not have
    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1), requires_grad=False)


class TextEngine:
    """In the place of what turns prompts into conditionings."""

    def __init__(self, width, return_pooled):
        self.width, self.return_pooled = width, return_pooled

    def tokenize(self, texts):
        return [[0] * len(text.split()) for text in texts]

    def process_texts(self, texts):
        return [], max(len(tokens) for tokens in self.tokenize(texts))

    def get_target_prompt_token_count(self, count):
        return max(count, TOKENS)

    def __call__(self, texts, images=()):
        texts = [
            " ".join([text, *(f"{float(image.mean()):.3f}" for image in images)]) for text in texts
        ]  # to be edited
        numbers = torch.stack([self.of(text, TOKENS, self.width) for text in texts])
        if not self.return_pooled:
            return numbers
        return numbers, torch.stack([self.of(text, self.width) for text in texts])

    def of(self, text, *shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(text.encode())))


def with_stand_in(engine):
    @functools.wraps(engine)
    def made(*args, **kwargs):
        if isinstance(kwargs.get("text_encoder"), TextEncoder):
            width = CLIP_WIDTHS.get(kwargs.get("embedding_key"), TEXT)
            return TextEngine(width, kwargs.get("return_pooled", False))
        return engine(*args, **kwargs)

    return made


def widths(state_dict):
    """What the configuration of an autoencoder has to say of its width."""
    if "encoder.conv1.weight" in state_dict:  # Wan
        return {"base_dim": len(state_dict["encoder.conv1.weight"])}
    if "encoder.conv_in.weight" not in state_dict:
        return {}
    return {"block_out_channels": [times * len(state_dict["encoder.conv_in.weight"]) for times in LEVELS]}


@contextlib.contextmanager
def configured(changes):
    """While it lasts, diffusers reads every configuration with these changes."""
    from diffusers.configuration_utils import ConfigMixin

    own = ConfigMixin.__dict__["load_config"]

    def load_config(cls, *args, **kwargs):
        found = own.__func__(cls, *args, **kwargs)
        return {**found, **changes} if isinstance(found, dict) else found

    ConfigMixin.load_config = classmethod(load_config)
    try:
        yield
    finally:
        ConfigMixin.load_config = own


@contextlib.contextmanager
def clip_of(layers):
    """While it lasts, every configuration of a CLIP is of so many layers."""
    from transformers import CLIPTextConfig

    own = CLIPTextConfig.__dict__.get("from_pretrained")

    def from_pretrained(cls, *args, **kwargs):
        return super(CLIPTextConfig, cls).from_pretrained(*args, **{**kwargs, "num_hidden_layers": layers})

    CLIPTextConfig.from_pretrained = classmethod(from_pretrained)
    try:
        yield
    finally:
        if own is None:
            del CLIPTextConfig.from_pretrained
        else:
            CLIPTextConfig.from_pretrained = own


def layers_of(state_dict):
    """How many layers a CLIP has, 0 of any other model."""
    found = (re.search(r"text_model\.encoder\.layers\.(\d+)\.", key) for key in state_dict)
    return max((int(one[1]) + 1 for one in found if one), default=0)


def component(load, guess, component_name, lib_name, cls_name, repo_path, state_dict):
    given = (guess, component_name, lib_name, cls_name, repo_path, state_dict)
    if component_name.startswith("text_encoder") and len(state_dict or ()) < 2:  # Chroma is not loaded without any
        guess.has_no_text = True
        return TextEncoder()
    if component_name.startswith("tokenizer") and getattr(guess, "has_no_text", False):
        return object()  # nobody asks it; to read Wan's takes a minute
    if component_name.startswith("text_encoder") and layers_of(state_dict):
        with clip_of(layers_of(state_dict)):
            return load(*given)
    if component_name == "vae" and state_dict:
        with configured(widths(state_dict)):
            return load(*given)
    return load(*given)


def small(found, shape_of):
    """The host's name of a small model and its own configuration, where the host would take it for none or for another.

    found: what the host says of its layers; shape_of: the shape of a tensor of it, by its name.
    """
    kind = found.pop("image_model", None)
    if kind == "flux2" and found["hidden_size"] < 3072:
        return "Flux2K4B", found
    if kind == "chroma" and found["hidden_size"] < 3072:
        hidden = shape_of("distilled_guidance_layer.in_proj.weight")[0]
        return "Chroma", {**found, "out_dim": found["hidden_size"], "hidden_dim": hidden, "n_layers": 1}
    if kind == "qwen_image" and (width := shape_of("img_in.weight")[0]) < 3072:
        return "QwenImage", {
            **found, "num_attention_heads": width // 128, "joint_attention_dim": shape_of("txt_in.weight")[1]
        }  # fmt: skip
    if kind == "lumina2" and found["dim"] < 2304:
        return lumina(found, shape_of("cap_pad_token"))
    if kind == "pid" and (width := shape_of("s_embedder.proj.weight")[0]) < 1536:
        return "PiD", {
            **found, "hidden_size": width, "num_groups": width // 32, "pixel_attn_hidden_size": width,
            "pixel_num_groups": width // 32, "patch_depth": 1, "pixel_depth": 1, "lq_interval": 2,
            "txt_embed_dim": shape_of("y_embedder.proj.weight")[1], "lq_num_res_blocks": 1,
            "lq_hidden_dim": shape_of("lq_proj.latent_proj.0.weight")[0],
        }  # fmt: skip
    if kind == "anima" and found["model_channels"] < 2048:
        return "Anima", {**found, **anima(found["model_channels"], shape_of)}
    if kind == "ernie" and (width := shape_of("x_embedder.proj.weight")[0]) < 4096:
        return "ErnieImage", {
            **found, "hidden_size": width, "num_attention_heads": width // HEAD, "num_layers": 1,
            "ffn_hidden_size": shape_of("layers.0.mlp.gate_proj.weight")[0],
            "text_in_dim": shape_of("text_proj.weight")[1],
        }  # fmt: skip
    if kind == "krea2" and found["features"] < 6144:
        heads = found["txtdim"] // HEAD
        return "Krea2", {**found, "txtheads": heads, "txtkvheads": heads}
    if kind is None and found.get("model_channels", 320) < 320:
        return {768: "SD15", 2048: "SDXL"}[found["context_dim"]], found
    return None, found


def anima(width, shape_of):
    """All that the host says of Anima, of whose layers it tells nothing at another width than 2048."""
    return {
        "in_channels": 16, "out_channels": 16, "patch_spatial": 2, "patch_temporal": 1, "concat_padding_mask": True,
        "crossattn_emb_channels": shape_of("blocks.0.cross_attn.k_proj.weight")[1],
        "adaln_lora_dim": shape_of("final_layer.adaln_modulation.1.weight")[0], "num_blocks": 1,
        "num_heads": width // HEAD, "rope_h_extrapolation_ratio": 4.0, "rope_w_extrapolation_ratio": 4.0,
        "rope_t_extrapolation_ratio": 1.0,
    }  # fmt: skip


def lumina(found, filling):
    """Lumina 2, or Z-Image, which has tokens to fill up with."""
    if not filling:
        heads = found["dim"] // 96
        return "Lumina2", {
            **found, "n_heads": heads, "n_kv_heads": heads // 3, "axes_dims": [32, 32, 32],
            "axes_lens": [300, 512, 512], "rope_theta": 10000.0, "ffn_dim_multiplier": 4.0,
        }  # fmt: skip
    heads = found["dim"] // 128
    return "ZImage", {
        **found, "n_heads": heads, "n_kv_heads": heads, "axes_dims": [32, 48, 48], "axes_lens": [1536, 512, 512],
        "rope_theta": 256.0, "ffn_dim_multiplier": 8.0 / 3.0, "z_image_modulation": True, "time_scale": 1000.0,
        "pad_tokens_multiple": 32,
    }  # fmt: skip


def detected(detection, state_dict, prefix):
    """What the host says of the layers; of Anima, where it insists on the full width, that width."""
    if (first := state_dict.get(f"{prefix}x_embedder.proj.1.weight")) is not None:
        return {"image_model": "anima", "model_channels": len(first)}
    return detection.detect_unet_config(state_dict, prefix)


def guessed(guess, state_dict):
    """The host knows some models by the width of their full size."""
    from huggingface_guess import detection, model_list

    prefix = detection.unet_prefix_from_state_dict(state_dict)
    found = detected(detection, state_dict, prefix)
    name, config = (
        small(dict(found), lambda key: getattr(state_dict.get(prefix + key), "shape", ())) if found else (None, {})
    )
    if name is None:
        return guess(state_dict)
    model = getattr(model_list, name)(config)
    model.unet_key_prefix = [prefix]
    return model


def install():
    """Nothing where it is there already, or the host has no such loader (A1111)."""
    try:
        import huggingface_guess
        from backend import loader
    except ImportError:
        return
    if hasattr(loader.load_huggingface_component, "func"):
        return
    loader.load_huggingface_component = functools.partial(component, loader.load_huggingface_component)
    huggingface_guess.guess = functools.partial(guessed, huggingface_guess.guess)
    for name in ENGINES:
        with contextlib.suppress(ImportError):
            module = importlib.import_module(f"backend.diffusion_engine.{name}")
            for attribute, value in list(vars(module).items()):
                if attribute.endswith("TextProcessingEngine"):
                    setattr(module, attribute, with_stand_in(value))


if "modules" in sys.modules:  # a host; not a test that reads this file
    install()
