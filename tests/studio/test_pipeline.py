"""Tiny random pipelines of SD1.5's, SDXL's and Flux's classes, from end to end."""

import base64
import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from itermix.mixing.lowpass import LowPass
from itermix.mixing.reference import equalised
from itermix.mixing.settings import MixingSettings
from itermix.pictures import uploads
from itermix.pictures.sharpen import sharpened
from itermix.studio import networks
from itermix.studio.enlarging import enlarged_by
from itermix.studio.errors import Cancelled, StudioError
from itermix.studio.networks import packed, unpacked
from itermix.studio.pictures import picture_of, tensor_of
from itermix.studio.pipeline import Studio
from itermix.studio.request import Request
from itermix.studio.schedules import names

pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")
pytest.importorskip("transformers", reason="the studio needs transformers, which is not installed")

MIXING = MixingSettings(enabled=True, hires_denoise=1.0)
CLASSES = ("sd15", "sdxl", "flux")


@pytest.fixture(scope="module")
def studios(folders):
    return {name: Studio.open(folders / name, device="cpu") for name in CLASSES}


def request_for(studio, **changes):
    sampler = names(studio.network.is_flow)[0]
    asked = {"prompt": "red apple", "width": 64, "height": 48, "steps": 3, "sampler": sampler, **changes}
    return studio.network.resolved(Request(**asked))


def pixels(result):
    return np.array(result.picture)


def photo(size=(64, 48)):
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), dtype=np.uint8))


