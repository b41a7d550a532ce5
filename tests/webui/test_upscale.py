"""Iterative Upscale on the stand-in host: sizes, what a phase starts from, seeds, windows, interrupts, what is said."""

from __future__ import annotations

import json
import logging
import math
import sys

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from torch.testing import assert_close

from itermix.mixing.hires import SOURCES
from itermix.mixing.lowpass import LowPass
from itermix.mixing.reference import equalised
from itermix.pictures.sharpen import sharpened
from itermix.upscale.settings import UpscaleSettings
from tests.webui import fake_modules
from tests.webui.fake_sampling import ImageRNG, Network, Sampler
from tools.real_host import as_base64

KEY = "Iterative Upscale"
ENCODED = dict(rtol=0.0, atol=8e-3)  # the stand-in's encoder adds noise of 1e-3
FILTERS = {"Nearest": Image.Resampling.NEAREST}
AXES = (1, 2, 3)


@pytest.fixture
def enlarged(fake, picture):
    """A run of the script; in img2img on the picture, unless another is given."""
    fake.arm(watch=True)

    def run(tab="img2img", mixing=None, body=None, **settings):
        asked = {"init_images": [as_base64(picture)], **(body or {})} if tab == "img2img" else body or {}
        return fake.generate(tab, mixing, script_name=KEY, script_args=[settings], **asked)

    yield run
    fake.arm()


def encoded(picture):
    """Of a picture, without the encoder's noise."""
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255.0
    small = torch.nn.functional.avg_pool2d(pixels * 2.0 - 1.0, 8)
    return torch.cat([small, small.mean(1, keepdim=True)], dim=1)


def restored(latent, like):
    centred = (latent - latent.mean(AXES, keepdim=True)) / latent.std(AXES, keepdim=True)
    return centred * like.std(AXES, keepdim=True) + like.mean(AXES, keepdim=True)


def z_ref(fake):
    return torch.from_numpy(fake.trace()["z_ref"])


@pytest.mark.parametrize("sides, multiple, made", [
    ((16, 24), 64, (64, 64)), ((90, 61), 64, (192, 128)), ((1060, 90), 64, (2112, 192)), ((90, 61), 1, (176, 112)),
])  # fmt: skip
def test_a_picture_of_any_size_is_enlarged_to_the_nearest_one_that_the_host_makes(
    enlarged, results, monkeypatch, sides, multiple, made
):
    """Of the picture's own size, in one phase. Forge Neo has multiples of 64 alone, and makes 0 of what is below 32."""
    of_host = sys.modules["modules"].processing
    monkeypatch.setattr(of_host, "sRound", lambda side: math.floor(side / multiple + 0.5) * multiple, raising=False)
    small = Image.linear_gradient("L").resize(sides).convert("RGB")
    large = enlarged(factor=2, body={"init_images": [as_base64(small)]}).pictures[0]
    assert large.shape == (made[1], made[0], 3) and len(results) == 1


@pytest.mark.parametrize("tab, sides", [("img2img", [16, 32]), ("txt2img", [8, 16, 32])])
def test_four_times_is_two_phases(fake, enlarged, results, tab, sides):
    made = enlarged(tab, factor=4)
    assert [latent.shape[-1] for latent in results] == sides
    assert made.pictures[0].shape == (256, 256, 3) and len(made.pictures) == 1
    names = [line.split(":")[0] for line in made.log]
    assert names == ["phase 1 of 2", "phase 2 of 2"] and all(", mixed " in line for line in made.log)


@pytest.mark.parametrize("factor, phases, sides", [
    (1.0, 0, [8]), (1.5, 0, [12]), (3.0, 0, [14, 24]), (8.0, 0, [16, 32, 64]), (8.0, 1, [64]), (2.0, 3, [10, 13, 16]),
])  # fmt: skip
def test_any_factor_in_any_number_of_phases(enlarged, results, factor, phases, sides):
    made = enlarged(factor=factor, phases=phases)
    assert [latent.shape[-1] for latent in results] == sides and made.pictures[0].shape[0] == 8 * sides[-1]


def test_the_picture_is_enlarged_from_its_own_size_whatever_the_page_says(fake, enlarged, results, picture):
    wide = picture.resize((100, 48))
    made = enlarged(body={"init_images": [as_base64(wide)], "width": 512, "height": 512}, factor=2)
    assert made.pictures[0].shape == (96, 192, 3)
    assert "Size: 96x48" in made.infotexts[0]  # by which the request is made again
    assert (fake.p.width, fake.p.height) == (512, 512)  # of the caller's own


