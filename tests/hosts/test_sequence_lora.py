"""LoRA tags in the keyframed prompts of Latent Sequence on a real WebUI: each acts from its keyframe on."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from tests.hosts.test_sequence import frames_of, frames_same, sequence

pytestmark = pytest.mark.real_host

NAME, RANK = "itermix-tiny", 2
BLOCK = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.{}.weight"  # as in the checkpoint
LAYER = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_{}"  # the same layer, as LoRA files call it
PARTS = ("attn1.to_q", "attn1.to_v", "attn2.to_v")
FRAMES, FROM = 6, 4


def shapes_of(checkpoint):
    with open(checkpoint, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return {part: header[BLOCK.format(part)]["shape"] for part in PARTS}


def write_lora(path, shapes):
    """A strong one of random weights."""
    rng, tensors = np.random.default_rng(0), {}
    for part, (out, inner) in shapes.items():
        name = LAYER.format(part.replace(".", "_"))
        tensors[f"{name}.lora_up.weight"] = 0.5 * rng.standard_normal((out, RANK))
        tensors[f"{name}.lora_down.weight"] = 0.5 * rng.standard_normal((RANK, inner))
        tensors[f"{name}.alpha"] = np.array(float(RANK))
    header, data = {}, b""
    for name, values in tensors.items():
        raw = values.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.fixture(scope="module")
def lora(host):
    folder = host.data / "models" / "Lora"
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = min((host.data / "models" / "Stable-diffusion").glob("*.safetensors"))  # the host loads the first
    write_lora(folder / f"{NAME}.safetensors", shapes_of(checkpoint))
    host.post("/sdapi/v1/refresh-loras", {})
    return f"<lora:{NAME}:1>"


def test_a_lora_of_a_keyframe_acts_from_its_frame_on(host, lora):
    host.arm()
    settings = {"frames": FRAMES, "travel": "off", "video_format": "none"}
    body = dict(steps=2, seed=5)
    plain = sequence(host, {**settings, "prompts": f"0: a cat\n{FROM}: a dog"}, **body)
    tagged = sequence(host, {**settings, "prompts": f"0: a cat\n{FROM}: a dog {lora}"}, **body)
    before, after = frames_of(plain), frames_of(tagged)
    assert frames_same(before[:FROM], after[:FROM])
    assert all(np.abs(a.astype(int) - b).max() > 1 for a, b in zip(before[FROM:], after[FROM:]))
    texts = tagged.infotexts[1:]
    prompts = [text.partition("\nNegative prompt")[0].partition("\nSteps")[0] for text in texts]
    assert [lora in prompt for prompt in prompts] == [frame >= FROM for frame in range(FRAMES)]
    assert frames_same(before, frames_of(sequence(host, {**settings, "prompts": f"0: a cat\n{FROM}: a dog"}, **body)))
