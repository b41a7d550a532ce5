"""VAEs of other reductions, and a deterministic one (AutoencoderDC), which has no distribution to take a mode of."""

from __future__ import annotations

import json

import pytest
import torch

from itermix.studio import networks
from itermix.studio.pipeline import Studio
from itermix.studio.request import Request
from tests.studio import fixtures

diffusers = pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")

CHANNELS = 16
WIDTHS = {4: (8, 8, 16), 8: (8, 8, 8, 16)}  # by reduction


def autoencoder_dc(reduction):
    widths = WIDTHS[reduction]
    plain = ((),) * len(widths)
    return diffusers.AutoencoderDC(
        latent_channels=CHANNELS, attention_head_dim=8, encoder_block_out_channels=widths,
        decoder_block_out_channels=widths, encoder_layers_per_block=(1,) * len(widths),
        decoder_layers_per_block=(1,) * len(widths), encoder_qkv_multiscales=plain, decoder_qkv_multiscales=plain,
        scaling_factor=0.5,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """SD1.5's class with such a VAE, in diffusers' layout, by reduction."""
    root = tmp_path_factory.mktemp("autoencoders")
    for reduction in WIDTHS:
        folder = root / str(reduction)
        torch.manual_seed(0)
        fixtures.sd15(root / "tokenizers" / str(reduction)).save_pretrained(folder)
        autoencoder_dc(reduction).save_pretrained(folder / "vae")
        fixtures.unet(in_channels=CHANNELS, out_channels=CHANNELS).save_pretrained(folder / "unet")
        index = json.loads((folder / "model_index.json").read_text())
        index["vae"] = ["diffusers", "AutoencoderDC"]
        (folder / "model_index.json").write_text(json.dumps(index))
    return root


@pytest.mark.parametrize("reduction", WIDTHS)
def test_a_picture_is_encoded_as_the_vae_itself_does(folders, reduction):
    network = Studio.open(folders / str(reduction), device="cpu").network
    picture = torch.rand(1, 3, 32, 64, generator=torch.Generator().manual_seed(1))
    latent = network.encode(picture)
    assert latent.shape == (1, CHANNELS, 32 // reduction, 64 // reduction)
    with torch.inference_mode():
        expected = network.vae.encode(picture * 2 - 1).latent * 0.5
        decoded = network.vae.decode(expected / 0.5, return_dict=False)[0]
    torch.testing.assert_close(latent, expected, rtol=0, atol=0)
    torch.testing.assert_close(network.decode(latent), (decoded / 2 + 0.5).clamp(0, 1), rtol=0, atol=0)


@pytest.mark.parametrize("reduction", WIDTHS)
def test_a_picture_has_the_size_that_was_asked_for(folders, reduction):
    studio = Studio.open(folders / str(reduction), device="cpu")
    asked = Request(prompt="red apple", width=64, height=48, steps=2, sampler="Euler", seed=1)
    (result,) = studio.text_to_image(studio.network.resolved(asked))
    assert result.picture.size == (64, 48)


def test_each_stage_of_a_kl_autoencoder_halves():
    assert networks.reduction_of(fixtures.vae()) == 8