def mixed_of(steps, name=CLASSES[0]):
    """How many of so many steps are mixed: of Stable Diffusion the last one begins at the model's finest level, where
    the curve has ended."""
    return steps if name == "flux" else steps - 1


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("upscaler", ["latent", "pixel"])
def test_text_to_image_with_a_mixed_hires_pass(name, upscaler, studios):
    studio = studios[name]
    request = request_for(studio, hires=2.0, hires_steps=4, hires_upscaler=upscaler, mixing=MIXING)
    steps = []
    (result,) = studio.text_to_image(request, lambda *step: steps.append(step))
    assert result.picture.size == (128, 96)
    assert result.reports["first pass"].steps == 0 and result.reports["hires pass"].steps == mixed_of(4, name)
    assert steps == [("first pass", n, 3) for n in (1, 2, 3)] + [("hires pass", n, 4) for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("upscaler", ["latent", "pixel", "both"])
def test_four_times_in_phases_has_the_first_passs_mean_and_std(upscaler, studios):
    studio = studios[CLASSES[0]]
    request = request_for(studio, hires=4.0, hires_steps=2, hires_phases=0, hires_upscaler=upscaler, mixing=MIXING)
    steps = []
    (result,) = studio.text_to_image(request, lambda *step: steps.append(step))
    assert result.picture.size == (256, 192)
    names = ["hires pass 1 of 2", "hires pass 2 of 2"]
    assert [name for name, *_ in steps[3:]] == [name for name in names for _ in range(2)]
    assert all(result.reports[name].steps == mixed_of(2) for name in names)
    for measure in (torch.mean, torch.std):
        assert float(measure(result.latent)) == pytest.approx(float(measure(result.native)), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("passes, mixed", [("hires pass", [0, 1, 1]), ("first pass", [0, 0, 0]), ("all", [0, 1, 1])])
def test_every_phase_is_mixed_where_the_hires_pass_is(passes, mixed, studios):
    studio, mixing = studios[CLASSES[0]], dataclasses.replace(MIXING, passes=passes)
    request = request_for(studio, hires=4.0, hires_steps=2, hires_strength=1.0, hires_phases=0, mixing=mixing)
    (result,) = studio.text_to_image(request)
    assert [report.steps for report in result.reports.values()] == mixed


def test_both_takes_low_frequencies_of_the_latent_and_high_ones_of_the_pixels(studios):
    network = studios[CLASSES[0]].network
    latent = torch.randn(1, network.channels, 8, 6, generator=torch.Generator().manual_seed(0))
    size = 16 * network.reduction, 12 * network.reduction
    ways = {name: enlarged_by(name, network, latent, size) for name in ("latent", "pixel", "both")}
    lowpass, low = LowPass((2.0, 2.0)), equalised(ways["latent"].latent, (8, 6), "bicubic")
    picture = picture_of(network.decode(latent)).resize(size[::-1], Image.Resampling.LANCZOS)
    pixels, both = network.encode(tensor_of(picture)), ways["both"]
    torch.testing.assert_close(both.latent, lowpass.filter_(low.clone()) + pixels - lowpass.filter_(pixels.clone()))
    torch.testing.assert_close(ways["pixel"].latent, network.encode(tensor_of(sharpened(picture, 2.0))))
    assert both.scale == (2.0, 2.0) and both.interpolation is None and ways["pixel"].interpolation is None


@pytest.mark.parametrize("name", CLASSES)
def test_mixing_changes_the_picture_and_switched_off_does_not(name, studios):
    studio = studios[name]
    request = request_for(studio, hires=2.0)
    plain, mixed, off = (
        next(studio.text_to_image(dataclasses.replace(request, hires_strength=1.0, mixing=mixing)))
        for mixing in (MixingSettings(), MIXING, MixingSettings(enabled=True, minimum=0.0, maximum=0.0))
    )
    assert torch.equal(plain.latent, off.latent)
    assert not torch.equal(plain.latent, mixed.latent)


@pytest.mark.parametrize("name", CLASSES)
def test_every_sampler_of_the_class_runs_and_gives_the_same_twice(name, studios):
    studio = studios[name]
    for sampler in names(studio.network.is_flow):
        request = request_for(studio, sampler=sampler, hires=1.5, mixing=MIXING, width=64, height=64)
        first, again = (next(studio.text_to_image(request)) for _ in range(2))
        assert np.array_equal(pixels(first), pixels(again)), sampler


@pytest.mark.parametrize("sampler", ["DPM++ 2M", "Euler a"])
@pytest.mark.parametrize("noise", ["shared", "fresh per step"])
def test_image_k_of_a_run_equals_the_single_image(sampler, noise, studios):
    studio = studios["sd15"]
    mixing = dataclasses.replace(MIXING, noise=noise)
    request = request_for(studio, sampler=sampler, seed=5, count=3, hires=2.0, mixing=mixing)
    many = list(studio.text_to_image(request))
    single = next(studio.text_to_image(dataclasses.replace(request, seed=7, count=1)))
    assert [result.seed for result in many] == [5, 6, 7]
    assert torch.equal(many[2].latent, single.latent)
    assert not torch.equal(many[1].latent, single.latent)


@pytest.mark.parametrize("name", CLASSES)
def test_image_to_image_mixes_its_init_latent(name, studios):
    studio = studios[name]
    request = request_for(studio, strength=0.9, mixing=MIXING, steps=5)
    result = next(studio.image_to_image(request, photo()))
    assert result.picture.size == (64, 48)
    assert result.reports["first pass"].steps == mixed_of(5, name)


@pytest.mark.parametrize("name", CLASSES)
def test_inpainting_keeps_every_pixel_outside_of_the_mask(name, studios):
    studio, picture = studios[name], photo()
    mask = np.zeros((48, 64), dtype=np.uint8)
    mask[10:30, 20:50] = 255
    request = request_for(studio, strength=1.0, mixing=MIXING)
    result = next(studio.inpaint(request, picture, Image.fromarray(mask)))
    before, after = np.array(picture), pixels(result)
    assert np.array_equal(after[mask == 0], before[mask == 0])
    assert not np.array_equal(after[mask > 0], before[mask > 0])


def test_a_mask_drawn_by_its_alpha_channel_keeps_what_is_transparent(studios):
    """Black everywhere: by its brightness nothing would be painted."""
    studio, picture = studios["sd15"], photo()
    mask = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    mask.paste((0, 0, 0, 255), (20, 10, 50, 30))
    before, after = np.array(picture), pixels(next(studio.inpaint(request_for(studio, strength=1.0), picture, mask)))
    is_painted = np.array(mask.getchannel("A")) > 0
    assert np.array_equal(after[~is_painted], before[~is_painted])
    assert not np.array_equal(after[is_painted], before[is_painted])


def encoded(picture):
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_an_uploaded_reference_is_decoded_once_for_all_passes_and_pictures(studios, monkeypatch):
    calls, rgb = [], uploads.rgb
    monkeypatch.setattr(uploads, "rgb", lambda *arguments: calls.append(1) or rgb(*arguments))
    mixing = MixingSettings(
        enabled=True, passes="all", reference="uploaded image", reference_image=encoded(photo((98, 77)))
    )
    request = request_for(studios["sd15"], hires=2.0, count=2, mixing=mixing)
    results = list(studios["sd15"].text_to_image(request))
    assert all(report.steps == mixed_of(3) for result in results for report in result.reports.values())
    assert len(calls) == 1


def test_an_uploaded_reference_is_mixed_into_the_first_pass(studios):
    text = encoded(photo())
    request = request_for(studios["sd15"], mixing=MixingSettings(enabled=True, reference_image=text))
    assert next(studios["sd15"].text_to_image(request)).reports["first pass"].steps == mixed_of(3)


def test_a_run_is_cancelled_between_two_steps(studios):
    done = []
    with pytest.raises(Cancelled):
        next(
            studios["sd15"].text_to_image(
                request_for(studios["sd15"], steps=9), lambda *step: done.append(step), lambda: len(done) == 2
            )
        )
    assert len(done) == 2


def test_conditioning_equals_diffusers_own(folders, studios):
    import diffusers

    for name, cls in (("sd15", diffusers.StableDiffusionPipeline), ("sdxl", diffusers.StableDiffusionXLPipeline)):
        theirs = cls.from_pretrained(folders / name).encode_prompt(
            prompt="red apple", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        ours = studios[name].network.conditioning("red apple", (64, 64))
        assert torch.allclose(ours[0], theirs[0], atol=1e-6)
        if name == "sdxl":
            assert torch.allclose(ours[1]["text_embeds"], theirs[2], atol=1e-6)


def test_flux_picture_equals_diffusers_own(folders, studios):
    """The whole of it: conditioning, packing, shift, steps and VAE, from the same noise."""
    import diffusers

    pipeline = diffusers.FluxPipeline.from_pretrained(folders / "flux")
    noise = torch.randn(1, 4, 6, 8, generator=torch.Generator().manual_seed(1))
    theirs = pipeline(
        "red apple", height=48, width=64, num_inference_steps=3, guidance_scale=3.5, latents=packed(noise),
        output_type="latent", max_sequence_length=12,
    ).images  # fmt: skip
    ours = next(studios["flux"].text_to_image(request_for(studios["flux"], seed=1, guidance=3.5)))
    assert torch.allclose(ours.latent, unpacked(theirs, (6, 8)), atol=1e-4)


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
def test_sd_picture_equals_diffusers_own(name, folders, studios):
    """With DDIM, whose timesteps are the same in both: conditioning, guidance, steps, from the same noise."""
    import diffusers

    cls = diffusers.StableDiffusionPipeline if name == "sd15" else diffusers.StableDiffusionXLPipeline
    pipeline = cls.from_pretrained(folders / name)
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True
    )
    noise = torch.randn(1, 4, 6, 8, generator=torch.Generator().manual_seed(1))
    std = float((1 - pipeline.scheduler.alphas_cumprod[999]) ** 0.5)  # ours starts at sigma n, not at n
    theirs = pipeline(
        "red apple", negative_prompt="blue", height=48, width=64, num_inference_steps=4, guidance_scale=5.0,
        latents=noise * std, output_type="latent",
    ).images  # fmt: skip
    request = request_for(studios[name], seed=1, sampler="DDIM", steps=4, guidance=5.0, negative="blue")
    assert torch.allclose(next(studios[name].text_to_image(request)).latent, theirs, atol=1e-4)


def test_a_size_that_the_model_cannot_make_is_refused(studios):
    with pytest.raises(StudioError, match="multiple of 16"):
        request_for(studios["flux"], width=56)


def test_a_sampler_of_the_other_kind_is_refused(studios):
    with pytest.raises(StudioError, match='"Flow Euler" does not suit this model; take one of "Euler"'):
        request_for(studios["sd15"], sampler="Flow Euler")


def test_packing_is_undone():
    x = torch.randn(2, 4, 6, 8)
    assert torch.equal(networks.unpacked(packed(x), (6, 8)), x)


@pytest.mark.parametrize("steps, strength", [(0, 0.7), (10, 0.35), (3, 1.0)])
def test_the_infotexts_hires_steps_are_those_that_were_made(steps, strength, studios):
    studio = studios["sd15"]
    request = request_for(studio, hires=2.0, hires_steps=steps, hires_strength=strength)
    made = []
    (result,) = studio.text_to_image(request, lambda name, done, of: made.append((name, done)))
    last = max(done for name, done in made if name == "hires pass")
    assert f"Hires steps: {last}" in request.infotext(result.seed, (1, 1))