@pytest.mark.parametrize("upscaler", ["Lanczos", "Nearest", "None"])
@pytest.mark.parametrize("source", SOURCES)
def test_a_phase_starts_from_the_reference_that_is_asked_for(fake, enlarged, picture, source, upscaler):
    enlarged(factor=2, reference=source, upscaler=upscaler)
    small = encoded(picture)
    pixel = encoded(picture.resize((128, 128), FILTERS.get(upscaler, Image.Resampling.LANCZOS)))
    latent = torch.nn.functional.interpolate(small, scale_factor=2, mode="bicubic")
    lowpass, known = LowPass((2.0, 2.0)), equalised(latent, (8, 8), "bicubic")
    both = lowpass.filter_(known.clone()) + pixel - lowpass.filter_(pixel.clone())
    if upscaler == "Lanczos":  # the filter alone leaves soft edges
        pixel = encoded(sharpened(picture.resize((128, 128), Image.Resampling.LANCZOS), 2.0))
    assert_close(z_ref(fake), {"latent": latent, "pixel": pixel, "both": both}[source], **ENCODED)


def test_the_second_phase_starts_from_the_first_ones_latent_with_its_contrast_put_back(
    fake, enlarged, results, picture
):
    enlarged(factor=4, reference="latent")
    first = restored(results[0], encoded(picture))
    assert_close(z_ref(fake), torch.nn.functional.interpolate(first, scale_factor=2, mode="bicubic"), **ENCODED)


def test_with_the_accordion_off_it_mixes_by_the_defaults_and_with_it_on_by_its_settings(enlarged):
    off, on = enlarged(factor=2), enlarged(factor=2, mixing={"enabled": True})
    other = enlarged(factor=2, mixing={"enabled": True, "alpha_1": 3.0})
    none = enlarged(factor=2, mixing={"enabled": True, "maximum": 0.0})
    assert "weight 0.9" in off.log[0] or "weight 1.0" in off.log[0]
    assert np.array_equal(off.pictures[0], on.pictures[0])
    assert not np.array_equal(off.pictures[0], other.pictures[0])
    assert "nothing mixed: the weight is 0" in none.log[0]
    assert '"alpha_1": 3.0' in other.infotexts[0].replace("\\", "") and "Iterative Mixing:" not in off.infotexts[0]


@pytest.mark.parametrize("passes, is_mixed", [("all", True), ("hires pass", True), ("first pass", False)])
def test_phases_count_as_hires_passes(enlarged, passes, is_mixed):
    made = enlarged(factor=2, mixing={"enabled": True, "passes": passes})
    assert (", mixed " in made.log[0]) == is_mixed


def test_txt2imgs_first_pass_is_the_hosts_own_and_says_nothing(fake, enlarged, results):
    made = enlarged("txt2img", factor=2)
    (plain,) = (fake.generate().pictures,)
    native = fake_modules.pictures_of(torch.stack(list(fake_modules.decode_latent_batch(None, results[0]))))
    assert np.array_equal(np.array(native[0]), plain[0])
    assert not any("first pass" in line for line in made.log)


def test_hires_fix_is_left_out_and_the_script_says_so(enlarged, results):
    made = enlarged("txt2img", body={"enable_hr": True}, factor=2)
    assert [latent.shape[-1] for latent in results] == [8, 16]
    assert any("hires fix is left out" in line for line in made.log)
    assert "hires fix is left out" in made.info["extra_generation_params"][f"{KEY} messages"][0]


def test_denoising_strength_and_steps_are_the_scripts_own(fake, enlarged, monkeypatch):
    seen, own = [], Sampler.sample_img2img

    def watched(self, p, *args, **more):
        seen.append((p.denoising_strength, more["steps"]))
        return own(self, p, *args, **more)

    monkeypatch.setattr(Sampler, "sample_img2img", watched)
    enlarged(factor=4, denoise=0.55, steps=9, body={"denoising_strength": 0.2, "steps": 6})
    enlarged(factor=2, body={"steps": 7})
    assert seen == [(0.55, 9), (0.55, 9), (0.7, 7)]
    assert len(fake.trace()["evaluations"]) == 7


