"""Flow models on a host: sizes from the engine's VAE, latents of video, and what is refused by name."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from tools.real_host import as_base64

ON = {"enabled": True}


@pytest.fixture
def flow_model(fake, monkeypatch):
    """The fake host's model, as the hosts tell a flow model (A1111's SD3)."""
    fake.arm()
    model = SimpleNamespace(sd_model_hash="fake", add_noise_to_latent=None)
    monkeypatch.setattr(sys.modules["modules"].shared, "sd_model", model)


def latent(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


VIDEO = (1, 4, 3, 8, 8)  # [B, C, T, H, W]
NOISE = latent(0, *VIDEO)


@pytest.mark.parametrize("x, expected", [
    (torch.zeros(VIDEO), True),
    (torch.arange(4.0).reshape(1, 4, 1, 1, 1).expand(VIDEO), True),  # zeros, whitened channel by channel (Wan)
    (NOISE.clone(), True),
    (0.8 * NOISE, True),  # img2img's noise multiplier
    (latent(1, *VIDEO), False),
    (0.9 * latent(1, *VIDEO) + 0.1 * NOISE, False),
    (torch.cat([torch.ones(1, 4, 3, 8, 7), torch.zeros(1, 4, 3, 8, 1)], dim=-1), False),  # a plain picture and its edge
])  # fmt: skip
def test_a_placeholder_is_told_from_a_picture(fake, x, expected):
    from itermix.webui.mixing import flow

    assert flow.is_placeholder(x, NOISE) is expected


@pytest.mark.parametrize("sampler", ["DDIM", "PLMS", "UniPC"])
def test_samplers_by_timestep_are_refused_on_a_flow_model(fake, flow_model, picture, sampler):
    body = dict(init_images=[as_base64(picture)], sampler_name=sampler)
    torch.manual_seed(0)  # of the encoder's draw
    made = fake.generate("img2img", ON, **body)
    assert any(f'the sampler "{sampler}" is wrong for flow models' in line for line in made.log), made.log
    torch.manual_seed(0)
    assert made.same_as(fake.generate("img2img", **body))


@pytest.mark.parametrize("sampler", ["DDIM", "PLMS", "UniPC"])
def test_they_are_mixed_on_other_models(fake, picture, sampler):
    made = fake.generate("img2img", ON, init_images=[as_base64(picture)], sampler_name=sampler)
    assert not any("wrong for flow models" in line for line in made.log)
    assert any(" steps, weight " in line for line in made.log)


def test_a_sampler_of_flow_models_is_refused_on_others(fake, flow_model, monkeypatch):
    """Forge Neo's DPM++ 2s a RF, which takes the logarithm of (1 - sigma) / sigma."""
    from itermix.webui.mixing import flow

    def sample_dpmpp_2s_ancestral_RF():
        pass

    sampler = SimpleNamespace(config=SimpleNamespace(name="DPM++ 2s a RF"), func=sample_dpmpp_2s_ancestral_RF)
    assert flow.wrong_sampler(sampler) is None
    monkeypatch.setattr(sys.modules["modules"].shared, "sd_model", SimpleNamespace())
    assert flow.wrong_sampler(sampler) == 'the sampler "DPM++ 2s a RF" is for flow models; take Euler'
    sampler.func = fake_euler = lambda: None
    fake_euler.__name__ = "sample_euler"
    assert flow.wrong_sampler(sampler) is None


def test_noise_in_the_place_of_an_init_latent_is_no_reference(fake, flow_model):
    from itermix.webui.mixing import flow

    p = SimpleNamespace(sampler=SimpleNamespace(config=SimpleNamespace(name="Euler"), func=None))
    assert "holds no picture" in flow.refusal(p, NOISE.clone(), NOISE, is_own=True)
    assert flow.refusal(p, NOISE.clone(), NOISE, is_own=False) is None  # txt2img's first pass: an upload is mixed
    assert flow.refusal(p, latent(1, *VIDEO), NOISE, is_own=True) is None


@pytest.mark.parametrize("ratio, expected", [
    (8, 8), (16, 16), ((len, 8, 8), 8), ((len, 16, 16), 16), (len, 8), (None, 8),
])  # fmt: skip
def test_the_reduction_is_that_of_the_engines_vae(fake, ratio, expected):
    from itermix.webui.compat import latents

    model = SimpleNamespace(forge_objects=SimpleNamespace(vae=SimpleNamespace(downscale_ratio=ratio)))
    assert latents.reduction_of(model) == expected
    assert latents.reduction_of(SimpleNamespace()) == 8


