"""The small checkpoints for tests on a WebUI."""

import pytest
import torch
from safetensors.torch import load_file

from tools import checkpoints
from tools.checkpoints import autoencoders

MEGABYTES = 2**20


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return list(checkpoints.write(tmp_path_factory.mktemp("checkpoints")))


def test_one_of_each_model_is_small(files):
    assert [file.stem for file in files] == list(checkpoints.MODELS)
    assert all(file.stat().st_size < 32 * MEGABYTES for file in files)


def test_a_picture_has_one_latent(files):
    """The encoder's variance is as good as 0, and a second file has the same weights."""
    ends = ("encoder.conv_out.bias", "encoder.head.2.bias")
    for file in files:
        last = next(bias for name, bias in load_file(file).items() if name.endswith(ends))
        assert torch.all(last[len(last) // 2 :] == autoencoders.NARROW), file.stem
    again = next(checkpoints.write(files[0].parent / "again"))
    assert again.read_bytes() == files[0].read_bytes()


def test_an_eps_model_predicts_something():
    """Nothing that a real UNet begins with at zero."""
    weights = checkpoints.sdxl()
    assert float(weights["model.diffusion_model.out.2.weight"].std()) == pytest.approx((64 * 9) ** -0.5, rel=0.1)
