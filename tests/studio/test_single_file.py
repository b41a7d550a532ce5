"""One safetensors file in the layout of SD1.5's authors gives the pictures of the folder that it was made from."""

import re
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from itermix.__main__ import main
from itermix.studio.errors import StudioError
from tests.studio import original

diffusers = pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")
pytest.importorskip("transformers", reason="the studio needs transformers, which is not installed")


@pytest.fixture(scope="module")
def tensors(folders):
    return original.tensors_of(diffusers.StableDiffusionPipeline.from_pretrained(folders / "sd15"))


@pytest.fixture(scope="module")
def file(tensors, tmp_path_factory):
    return written(tensors, tmp_path_factory.mktemp("single") / "tiny.safetensors")


def written(tensors, path):
    from safetensors.torch import save_file

    save_file(tensors, path)
    return path


def test_every_tensor_arrives(file, folders):
    from itermix.studio.loading import load_components

    single, folder = load_components(file, folders / "sd15"), load_components(folders / "sd15")
    for name in ("unet", "vae", "text_encoder"):
        wanted = folder[name].state_dict()
        got = single[name].state_dict()
        assert got.keys() == wanted.keys()
        assert all(torch.equal(got[key], value) for key, value in wanted.items()), name


def render(capsys, out, *arguments):
    size = ["--width", "64", "--height", "64", "--steps", "2", "--device", "cpu"]
    code = main(["render", "red apple", "--out", str(out), *size, *arguments])
    return code, capsys.readouterr().err


def test_the_picture_is_the_folders(file, folders, tmp_path, capsys):
    one, other = tmp_path / "file.png", tmp_path / "folder.png"
    code, err = render(capsys, one, "--checkpoint", str(file), "--config", str(folders / "sd15"))
    assert code == 0, err
    assert render(capsys, other, "--checkpoint", str(folders / "sd15"))[0] == 0
    with Image.open(one) as first, Image.open(other) as second:
        assert np.array_equal(np.array(first), np.array(second))
        assert "Model: tiny" in first.info["parameters"]


@pytest.mark.parametrize("part", ["model.diffusion_model.middle_block", "first_stage_model.decoder.mid",
                                  "cond_stage_model.transformer.text_model.encoder"])  # fmt: skip
def test_a_file_without_some_tensors_is_one_line(part, tensors, folders, tmp_path, capsys):
    left = {name: value for name, value in tensors.items() if not name.startswith(part)}
    file = written(left, tmp_path / "lacking.safetensors")
    code, err = render(capsys, tmp_path / "a.png", "--checkpoint", str(file), "--config", str(folders / "sd15"))
    told, line = err.splitlines()
    assert code == 2 and told == "loading lacking" and re.search(r"lacks \d+ tensors, \w+", line), err


def test_a_file_that_was_cut_is_one_line(file, folders, tmp_path, capsys):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(file.read_bytes()[:-100])
    code, err = render(capsys, tmp_path / "a.png", "--checkpoint", str(cut), "--config", str(folders / "sd15"))
    assert code == 2 and err.count("\n") == 1 and "no whole safetensors file" in err


@pytest.mark.parametrize("tensor, kind", [
    ("cond_stage_model.transformer.text_model.final_layer_norm.weight", "StableDiffusionPipeline"),
    ("conditioner.embedders.1.model.ln_final.weight", "StableDiffusionXLPipeline"),
    ("model.diffusion_model.double_blocks.0.img_attn.proj.weight", "FluxPipeline"),
    ("double_blocks.0.img_attn.proj.weight", "FluxPipeline"),
])  # fmt: skip
def test_the_class_is_told_by_one_tensor(tensor, kind, tmp_path):
    from itermix.studio.loading import class_of_file

    assert class_of_file(written({tensor: torch.zeros(1)}, tmp_path / "a.safetensors")) == kind
    with pytest.raises(StudioError, match="of no known class; the studio opens SD1.5, SDXL and Flux"):
        class_of_file(written({"lora_down.weight": torch.zeros(1)}, tmp_path / "b.safetensors"))


def test_a_header_that_is_no_json_is_one_line(tmp_path):
    from itermix.studio.loading import class_of_file

    file = tmp_path / "a.safetensors"
    file.write_bytes(struct.pack("<Q", 4) + b"[1, ")
    with pytest.raises(StudioError, match="no whole safetensors file"):
        class_of_file(file)
