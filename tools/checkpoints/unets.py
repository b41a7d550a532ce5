"""UNets of Stable Diffusion 1.5's and SDXL's layout, and a CLIP of few layers."""

from __future__ import annotations

from tools.checkpoints.layers import Shapes, layer, norm

WIDTH = 64  # one head of SDXL's
LEVELS = 3
CLIP_WIDTH, CLIP_LAYERS, TOKENS, POSITIONS = 768, 3, 49408, 77
SDXL_TEXT, SDXL_LABEL = 2048, 2816


def residual(name: str, into: int) -> Shapes:
    w = WIDTH
    shapes = norm(f"{name}.in_layers.0", into) | layer(f"{name}.in_layers.2", w, into, 3, 3)
    shapes |= layer(f"{name}.emb_layers.1", w, 4 * w)
    shapes |= norm(f"{name}.out_layers.0", w) | layer(f"{name}.out_layers.3", w, w, 3, 3)
    return shapes if into == w else shapes | layer(f"{name}.skip_connection", w, into, 1, 1)


def transformer(name: str, text: int, linear: bool) -> Shapes:
    """linear: whether the projections before and after are linear layers, as SDXL's."""
    w, block, kernel = WIDTH, f"{name}.transformer_blocks.0", () if linear else (1, 1)
    shapes = (
        norm(f"{name}.norm", w) | layer(f"{name}.proj_in", w, w, *kernel) | layer(f"{name}.proj_out", w, w, *kernel)
    )
    for part, into in (("attn1", w), ("attn2", text)):
        shapes |= layer(f"{block}.{part}.to_q", w, w, bias=False) | layer(f"{block}.{part}.to_out.0", w, w)
        shapes |= layer(f"{block}.{part}.to_k", w, into, bias=False) | layer(
            f"{block}.{part}.to_v", w, into, bias=False
        )
    for part in ("norm1", "norm2", "norm3"):
        shapes |= norm(f"{block}.{part}", w)
    return shapes | layer(f"{block}.ff.net.0.proj", 8 * w, w) | layer(f"{block}.ff.net.2", w, 4 * w)


def unet(text: int, label: int = 0) -> Shapes:
    """Three levels of one width and one block each, with attention in all. label: numbers of a picture's size and
    text, which SDXL is given."""
    w, linear = WIDTH, bool(label)
    shapes = (
        layer("time_embed.0", 4 * w, w) | layer("time_embed.2", 4 * w, 4 * w) | layer("input_blocks.0.0", w, 4, 3, 3)
    )
    if label:
        shapes |= layer("label_emb.0.0", 4 * w, label) | layer("label_emb.0.2", 4 * w, 4 * w)
    for level in range(LEVELS):
        block = f"input_blocks.{2 * level + 1}"
        shapes |= residual(f"{block}.0", w) | transformer(f"{block}.1", text, linear)
        if level < LEVELS - 1:
            shapes |= layer(f"input_blocks.{2 * level + 2}.0.op", w, w, 3, 3)
    shapes |= (
        residual("middle_block.0", w) | transformer("middle_block.1", text, linear) | residual("middle_block.2", w)
    )
    for place in range(2 * LEVELS):
        block = f"output_blocks.{place}"
        shapes |= residual(f"{block}.0", 2 * w) | transformer(f"{block}.1", text, linear)
        if place % 2 and place < 2 * LEVELS - 1:
            shapes |= layer(f"{block}.2.conv", w, w, 3, 3)
    return shapes | norm("out.0", w) | layer("out.2", 4, w, 3, 3)


def sdxl() -> Shapes:
    return unet(SDXL_TEXT, SDXL_LABEL)


def sd15() -> Shapes:
    return unet(CLIP_WIDTH)


def clip() -> Shapes:
    """Of Stable Diffusion 1.5, the largest part of its small checkpoint."""
    w = CLIP_WIDTH
    shapes: Shapes = {
        "embeddings.token_embedding.weight": (TOKENS, w), "embeddings.position_embedding.weight": (POSITIONS, w)
    }  # fmt: skip
    for place in range(CLIP_LAYERS):
        name = f"encoder.layers.{place}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= layer(f"{name}.self_attn.{part}", w, w)
        shapes |= norm(f"{name}.layer_norm1", w) | norm(f"{name}.layer_norm2", w)
        shapes |= layer(f"{name}.mlp.fc1", 4 * w, w) | layer(f"{name}.mlp.fc2", w, 4 * w)
    return shapes | norm("final_layer_norm", w)
