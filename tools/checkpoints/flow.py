"""Transformers of flow models, of one block each."""

from __future__ import annotations

from tools.checkpoints.layers import TEXT, TIMES, Shapes, layer, norm

WIDTH = 128  # of one attention head
POOLED = 768  # numbers that Flux.1 gets of a whole prompt
LATENT = 16  # channels; Flux and its like pack 2 x 2 of them
FLUX2_LATENT = 32
LUMINA_HEADS = 3  # of 96 numbers, of which one is of keys and values
Z_IMAGE_WIDTH = 256  # 2 heads; a noise level has as many numbers
KREA_TEXT = 256  # of each of the TEXT // KREA_TEXT layers of its text encoder that Krea 2 reads


def embedder(name: str, into: int, bias: bool = True) -> Shapes:
    return layer(f"{name}.in_layer", WIDTH, into, bias=bias) | layer(f"{name}.out_layer", WIDTH, WIDTH, bias=bias)


def head_norms(name: str) -> Shapes:
    return {f"{name}.query_norm.scale": (WIDTH,), f"{name}.key_norm.scale": (WIDTH,)}


def flux() -> Shapes:
    """Flux.1: one double block and one single block."""
    w = WIDTH
    shapes = layer("img_in", w, 4 * LATENT) | layer("txt_in", w, TEXT)
    shapes |= embedder("time_in", TIMES) | embedder("vector_in", POOLED) | embedder("guidance_in", TIMES)
    for part in ("double_blocks.0.img", "double_blocks.0.txt"):
        shapes |= layer(f"{part}_mod.lin", 6 * w, w) | layer(f"{part}_attn.qkv", 3 * w, w)
        shapes |= layer(f"{part}_attn.proj", w, w) | head_norms(f"{part}_attn.norm")
        shapes |= layer(f"{part}_mlp.0", 4 * w, w) | layer(f"{part}_mlp.2", w, 4 * w)
    shapes |= layer("single_blocks.0.linear1", 7 * w, w) | layer("single_blocks.0.linear2", w, 5 * w)
    shapes |= layer("single_blocks.0.modulation.lin", 3 * w, w) | head_norms("single_blocks.0.norm")
    return shapes | layer("final_layer.linear", 4 * LATENT, w) | layer("final_layer.adaLN_modulation.1", 2 * w, w)


def klein() -> Shapes:
    """Flux.2: modulations shared by all blocks, gated layers, no bias."""
    w, packed = WIDTH, 4 * FLUX2_LATENT
    wanted = {"img_in": (w, packed), "txt_in": (w, TEXT)}
    for part in ("double_blocks.0.img", "double_blocks.0.txt"):
        wanted |= {f"{part}_attn.qkv": (3 * w, w), f"{part}_attn.proj": (w, w)}
        wanted |= {f"{part}_mlp.0": (6 * w, w), f"{part}_mlp.2": (w, 3 * w)}
    wanted |= {"single_blocks.0.linear1": (9 * w, w), "single_blocks.0.linear2": (w, 4 * w)}
    wanted |= {"double_stream_modulation_img.lin": (6 * w, w), "double_stream_modulation_txt.lin": (6 * w, w)}
    wanted |= {"single_stream_modulation.lin": (3 * w, w)}
    wanted |= {"final_layer.linear": (packed, w), "final_layer.adaLN_modulation.1": (2 * w, w)}
    shapes = {f"{name}.weight": shape for name, shape in wanted.items()} | embedder("time_in", TIMES, bias=False)
    for part in ("double_blocks.0.img_attn", "double_blocks.0.txt_attn", "single_blocks.0"):
        shapes |= head_norms(f"{part}.norm")
    return shapes


def wan(channels: int = LATENT) -> Shapes:
    """Wan 2.1. channels: 36 of image-to-video, which is given a mask and a picture beside the state."""
    w = WIDTH
    shapes = layer("patch_embedding", w, channels, 1, 2, 2)
    shapes |= layer("text_embedding.0", w, TEXT) | layer("text_embedding.2", w, w)
    shapes |= layer("time_embedding.0", w, TIMES) | layer("time_embedding.2", w, w)
    shapes |= layer("time_projection.1", 6 * w, w)
    for part in ("blocks.0.self_attn", "blocks.0.cross_attn"):
        for name in "qkvo":
            shapes |= layer(f"{part}.{name}", w, w)
        shapes |= {f"{part}.norm_q.weight": (w,), f"{part}.norm_k.weight": (w,)}
    shapes |= norm("blocks.0.norm3", w) | layer("blocks.0.ffn.0", 4 * w, w) | layer("blocks.0.ffn.2", w, 4 * w)
    shapes |= {"blocks.0.modulation": (1, 6, w), "head.modulation": (1, 2, w)}
    return shapes | layer("head.head", 4 * LATENT, w)