def test_the_infotext_of_img2img_has_the_strength_of_the_phases(enlarged):
    made = enlarged(factor=2, denoise=0.55, body={"denoising_strength": 0.2})
    assert "Denoising strength: 0.55" in made.infotexts[0]


def test_seeds_are_the_pictures_own_or_the_scripts(fake, enlarged, picture):
    body = {"seed": 5, "batch_size": 2, "n_iter": 2}
    enlarged(factor=2, body=body)
    assert np.array_equal(fake.trace()["noise"], ImageRNG((4, 16, 16), [7, 8]).next())
    made = enlarged(factor=2, seed=40, body=body)
    assert np.array_equal(fake.trace()["noise"], ImageRNG((4, 16, 16), [42, 43]).next())
    assert made.info["all_seeds"] == [5, 6, 7, 8] and "Seed: 5," in made.infotexts[0]


def test_a_picture_is_the_same_alone_and_in_a_batch(enlarged):
    torch.manual_seed(0)
    batch = enlarged(factor=4, body={"batch_size": 3, "seed": 5})
    alone = enlarged(factor=4, body={"seed": 7})
    assert np.abs(batch.pictures[-1].astype(int) - alone.pictures[0]).max() <= 3  # the encoder draws its noise anew


def written_into(picture, text):
    """A picture as base64 that has parameters in it."""
    import base64
    import io

    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", text)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=info)
    return base64.b64encode(buffer.getvalue()).decode()


PARAMETERS = "a blue fish\nNegative prompt: red\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1234, Size: 64x64"


def test_prompt_and_seed_of_the_picture_itself_on_request(fake, enlarged, picture):
    body = {"init_images": [written_into(picture, PARAMETERS)]}
    own = enlarged(factor=2, own_parameters=True, body=body)
    assert own.infotexts[0].startswith("a blue fish\nNegative prompt: red\n") and "Seed: 1234," in own.infotexts[0]
    same = enlarged(factor=2, body={**body, "prompt": "a blue fish", "negative_prompt": "red", "seed": 1234})
    assert np.abs(own.pictures[0].astype(int) - same.pictures[0]).max() <= 3
    assert enlarged(factor=2, body=body).infotexts[0].startswith("a cat\n")


@pytest.mark.parametrize("seed", ["abc", "-1", "1.5", str(2**64), "9" * 5000, "\u0664"], ids=range(6))
def test_a_seed_in_a_picture_that_is_none_is_said_and_the_pages_used(enlarged, picture, seed):
    body = {"init_images": [written_into(picture, PARAMETERS.replace("1234", seed))], "seed": 9}
    made = enlarged(factor=2, own_parameters=True, body=body)
    assert made.infotexts[0].startswith("a blue fish\n") and "Seed: 9," in made.infotexts[0]
    assert any("is no seed; the page's is used" in line for line in made.log)


def test_of_several_pictures_each_has_its_own_and_one_without_the_pages(enlarged, picture):
    images = [written_into(picture, PARAMETERS), as_base64(picture)]
    made = enlarged(factor=2, own_parameters=True, body={"init_images": images, "batch_size": 2, "seed": 9})
    assert [text.split("\n")[0] for text in made.infotexts[-2:]] == ["a blue fish", "a cat"]
    assert made.info["all_seeds"] == [1234, 9]
    assert any("picture 2 holds no parameters" in line for line in made.log)


def test_intermediate_sizes_are_kept_on_request(fake, enlarged, results, monkeypatch, tmp_path):
    made = enlarged(factor=4, keep_sizes=True, body={"save_images": True, "outpath_samples": str(tmp_path)})
    assert [picture.shape[0] for picture in made.pictures] == [256, 128]
    assert len(made.infotexts) == 2 and all(KEY in text for text in made.infotexts)
    assert not list(tmp_path.glob("*-128x128.png"))  # the host's options keep nothing
    from modules import shared

    monkeypatch.setattr(shared.opts, "samples_save", True)
    enlarged(factor=4, keep_sizes=True, body={"save_images": True, "outpath_samples": str(tmp_path)})
    with Image.open(next(tmp_path.glob("*-128x128.png"))) as kept:
        assert kept.size == (128, 128)


