"""The tensors of an SD1.5 pipeline under the names that its authors gave them, as single-file checkpoints have them."""

from __future__ import annotations

import re

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
ENDS = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def tensors_of(pipeline):
    """A single file's tensors by name."""
    unet, vae, text = pipeline.unet, pipeline.vae, pipeline.text_encoder
    layers, blocks = unet.config.layers_per_block, len(vae.config.up_block_types)
    attended = {b for b, kind in enumerate(unet.config.up_block_types) if "CrossAttn" in kind}
    found = {}
    for name, value in unet.state_dict().items():
        found[f"model.diffusion_model.{unet_name(name, layers, attended)}"] = value
    for name, value in vae.state_dict().items():
        is_square = "mid_block.attentions" in name and value.ndim == 2  # a 1 x 1 convolution then
        found[f"first_stage_model.{vae_name(name, blocks)}"] = value[:, :, None, None] if is_square else value
    for name, value in text.state_dict().items():
        found[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = value
    return {name: value.contiguous() for name, value in found.items()}


def unet_name(name, layers, attended):
    """layers: per block. attended: the up blocks that have attention."""
    part, kind = name.rsplit(".", 1)
    if part in ENDS:
        return f"{ENDS[part]}.{kind}"
    if place := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", name):
        index = 1 if place[1] == "attentions" else 2 * int(place[2])
        return f"middle_block.{index}.{inner(place[1], place[3])}"
    place = re.fullmatch(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.+)", name)
    block, layer = int(place[2]), int(place[4])
    if place[3] == "downsamplers":
        return f"input_blocks.{(block + 1) * (layers + 1)}.0.op.{kind}"
    if place[3] == "upsamplers":
        return f"output_blocks.{block * (layers + 1) + layers}.{2 if block in attended else 1}.conv.{kind}"
    index = block * (layers + 1) + layer + (1 if place[1] == "down" else 0)
    side = "input" if place[1] == "down" else "output"
    return f"{side}_blocks.{index}.{1 if place[3] == 'attentions' else 0}.{inner(place[3], place[5])}"


def inner(kind, name):
    first, _, rest = name.partition(".")
    return f"{RESNET[first]}.{rest}" if kind == "resnets" else name


def vae_name(name, blocks):
    """blocks: of the decoder, whose authors count them from the picture inwards."""
    name = re.sub(r"up_blocks\.(\d)", lambda place: f"up.{blocks - 1 - int(place[1])}", name)
    name = re.sub(r"down_blocks\.(\d)", r"down.\1", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda place: f"mid.block_{int(place[1]) + 1}", name)
    name = re.sub(r"\.resnets\.(\d)", r".block.\1", name)
    name = re.sub(r"\.(down|up)samplers\.0", r".\1sample", name)
    if "mid_block.attentions.0" in name:
        for ours, theirs in VAE_ATTENTION.items():
            name = name.replace(f".{ours}.", f".{theirs}.")
        return name.replace("mid_block.attentions.0", "mid.attn_1")
    return name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