def chroma() -> Shapes:
    """Flux.1 with its modulations from one small network, whose norms are called scales in the files."""
    w, hidden = WIDTH, 64
    shapes = layer("img_in", w, 4 * LATENT) | layer("txt_in", w, TEXT) | layer("final_layer.linear", 4 * LATENT, w)
    for part in ("double_blocks.0.img", "double_blocks.0.txt"):
        shapes |= layer(f"{part}_attn.qkv", 3 * w, w) | layer(f"{part}_attn.proj", w, w)
        shapes |= head_norms(f"{part}_attn.norm") | layer(f"{part}_mlp.0", 4 * w, w) | layer(f"{part}_mlp.2", w, 4 * w)
    shapes |= layer("single_blocks.0.linear1", 7 * w, w) | layer("single_blocks.0.linear2", w, 5 * w)
    shapes |= head_norms("single_blocks.0.norm")
    guidance = "distilled_guidance_layer"
    shapes |= layer(f"{guidance}.in_proj", hidden, 64) | layer(f"{guidance}.out_proj", w, hidden)
    shapes |= layer(f"{guidance}.layers.0.in_layer", hidden, hidden)
    shapes |= layer(f"{guidance}.layers.0.out_layer", hidden, hidden)
    return shapes | {f"{guidance}.norms.0.scale": (hidden,)}


def lumina_block(name: str, width: int, qkv: int, head: int, inner: int, level: int = 0) -> Shapes:
    """level: numbers of a noise level, where the block is modulated by it."""
    shapes = layer(f"{name}.attention.qkv", qkv, width, bias=False)
    shapes |= layer(f"{name}.attention.out", width, width, bias=False)
    shapes |= {f"{name}.attention.q_norm.weight": (head,), f"{name}.attention.k_norm.weight": (head,)}
    for part, out, into in (("w1", inner, width), ("w2", width, inner), ("w3", inner, width)):
        shapes |= layer(f"{name}.feed_forward.{part}", out, into, bias=False)
    for part in ("attention_norm1", "attention_norm2", "ffn_norm1", "ffn_norm2"):
        shapes[f"{name}.{part}.weight"] = (width,)
    return shapes


def lumina() -> Shapes:
    """Lumina 2: the host asks for two refiners of each kind."""
    head = 96
    width = LUMINA_HEADS * head
    shapes = layer("x_embedder", width, 4 * LATENT) | layer("cap_embedder.1", width, TEXT)
    shapes |= {"cap_embedder.0.weight": (TEXT,)}
    shapes |= layer("t_embedder.mlp.0", width, TIMES) | layer("t_embedder.mlp.2", width, width)
    modulated = ("noise_refiner.0", "noise_refiner.1", "layers.0")
    for name in (*modulated, "context_refiner.0", "context_refiner.1"):
        shapes |= lumina_block(name, width, width + 2 * head, head, 1280)  # 4 widths, to the next 256
    for name in modulated:
        shapes |= layer(f"{name}.adaLN_modulation.1", 4 * width, width)
    return (
        shapes | layer("final_layer.linear", 4 * LATENT, width) | layer("final_layer.adaLN_modulation.1", width, width)
    )


def z_image() -> Shapes:
    """Lumina 2's layout with other widths, all heads with keys of their own, and tokens to fill up with."""
    width = Z_IMAGE_WIDTH
    shapes = layer("x_embedder", width, 4 * LATENT) | layer("cap_embedder.1", width, TEXT)
    shapes |= {"cap_embedder.0.weight": (TEXT,), "x_pad_token": (1, width), "cap_pad_token": (1, width)}
    shapes |= layer("t_embedder.mlp.0", width, TIMES) | layer("t_embedder.mlp.2", TIMES, width)
    modulated = ("noise_refiner.0", "noise_refiner.1", "layers.0")
    for name in (*modulated, "context_refiner.0", "context_refiner.1"):
        shapes |= lumina_block(name, width, 3 * width, WIDTH, 768)  # 8 / 3 widths, to the next 256
    for name in modulated:
        shapes |= layer(f"{name}.adaLN_modulation.0", 4 * width, TIMES)
    return (
        shapes | layer("final_layer.linear", 4 * LATENT, width) | layer("final_layer.adaLN_modulation.1", width, TIMES)
    )