@pytest.mark.parametrize("flag", ["interrupted", "skipped"])
@pytest.mark.parametrize("tab, cut, side, said", [
    ("img2img", 0, 128, "stopped in phase 1 of 3; no phase was finished"),
    ("img2img", 1, 128, "stopped in phase 2 of 3; phase 1 is kept"),
    ("img2img", 2, 256, "stopped in phase 3 of 3; phase 2 is kept"),
    ("txt2img", 0, 64, ""),
    ("txt2img", 1, 64, "stopped in phase 1 of 3; the first pass is kept"),
    ("txt2img", 2, 128, "stopped in phase 2 of 3; phase 1 is kept"),
])  # fmt: skip
def test_interrupted_it_keeps_the_last_finished_phase(enlarged, monkeypatch, tab, cut, side, said, flag):
    from modules import shared

    calls = []

    def launch(self, steps, func):
        calls.append(1)
        if len(calls) == cut + 1:
            setattr(shared.state, flag, True)
        return func()

    monkeypatch.setattr(Sampler, "launch_sampling", launch)
    try:
        made = enlarged(tab, factor=8)
    finally:
        shared.state.interrupted = shared.state.skipped = False
    assert made.pictures[0].shape == (side, side, 3) and len(calls) == cut + 1
    assert not said or any(said in line for line in made.log)


def failing(monkeypatch, number):
    """The host's sampling number so many, from 0 on, wants more memory than there is."""
    calls = []

    def launch(self, steps, func):
        calls.append(1)
        if len(calls) == number + 1:
            raise torch.cuda.OutOfMemoryError("too large")
        return func()

    monkeypatch.setattr(Sampler, "launch_sampling", launch)


@pytest.mark.parametrize("tab, number, side, said", [
    ("img2img", 1, 128, "stopped in phase 2 of 3; phase 1 is kept"),
    ("img2img", 2, 256, "stopped in phase 3 of 3; phase 2 is kept"),
    ("txt2img", 1, 64, "stopped in phase 1 of 3; the first pass is kept"),
    ("txt2img", 3, 256, "stopped in phase 3 of 3; phase 2 is kept"),
])  # fmt: skip
def test_out_of_memory_in_a_phase_leaves_the_picture_before_it(enlarged, monkeypatch, tab, number, side, said):
    failing(monkeypatch, number)
    made = enlarged(tab, factor=8)
    assert made.pictures[0].shape == (side, side, 3)
    assert made.log[-1].endswith(f"{said}: OutOfMemoryError: too large")


def test_out_of_memory_before_anything_is_finished_is_the_hosts(enlarged, monkeypatch):
    failing(monkeypatch, 0)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        enlarged("img2img", factor=8)


def evaluated_sizes(monkeypatch):
    """Grows by the size of each evaluation of the network."""
    sizes, own = [], Network.forward
    monkeypatch.setattr(
        Network, "forward", lambda self, x, *a, **k: sizes.append(tuple(x.shape[-2:])) or own(self, x, *a, **k)
    )
    return sizes


def test_in_windows_the_network_sees_parts_and_the_picture_stays(enlarged, monkeypatch, picture):
    sizes = evaluated_sizes(monkeypatch)
    torch.manual_seed(0)
    whole = enlarged(factor=8, phases=1, steps=2)
    assert sizes == [(64, 64)] * 2
    sizes.clear()
    torch.manual_seed(0)
    parts = enlarged(factor=8, phases=1, steps=2, windows="on", window_size=256, window_overlap=0.25)
    assert sizes == [(32, 32)] * 18  # 3 x 3 windows with a stride of 24
    assert np.abs(whole.pictures[0].astype(int) - parts.pictures[0]).max() <= 1  # the network sees single pixels


@pytest.mark.parametrize("sampler", ["DDIM", "UniPC", "Heun", "DPM++ 2M", "LMS"])
def test_windows_serve_every_kind_of_sampler(enlarged, sampler):
    torch.manual_seed(0)
    whole = enlarged(factor=8, phases=1, body={"sampler_name": sampler})
    torch.manual_seed(0)
    parts = enlarged(factor=8, phases=1, body={"sampler_name": sampler}, windows="on", window_size=256)
    assert np.abs(whole.pictures[0].astype(int) - parts.pictures[0]).max() <= 1


