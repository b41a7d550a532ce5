"""Lets Forge and its family load the checkpoints of tools/flow_checkpoints.py, and others with a small autoencoder.

A model without a text encoder gets a stand-in, which makes numbers of a prompt's letters; the width of an autoencoder
is taken from its file, not from the host's own configuration; and Flux.2 Klein may be of any width. The host's own
models are loaded as without this file.
"""

import contextlib
import functools
import importlib
import sys
import zlib

import torch

TOKENS, TEXT, POOLED = 16, 4096, 768
ENGINES = ("flux", "flux2", "wan")
LEVELS = (1, 2, 4, 4)


class TextEncoder(torch.nn.Module):
    """In the place of a text encoder, which the checkpoint does not have."""

    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1), requires_grad=False)


class TextEngine:
    """In the place of what turns prompts into conditionings."""

    def __init__(self, return_pooled):
        self.return_pooled = return_pooled

    def tokenize(self, texts):
        return [[0] * len(text.split()) for text in texts]

    def __call__(self, texts):
        numbers = torch.stack([self.of(text, TOKENS, TEXT) for text in texts])
        return (numbers, torch.stack([self.of(text, POOLED) for text in texts])) if self.return_pooled else numbers

    def of(self, text, *shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(text.encode())))


def with_stand_in(engine):
    @functools.wraps(engine)
    def made(*args, **kwargs):
        if isinstance(kwargs.get("text_encoder"), TextEncoder):
            return TextEngine(kwargs.get("return_pooled", False))
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


def component(load, guess, component_name, lib_name, cls_name, repo_path, state_dict):
    if component_name.startswith("text_encoder") and not state_dict:
        guess.itermix_has_no_text = True
        return TextEncoder()
    if component_name.startswith("tokenizer") and getattr(guess, "itermix_has_no_text", False):
        return object()  # nobody asks it; to read Wan's takes a minute
    if component_name == "vae" and state_dict:
        with configured(widths(state_dict)):
            return load(guess, component_name, lib_name, cls_name, repo_path, state_dict)
    return load(guess, component_name, lib_name, cls_name, repo_path, state_dict)


def guessed(guess, state_dict):
    """The host knows Flux.2 Klein by its two widths."""
    from huggingface_guess import detection, model_list

    prefix = detection.unet_prefix_from_state_dict(state_dict)
    found = detection.detect_unet_config(state_dict, prefix)
    if not found or found.get("image_model") != "flux2" or found["hidden_size"] >= 3072:
        return guess(state_dict)
    model = model_list.Flux2K4B({name: value for name, value in found.items() if name != "image_model"})
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