def qwen() -> Shapes:
    """Qwen-Image: a stream for the picture and one for the text."""
    w, block = WIDTH, "transformer_blocks.0"
    shapes = layer("img_in", w, 4 * LATENT) | layer("txt_in", w, TEXT) | {"txt_norm.weight": (TEXT,)}
    times = "time_text_embed.timestep_embedder"
    shapes |= layer(f"{times}.linear_1", w, TIMES) | layer(f"{times}.linear_2", w, w)
    for part in ("img", "txt"):
        shapes |= layer(f"{block}.{part}_mod.1", 6 * w, w)
        shapes |= layer(f"{block}.{part}_mlp.net.0.proj", 4 * w, w) | layer(f"{block}.{part}_mlp.net.2", w, 4 * w)
    for name in ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj", "to_out.0", "to_add_out"):
        shapes |= layer(f"{block}.attn.{name}", w, w)
    for name in ("norm_q", "norm_k", "norm_added_q", "norm_added_k"):
        shapes[f"{block}.attn.{name}.weight"] = (w,)
    return shapes | layer("norm_out.linear", 2 * w, w) | layer("proj_out", 4 * LATENT, w)


def anima() -> Shapes:
    """Anima, of Cosmos: its modulations are products of two narrow layers, and nothing has a bias."""
    w, narrow, block = WIDTH, 64, "blocks.0"
    wanted = {"x_embedder.proj.1": (w, 4 * (LATENT + 1))}  # a mask beside the latent
    wanted |= {"t_embedder.1.linear_1": (w, w), "t_embedder.1.linear_2": (3 * w, w)}
    for part, text in (("self_attn", w), ("cross_attn", TEXT)):
        wanted |= {f"{block}.{part}.{name}_proj": (w, into) for name, into in (("q", w), ("k", text), ("v", text))}
        wanted |= {f"{block}.{part}.output_proj": (w, w)}
        wanted |= {f"{block}.{part}.{name}_norm": (WIDTH,) for name in "qk"}
    wanted |= {f"{block}.mlp.layer1": (4 * w, w), f"{block}.mlp.layer2": (w, 4 * w)}
    modulated = {f"{block}.adaln_modulation_{part}": 3 * w for part in ("self_attn", "cross_attn", "mlp")}
    for name, out in {**modulated, "final_layer.adaln_modulation": 2 * w}.items():
        wanted |= {f"{name}.1": (narrow, w), f"{name}.2": (out, narrow)}
    wanted |= {"final_layer.linear": (4 * LATENT, w), "t_embedding_norm": (w,)}
    return {f"{name}.weight": shape for name, shape in wanted.items()}


def ernie() -> Shapes:
    """Ernie-Image: one modulation for all blocks, on Flux.2's latents."""
    w, packed, block = WIDTH, 4 * FLUX2_LATENT, "layers.0"
    shapes = layer("x_embedder.proj", w, packed, 1, 1) | layer("text_proj", w, TEXT, bias=False)
    shapes |= layer("time_embedding.linear_1", w, w) | layer("time_embedding.linear_2", w, w)
    shapes |= layer("adaLN_modulation.1", 6 * w, w)
    for name in ("to_q", "to_k", "to_v", "to_out.0"):
        shapes |= layer(f"{block}.self_attention.{name}", w, w, bias=False)
    shapes |= {f"{block}.self_attention.norm_{name}.weight": (WIDTH,) for name in "qk"}
    shapes |= {f"{block}.adaLN_{part}_ln.weight": (w,) for part in ("sa", "mlp")}
    for name, out, into in (("gate_proj", 3 * w, w), ("up_proj", 3 * w, w), ("linear_fc2", w, 3 * w)):
        shapes |= layer(f"{block}.mlp.{name}", out, into, bias=False)
    return shapes | layer("final_norm.linear", 2 * w, w) | layer("final_linear", packed, w)