@pytest.mark.parametrize("windows, free, sides", [
    ("automatic", None, {64}), ("automatic", 2**40, {64}), ("automatic", 150 * 2**20, {48}), ("automatic", 1, {32}),
    ("off", 1, {64}),
])  # fmt: skip
def test_windows_go_by_the_free_memory(enlarged, monkeypatch, windows, free, sides):
    from itermix.webui.compat import networks

    monkeypatch.setattr(networks, "free_memory", lambda: free)
    sizes = evaluated_sizes(monkeypatch)
    enlarged(factor=8, phases=1, windows=windows)
    assert {height for height, _ in sizes} == sides


def test_the_network_is_the_hosts_own_again_after_a_phase(fake, enlarged):
    enlarged(factor=4, windows="on", window_size=256)
    assert "forward" not in vars(fake.p.sampler.model_wrap_cfg.inner_model if fake.p.sampler else Network(False))


@pytest.mark.parametrize("settings, message", [
    ({"factor": 9}, "factor: 9 is not allowed; it takes a number from 1 to 8"),
    ({"factor": 8, "phases": 2}, "phases: 2 is not allowed for 8x; it takes 0, 1, or as many as keep each at 2x"),
    ({"upscaler": "R-ESRGAN"}, 'upscaler: \'R-ESRGAN\' is not allowed; it takes one of "Lanczos", "None", "Nearest"'),
    ({"windows": "maybe"}, 'windows: \'maybe\' is not allowed; it takes one of "automatic", "off", "on"'),
    ({"scale": 2}, "'scale' is not a setting"),
])  # fmt: skip
def test_what_is_not_allowed_is_refused_by_name_and_the_plain_picture_is_made(fake, enlarged, settings, message):
    made = enlarged("txt2img", **settings)
    assert made.same_as(fake.generate())
    assert message in made.infotexts[0].replace("\\", "") and any(message in line for line in made.log)


def test_a_mask_is_refused_by_name(enlarged, picture):
    made = enlarged(body={"init_images": [as_base64(picture)], "mask": as_base64(picture.convert("L"))}, factor=2)
    assert any("mask: a mask is not allowed" in line for line in made.log)


def test_positional_arguments_are_those_of_the_object(fake, enlarged, picture):
    asked = dict(init_images=[as_base64(picture)], script_name=KEY)
    torch.manual_seed(0)
    named = fake.generate("img2img", script_args=[{"factor": 4, "upscaler": "Nearest"}], **asked)
    torch.manual_seed(0)
    positional = fake.generate("img2img", script_args=[4, "Nearest"], **asked)
    assert named.same_as(positional)


def test_the_infotext_gives_the_settings_back(enlarged):
    settings = {"factor": 4.0, "phases": 3, "reference": "both", "seed": 7, "windows": "off"}
    text = enlarged(**settings).infotexts[0]
    written = json.loads(f'"{text.partition(f"{KEY}: ")[2][1:].partition("}")[0]}}}"')
    assert UpscaleSettings.from_infotext(written) == UpscaleSettings(**settings)
    assert f"Script: {KEY}" in text


def test_tiled_vae_is_said_to_be_missing_where_the_host_has_none(enlarged):
    assert any("this WebUI has no tiled VAE" in line for line in enlarged(factor=2, tiled_vae=True).log)
    assert not any("tiled" in line for line in enlarged(factor=2).log)


@pytest.mark.parametrize("tab, passes", [("img2img", 6), ("txt2img", 8)])
def test_the_progress_counts_all_phases_of_all_batches(enlarged, tab, passes):
    from modules import shared

    enlarged(tab, factor=4, phases=3, body={"n_iter": 2})
    assert shared.state.job_count == shared.state.job_no == passes


def test_a_fault_in_what_is_kept_beside_costs_a_line_and_no_picture(enlarged, monkeypatch):
    from itermix.webui.compat import pictures

    monkeypatch.setattr(pictures, "infotext_of", lambda p, index: 1 / 0)
    made = enlarged(factor=4, keep_sizes=True)
    assert made.pictures[0].shape[0] == 256 and any("was not kept: ZeroDivisionError" in line for line in made.log)


def test_afterwards_the_request_is_as_it_was(fake, enlarged):
    enlarged(factor=4, seed=3)
    p = fake.p
    assert "itermix" not in vars(p) and "sample" not in vars(p) and KEY not in p.extra_generation_params
    assert logging.getLogger("itermix") and not p.enable_hr