def test_an_uploaded_reference_is_encoded_at_the_size_that_the_vae_asks_for(fake, monkeypatch):
    """Flux.2: 128 channels, 16 pixels each; and the engine would take what it has encoded as a picture to be edited."""
    from itermix.webui.compat import latents

    asked = []
    kept = latent(3, 1, 128, 4, 4)

    def encode(image, method, model):
        asked.append(tuple(image.shape))
        model.ini_latent = "the upload"
        return torch.nn.functional.avg_pool2d(image, 16).mean(1, keepdim=True).expand(-1, 128, -1, -1)

    monkeypatch.setattr(latents.sd_samplers_common, "images_tensor_to_samples", encode)
    vae = SimpleNamespace(downscale_ratio=16)
    model = SimpleNamespace(forge_objects=SimpleNamespace(vae=vae), ini_latent=kept)
    p = SimpleNamespace(sd_model=model)
    like = torch.zeros(2, 128, 4, 6)
    red = Image.new("RGB", (48, 32), (255, 0, 0))
    assert latents.encode(p, red, "stretch", like).shape == (1, 128, 4, 6)
    assert asked == [(1, 3, 64, 96)]
    assert model.ini_latent is kept
    assert latents.fitting_scale(p, red, "stretch", like) == (2.0, 2.0)


def test_what_a_model_of_videos_decodes_is_a_picture_for_each_frame(fake):
    """Qwen-Image, Anima, Krea 2 and Wan: [B, T, 3, H, W]."""
    from itermix.webui.compat import latents

    colours = torch.tensor([[-1.0, 0.0, 1.0], [1.0, 1.0, -1.0]])
    values = colours[:, None, :, None, None].expand(2, 1, 3, 4, 6)
    assert [one.getcolors() for one in latents.pictures_of(values)] == [[(24, (0, 127, 255))], [(24, (255, 255, 0))]]
    assert len(latents.pictures_of(values.expand(2, 5, 3, 4, 6))) == 10