def krea() -> Shapes:
    """Krea 2: gated attention, and a small transformer over several layers of the text encoder."""
    w, text = WIDTH, KREA_TEXT
    shapes = layer("first", w, 4 * LATENT) | layer("tmlp.0", w, TIMES) | layer("tmlp.2", w, w)
    shapes |= krea_block("blocks.0", w) | {"blocks.0.mod.lin": (6 * w,)} | layer("tproj.1", 6 * w, w)
    for part in ("layerwise_blocks", "refiner_blocks"):
        for place in range(2):
            shapes |= krea_block(f"txtfusion.{part}.{place}", text)
    shapes |= layer("txtfusion.projector", 1, TEXT // text, bias=False)
    shapes |= {"txtmlp.0.scale": (text,)} | layer("txtmlp.1", w, text) | layer("txtmlp.3", w, w)
    return shapes | {"last.norm.scale": (w,), "last.modulation.lin": (2, w)} | layer("last.linear", 4 * LATENT, w)


def krea_block(name: str, w: int) -> Shapes:
    inner = -(int(2 * w / 3) * 4 // -128) * 128  # 8 / 3 widths, to the next 128
    shapes = {f"{name}.prenorm.scale": (w,), f"{name}.postnorm.scale": (w,)}
    shapes |= {f"{name}.attn.qknorm.{part}norm.scale": (WIDTH,) for part in "qk"}
    for part in ("wq", "wk", "wv", "gate", "wo"):
        shapes |= layer(f"{name}.attn.{part}", w, w, bias=False)
    for part, out, into in (("gate", inner, w), ("up", inner, w), ("down", w, inner)):
        shapes |= layer(f"{name}.mlp.{part}", out, into, bias=False)
    return shapes


def pid() -> Shapes:
    """PiD, which decodes a latent to pixels by sampling: patches of 16 x 16, then pixels, of one block each."""
    w, pixel, patch, inner, head = 64, 16, 16 * 16, 170, 32  # inner: 8 / 3 widths
    shapes = layer("pixel_embedder.proj", pixel, 3) | layer("s_embedder.proj", w, 3 * patch)
    shapes |= layer("t_embedder.mlp.0", w, TIMES) | layer("t_embedder.mlp.2", w, w)
    shapes |= layer("y_embedder.proj", w, TEXT) | {"y_embedder.norm.weight": (w,), "y_pos_embedding": (1, 300, w)}
    for part, kind in (("x", "img"), ("y", "txt")):
        name = "patch_blocks.0"
        shapes |= {f"{name}.norm_{part}{place}.weight": (w,) for place in (1, 2)}
        shapes |= {f"{name}.attn.{of}_norm_{part}.weight": (head,) for of in "qk"}
        shapes |= layer(f"{name}.attn.qkv_{part}", 3 * w, w, bias=False) | layer(f"{name}.attn.proj_{part}", w, w)
        for layer_name, out, into in (("w1", inner, w), ("w2", w, inner), ("w3", inner, w)):
            shapes |= layer(f"{name}.mlp_{part}.{layer_name}", out, into, bias=False)
        shapes |= layer(f"{name}.adaLN_modulation_{kind}.0", 6 * w, w)
    return shapes | pid_pixels(w, pixel, patch, head) | pid_latent(w, LATENT)


def pid_pixels(w: int, pixel: int, patch: int, head: int) -> Shapes:
    name = "pixel_blocks.0"
    shapes = layer(f"{name}.compress_to_attn", w, patch * pixel) | layer(f"{name}.expand_from_attn", patch * pixel, w)
    shapes |= {f"{name}.norm1.weight": (pixel,), f"{name}.norm2.weight": (pixel,)}
    shapes |= layer(f"{name}.attn.qkv", 3 * w, w, bias=False) | layer(f"{name}.attn.proj", w, w)
    shapes |= {f"{name}.attn.{of}_norm.weight": (head,) for of in "qk"}
    shapes |= layer(f"{name}.mlp.fc1", 4 * pixel, pixel) | layer(f"{name}.mlp.fc2", pixel, 4 * pixel)
    for part in ("msa", "mlp"):
        shapes |= layer(f"{name}.adaLN_modulation_{part}", 3 * pixel * patch, w)
    return shapes | {"final_layer.norm.weight": (pixel,)} | layer("final_layer.linear", 3, pixel)


def pid_latent(w: int, n: int) -> Shapes:
    """What PiD makes of the latent that it is given."""
    name = "lq_proj.latent_proj"
    shapes = layer(f"{name}.0", n, n, 3, 3) | layer(f"{name}.2", n, n, 3, 3)
    shapes |= norm(f"{name}.3.block.0", n) | layer(f"{name}.3.block.2", n, n, 3, 3)
    shapes |= norm(f"{name}.3.block.3", n) | layer(f"{name}.3.block.5", n, n, 3, 3)
    gate = "lq_proj.gate_modules.0"
    shapes |= layer("lq_proj.output_heads.0", w, n) | layer(f"{gate}.content_proj", w, 2 * w)
    return shapes | {f"{gate}.log_alpha": ()}
