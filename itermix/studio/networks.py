"""The networks behind one small protocol: prompt -> conditioning, (x, t) -> prediction, picture <-> latent.

SD1.5 and SDXL differ in their text encoders; Flux also packs its latent 2 x 2 into tokens and predicts a flow. All
latents here are [1, C, H, W], float32, scaled as the network wants them; pictures are [1, 3, r H, r W] in [0, 1],
r being the VAE's reduction.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from itermix.studio import schedules
from itermix.studio.errors import StudioError
from itermix.studio.request import AUTOMATIC, Request, Resolved

Predict = Callable[[Tensor, Tensor], Tensor]
Cond = tuple[Tensor, dict[str, Tensor]]  # hidden states [1, tokens, width], and what else a network is told
FINGERPRINTED = 64  # numbers of each tensor: all of them would take seconds for a large model
T5_TOKENS = 512  # Flux's longest prompt


class Network:
    """What all classes share: a VAE with its scale and shift. Subclasses add `predictor`."""

    is_flow = False
    network = "unet"
    guidance = 7.0  # where none is asked for
    latent_side = 64  # that it was trained on, where its configuration does not say

    def __init__(self, components: dict[str, Any], device: torch.device, dtype: torch.dtype):
        self.parts, self.device, self.dtype = components, device, dtype
        for name, part in components.items():
            if isinstance(part, torch.nn.Module):
                # A VAE in half precision overflows (SDXL's is known for it), and costs little in full.
                kind = torch.float32 if name == "vae" else dtype
                # Channels last: a UNet's convolutions take a third less of a processor's time so.
                part.eval().requires_grad_(False).to(device, kind, memory_format=torch.channels_last)
        self.vae = components["vae"]
        defaults = components.get("defaults", {})
        self.guidance = defaults.get("guidance", type(self).guidance)
        self.sampler = defaults.get("sampler", AUTOMATIC)
        self.scheduler_config = dict(components["scheduler"].config)
        self.channels = int(self.vae.config.latent_channels)
        self.reduction = reduction_of(self.vae)

    @property
    def multiple(self) -> int:
        """What a picture's sides must be divisible by, in pixels."""
        return self.reduction

    @property
    def native_size(self) -> tuple[int, int]:
        """(height, width) that the model was trained on, in pixels."""
        side = self.parts[self.network].config.get("sample_size") or self.latent_side
        height, width = (side, side) if isinstance(side, int) else side
        return height * self.reduction, width * self.reduction

    def resolved(self, request: Request) -> Resolved:
        """The request with this model's own size, sampler and guidance where it leaves them open.

        Raises StudioError for a sampler or a size that the model cannot do.
        """
        height, width = self.native_size
        values = {item.name: getattr(request, item.name) for item in dataclasses.fields(Request)}
        sampler = self.sampler if request.sampler == AUTOMATIC else request.sampler
        values |= {
            "height": request.height or height, "width": request.width or width,
            "sampler": schedules.resolved(sampler, self.is_flow), "guidance": request.guidance or self.guidance,
        }  # fmt: skip
        for name in ("height", "width"):
            if values[name] % self.multiple:
                problem = f"is not allowed; for this model it must be a multiple of {self.multiple}"
                raise StudioError(f"{name}: {values[name]} {problem}")
        return Resolved(**values)

    @cached_property
    def fingerprint(self) -> str:
        """A name for the weights: other ones have another, wherever they lie."""
        digest = hashlib.sha256()
        for name, part in sorted(self.parts.items()):
            if isinstance(part, torch.nn.Module):
                for key, value in part.state_dict().items():
                    few = value.flatten()[:: max(value.numel() // FINGERPRINTED, 1)].cpu().double()
                    digest.update(f"{name} {key} {tuple(value.shape)}".encode() + few.numpy().tobytes())
        return digest.hexdigest()

    def tokens(self, height: int, width: int) -> int:
        """How many tokens a latent of this size is, for Flux's shift."""
        return height * width // 4

    def predictor(self, prompt: str, negative: str, guidance: float, size: tuple[int, int]) -> Predict:
        """The network's prediction for a prompt, guided away from the negative one.

        guidance: CFG scale, 1 for none; Flux is told it as a number. size: the picture's, (height, width) in pixels."""
        raise NotImplementedError

    @torch.inference_mode()
    def encode(self, picture: Tensor) -> Tensor:
        """The most likely latent of a picture: no draw, so that it is always the same."""
        encoded = self.vae.encode(picture.to(self.device, torch.float32) * 2.0 - 1.0)
        latent = encoded.latent if hasattr(encoded, "latent") else encoded.latent_dist.mode()
        return (latent - self._shift) * self.vae.config.scaling_factor

    @torch.inference_mode()
    def decode(self, latent: Tensor) -> Tensor:
        """The picture of a latent, on the CPU, clipped to [0, 1]."""
        picture = self.vae.decode(latent.float() / self.vae.config.scaling_factor + self._shift, return_dict=False)[0]
        return (picture / 2.0 + 0.5).clamp(0.0, 1.0).cpu()

    @property
    def _shift(self) -> float:
        return getattr(self.vae.config, "shift_factor", None) or 0.0

    def _ids(self, tokenizer: str, text: str, longest: int | None = None) -> Tensor:
        tokenizer = self.parts[tokenizer]
        encoded = tokenizer(
            text, padding="max_length", truncation=True, max_length=longest or tokenizer.model_max_length,
            return_tensors="pt",
        )  # fmt: skip
        return encoded.input_ids.to(self.device)


class SD15(Network):
    """Stable Diffusion 1 and 2, and models like them: one CLIP text encoder, classifier-free guidance."""

    def predictor(self, prompt: str, negative: str, guidance: float, size: tuple[int, int]) -> Predict:
        with torch.inference_mode():
            cond, uncond = self.conditioning(prompt, size), self.conditioning(negative, size)
        return self.guided(cond, uncond, guidance)

    def guided(self, cond: Cond, uncond: Cond, guidance: float) -> Predict:
        """As `predictor`, from conditionings."""
        if guidance == 1.0:
            return lambda x, t: self._predict(x, t, *cond)
        text = torch.cat([uncond[0], cond[0]])
        added = {key: torch.cat([uncond[1][key], value]) for key, value in cond[1].items()}

        def predict(x: Tensor, t: Tensor) -> Tensor:
            pred_uncond, pred_cond = self._predict(torch.cat([x, x]), t, text, added).chunk(2)
            return pred_uncond + guidance * (pred_cond - pred_uncond)

        return predict

    def conditioning(self, text: str, size: tuple[int, int]) -> Cond:
        """What the network is given beside x: [1, tokens, width], and nothing else."""
        return self.parts["text_encoder"](self._ids("tokenizer", text))[0], {}

    def _predict(self, x: Tensor, t: Tensor, text: Tensor, added: dict[str, Tensor]) -> Tensor:
        output = self.parts["unet"](
            x.to(self.dtype), t.to(self.device), encoder_hidden_states=text, added_cond_kwargs=added or None,
            return_dict=False,
        )[0]  # fmt: skip
        return output.float()


class SDXL(SD15):
    """Two CLIP encoders, by their last layer but one; pooled text and the picture's size as extra conditioning."""

    def conditioning(self, text: str, size: tuple[int, int]) -> Cond:
        first = self.parts["text_encoder"](self._ids("tokenizer", text), output_hidden_states=True)
        second = self.parts["text_encoder_2"](self._ids("tokenizer_2", text), output_hidden_states=True)
        hidden, pooled = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1), second.text_embeds
        # As trained: original size, crop corner, target size (height before width).
        times = torch.tensor([[*size, 0, 0, *size]], device=self.device, dtype=self.dtype)
        return hidden, {"text_embeds": pooled, "time_ids": times}


class Flux(Network):
    """Flux.1: CLIP's pooled vector and T5's tokens; guidance is a number that the network is told."""

    is_flow = True
    network = "transformer"
    guidance = 3.5
    latent_side = 128

    @property
    def multiple(self) -> int:
        return 2 * self.reduction

    def predictor(self, prompt: str, negative: str, guidance: float, size: tuple[int, int]) -> Predict:
        transformer = self.parts["transformer"]
        with torch.inference_mode():
            pooled = self.parts["text_encoder"](self._ids("tokenizer", prompt)).pooler_output
            longest = min(T5_TOKENS, self.parts["tokenizer_2"].model_max_length)
            text = self.parts["text_encoder_2"](self._ids("tokenizer_2", prompt, longest))[0]
        height, width = (side // self.multiple for side in size)
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        positions = torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).view(-1, 3).to(self.device, self.dtype)
        scale = torch.full((1,), guidance, device=self.device) if transformer.config.guidance_embeds else None

        def predict(x: Tensor, t: Tensor) -> Tensor:
            output = transformer(
                hidden_states=packed(x).to(self.dtype), timestep=t.to(self.device).expand(1) / 1000.0, guidance=scale,
                pooled_projections=pooled, encoder_hidden_states=text,
                txt_ids=torch.zeros(text.shape[1], 3, device=self.device, dtype=self.dtype), img_ids=positions,
                return_dict=False,
            )[0]  # fmt: skip
            return unpacked(output.float(), x.shape[-2:])

        return predict


def network_of(components: dict[str, Any], device: torch.device, dtype: torch.dtype) -> Network:
    """The class that a checkpoint's parts belong to."""
    if "transformer" in components:
        return Flux(components, device, dtype)
    return (SDXL if "text_encoder_2" in components else SD15)(components, device, dtype)


def reduction_of(vae: torch.nn.Module) -> int:
    """Image pixels per latent pixel, in height and in width. AutoencoderKL does not say; each of its stages halves."""
    told = getattr(vae, "spatial_compression_ratio", None)
    return 2 ** (len(vae.config.block_out_channels) - 1) if told is None else int(told)


def packed(x: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, H W / 4, 4 C]: each 2 x 2 patch a token, channel by channel."""
    b, c, h, w = x.shape
    return x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, h * w // 4, 4 * c)


def unpacked(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """The inverse of `packed`. size: (H, W)."""
    b, _, wide = tokens.shape
    h, w = size
    return tokens.view(b, h // 2, w // 2, wide // 4, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(b, wide // 4, h, w)