def test_each_picture_of_a_batch_is_encoded_where_the_encoder_takes_the_first_alone(fake, monkeypatch):
    """Qwen-Image; and Wan, which takes several for the start of a film."""
    from itermix.webui.compat import latents

    def encode(image, method, model):
        return image[:1].mean(dim=(2, 3), keepdim=True)[:, :, None].expand(1, 3, 1, 8, 8)

    monkeypatch.setattr(latents.sd_samplers_common, "images_tensor_to_samples", encode)
    pictures = [Image.new("RGB", (64, 64), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    made = latents.encode_all(SimpleNamespace(sd_model=SimpleNamespace()), pictures, torch.zeros(2, 3, 1, 8, 8))
    assert made.shape == (2, 3, 1, 8, 8) and made[:, :, 0, 0, 0].tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


@pytest.mark.parametrize("how", ["replaced", "cleared"])
def test_what_an_engine_is_to_edit_stays_when_an_upload_is_encoded(fake, monkeypatch, how):
    """Anima keeps it in a list of all engines, and puts there what it encodes, or nothing."""
    from itermix.webui.compat import latents

    mine = latent(4, 1, 16, 1, 8, 8)
    for_all = SimpleNamespace(ref_latents=[mine])
    monkeypatch.setitem(sys.modules, "backend.args", SimpleNamespace(dynamic_args=for_all))

    def encode(image, method, model):
        if how == "cleared":
            for_all.ref_latents.clear()
        else:
            for_all.ref_latents = [image]
        return torch.zeros(1, 16, 1, 8, 8)

    monkeypatch.setattr(latents.sd_samplers_common, "images_tensor_to_samples", encode)
    p = SimpleNamespace(sd_model=SimpleNamespace())
    latents.encode_all(p, [Image.new("RGB", (64, 64))], torch.zeros(1, 16, 1, 8, 8))
    assert len(for_all.ref_latents) == 1 and for_all.ref_latents[0] is mine


@pytest.mark.parametrize("frames, drawn", [(3, 1), (1, 5)])
def test_the_noise_of_a_film_is_one_whatever_its_pictures_are(fake, frames, drawn):
    """Forge Neo counts a Wan video's 5 pictures as a batch; of latents of one frame (Qwen-Image) each has its own."""
    from itermix.webui.compat import sampling

    p = SimpleNamespace(
        seeds=[1, 2, 3, 4, 5], subseeds=[0] * 5, subseed_strength=0.0, seed_resize_from_h=0, seed_resize_from_w=0
    )
    _, noise = sampling.noise_of(p, torch.zeros(1, 4, frames, 8, 8))
    assert noise.shape == (drawn, 4, frames, 8, 8)
    assert torch.equal(noise[0], torch.randn(4, frames, 8, 8, generator=torch.Generator().manual_seed(1)))


def test_a_trace_shows_the_middle_frame_of_a_video(fake, monkeypatch):
    from modules import sd_vae_approx

    from itermix.webui.compat import latents

    def approximation(sample):  # as Forge Neo's: a picture of one frame, a film of more
        return sample[:, :3, 0] if sample.dim() == 5 and sample.shape[2] == 1 else sample[:, :3]

    monkeypatch.setattr(sd_vae_approx, "cheap_approximation", approximation)
    film = torch.zeros(16, 3, 4, 6)
    film[:3, 1] = 1.0
    assert latents.preview(film).getcolors() == [(24, (255, 255, 255))]
    assert latents.preview(torch.zeros(4, 4, 6)).getcolors() == [(24, (128, 128, 128))]


COSINE = '{"alpha_1": 1}'
FLOW_SIGMAS = "1,0.9,0.6,0.3"


def test_the_curves_route_takes_sigmas_as_those_of_the_model_that_is_loaded(fake, flow_model, monkeypatch):
    """Pure noise is all reference, and the last step of a flow run lets go; of Stable Diffusion 1 is a middle level."""
    from itermix.webui import api
    from itermix.webui.compat import sampling

    monkeypatch.setattr(sampling, "loaded_model", lambda: sys.modules["modules"].shared.sd_model)
    weights = api.weights(20, COSINE, FLOW_SIGMAS)["weights"]
    assert weights[0] == pytest.approx((1 + math.cos(math.pi / 1000)) / 2)  # the first of 1000 training steps
    assert weights[-1] == pytest.approx((1 + math.cos(0.95 * math.pi)) / 2)
    assert weights == api.weights(20, COSINE, FLOW_SIGMAS, flow=True)["weights"]
    of_diffusion = api.weights(20, COSINE, FLOW_SIGMAS, flow=False)["weights"]
    assert of_diffusion[0] < 0.8
    monkeypatch.setattr(sampling, "loaded_model", lambda: None)
    assert api.weights(20, COSINE, FLOW_SIGMAS)["weights"] == of_diffusion


@pytest.mark.parametrize("sigmas", ["14.6,0.5", "0.5,0.6", "1.001"])
def test_the_curves_route_refuses_sigmas_that_no_flow_run_has(fake, sigmas):
    from itermix.settings import SettingsError
    from itermix.webui import api

    with pytest.raises(SettingsError, match="sigmas: of a flow model they fall, from 1 at most"):
        api.weights(20, "{}", sigmas, flow=True)
    assert len(api.weights(20, "{}", sigmas, flow=False)["weights"]) == len(sigmas.split(","))


def test_every_prompt_of_a_sequence_is_encoded_with_the_picture_that_the_first_has_used_up(fake):
    """Forge Neo's Klein forgets it with the first prompt; a prompt that the host remembers would not take it up."""
    from itermix.webui.compat import edited

    mine, others, forgotten = latent(5, 1, 16, 8, 8), latent(6, 1, 16, 8, 8), []
    model = SimpleNamespace(ini_latent=mine)
    p = SimpleNamespace(sd_model=model, clear_prompt_cache=lambda: forgotten.append("prompts"))
    picture = edited.waiting(p)
    model.ini_latent = others  # of a hires pass meanwhile
    for _ in range(2):
        with edited.together_with(model, picture):
            assert model.ini_latent is mine
            model.ini_latent = None
        assert model.ini_latent is others
    assert forgotten == ["prompts"]
    with edited.together_with(SimpleNamespace(), None) as nothing:
        assert nothing is None
