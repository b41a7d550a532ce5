"""Hires fix with mixing on: what its second pass is made from, in phases, with its own seed, interrupted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from itermix.mixing.hires import SOURCES
from itermix.mixing.lowpass import LowPass
from itermix.mixing.reference import equalised
from itermix.pictures.sharpen import sharpened
from tests.webui import fake, fake_modules
from tests.webui.fake_processing import Processing
from tests.webui.fake_sampling import ImageRNG, Sampler

UPSCALERS = ("Latent", "Lanczos", "Nearest")
FILTERS = {"Nearest": Image.Resampling.NEAREST}
ENCODED = dict(rtol=0.0, atol=6e-3)  # the stand-in's encoder adds noise of 1e-3


@pytest.fixture
def hires(fake):
    """A run with hires fix, and what the probe saw of its last pass."""
    fake.arm(watch=True)

    def run(upscaler="Latent", scale=2.0, mixing=None, **body):
        generation = fake.generate(
            mixing=mixing, enable_hr=True, hr_upscaler=upscaler, hr_scale=scale, denoising_strength=0.5, **body
        )
        return generation, {name: torch.from_numpy(np.asarray(value)) for name, value in fake.trace().items()
                            if name in ("z_ref", "noise")}  # fmt: skip

    yield run
    fake.arm()


class ProcessingOfNeo(Processing):
    """Forge Neo's hires pass is given pictures in [0, 1], and leaves them so."""

    def sample(self, conditioning, unconditional_conditioning, **more):
        x = self._first_pass(conditioning, unconditional_conditioning)
        values = torch.stack(list(fake_modules.decode_latent_batch(self.sd_model, x)))
        decoded = torch.clamp((values + 1.0) / 2.0, min=0.0, max=1.0)
        return self.sample_hr_pass(x, decoded, self.seeds, self.subseeds, self.subseed_strength, self.prompts)

    def sample_hr_pass(self, samples, decoded_samples, *rest):
        assert 0.0 <= decoded_samples.min() and decoded_samples.max() <= 1.0
        return super().sample_hr_pass(samples, decoded_samples * 2.0 - 1.0, *rest)


def on(**settings):
    return {"enabled": True, **settings}


def picture_made_larger(latent, size, upscaler=None, is_sharp=False):
    """What a picture of a latent, made larger by pixels, is as a latent without the encoder's noise."""
    values = fake_modules.decode_latent_batch(None, latent)
    pictures = fake_modules.pictures_of(torch.stack(list(values)))
    large = [one.resize((size, size), FILTERS.get(upscaler, Image.Resampling.LANCZOS)) for one in pictures]
    if is_sharp:
        large = [sharpened(one, size / pictures[0].height) for one in large]
    pixels = torch.stack([torch.from_numpy(np.array(one)).permute(2, 0, 1) / 255.0 for one in large])
    small = torch.nn.functional.avg_pool2d(pixels * 2.0 - 1.0, 8)
    return torch.cat([small, small.mean(1, keepdim=True)], dim=1)


def interpolated(latent, mode="bicubic"):
    return torch.nn.functional.interpolate(latent, scale_factor=2, mode=mode)


def expected_reference(source, upscaler, small):
    """The three sources by their formulas; where the host has enlarged the picture, by its upscaler."""
    pixel = picture_made_larger(small, 128, None if upscaler == "Latent" else upscaler)
    if source == "pixel":
        return picture_made_larger(small, 128, is_sharp=True) if upscaler == "Latent" else pixel
    if source == "latent":
        return interpolated(small, "bilinear" if upscaler == "Latent" else "bicubic")
    lowpass, large = LowPass((2.0, 2.0)), equalised(interpolated(small), (8, 8), "bicubic")
    return lowpass.filter_(large) + pixel - lowpass.filter_(pixel.clone())


@pytest.mark.parametrize("upscaler", UPSCALERS)
@pytest.mark.parametrize("source", SOURCES)
def test_the_pass_starts_from_the_reference_that_is_asked_for(hires, results, source, upscaler):
    generation, trace = hires(upscaler, mixing=on(hires_reference=source), batch_size=2)
    assert_close(trace["z_ref"], expected_reference(source, upscaler, results[0]), **ENCODED)
    host_makes_it = source == ("latent" if upscaler == "Latent" else "pixel")
    words = "upscaled first pass" if host_makes_it else f"upscaled first pass, {source}"
    assert f"hires pass: Euler, reference: {words}, mixed" in generation.log[-1]


@pytest.mark.parametrize("upscaler", UPSCALERS)
def test_where_the_host_makes_the_same_reference_the_picture_is_the_same_to_the_bit(hires, upscaler):
    torch.manual_seed(0)
    own, _ = hires(upscaler, mixing=on(hires_reference="as upscaled"))
    torch.manual_seed(0)
    named, _ = hires(upscaler, mixing=on(hires_reference="latent" if upscaler == "Latent" else "pixel"))
    assert own.same_as(named)


@pytest.mark.parametrize("upscaler", UPSCALERS)
def test_by_itself_the_reference_is_the_enlarged_picture(hires, upscaler):
    torch.manual_seed(0)
    automatic, _ = hires(upscaler, mixing=on())
    torch.manual_seed(0)
    named, _ = hires(upscaler, mixing=on(hires_reference="pixel"))
    assert automatic.same_as(named)
    (line,) = automatic.log
    assert ("reference: upscaled first pass, pixel, mixed" in line) == (upscaler == "Latent")


@pytest.mark.parametrize("x", [torch.randn(1, 16, 3, 8, 8), torch.full((1, 4, 8, 8), torch.nan)], ids=["video", "nan"])
def test_a_video_and_what_holds_no_numbers_stay_as_the_host_has_enlarged_them(fake, x):
    from itermix.webui.upscale.enlarging import Enlarging

    p = SimpleNamespace(latent_scale_mode={"mode": "bilinear"})
    found = Enlarging(p, "hires pass", "pixel", None, (64, 64), (2.0, 2.0)).reference(x)
    assert found.latent is x and found.interpolation == "bilinear" and found.scale == (2.0, 2.0)


@pytest.mark.parametrize("upscaler, settings", [
    ("Latent", None), ("Latent", {"enabled": False, "hires_reference": "both", "hires_phases": 4}), ("Lanczos", on()),
    ("Latent", on(hires_reference="as upscaled")),
])  # fmt: skip
def test_the_hosts_own_pass_is_left_alone_where_nothing_else_is_asked_for(fake, hires, upscaler, settings, monkeypatch):
    from itermix.webui.upscale import hires as ours

    monkeypatch.setattr(ours, "HiresRun", None)  # would fail
    hires(upscaler, mixing=settings)
    assert "sample_hr_pass" not in vars(fake.p)


def test_with_no_pass_to_be_mixed_the_host_keeps_its_own(fake, hires, results):
    plain, _ = hires()
    other, _ = hires(mixing=on(hires_reference="both", hires_phases=0, passes="first pass"), scale=2.0)
    assert plain.same_as(other)


@pytest.mark.parametrize("upscaler", UPSCALERS)
@pytest.mark.parametrize("source", ["as upscaled", *SOURCES])
def test_four_times_in_automatic_phases_is_two_of_twice_each(hires, results, source, upscaler):
    generation, _ = hires(upscaler, 4.0, on(hires_reference=source, hires_phases=0))
    assert [tuple(latent.shape[-2:]) for latent in results] == [(8, 8), (16, 16), (32, 32)]
    assert generation.pictures[0].shape == (256, 256, 3)
    assert [line.split(":")[0] for line in generation.log] == ["hires pass 1 of 2", "hires pass 2 of 2"]
    first, last = results[0], results[-1]
    axes = (1, 2, 3)
    restored = (last - last.mean(axes)) / last.std(axes) * first.std(axes) + first.mean(axes)
    (values,) = fake_modules.decode_latent_batch(None, restored)
    expected = np.array(fake_modules.pictures_of(values[None])[0])
    assert np.abs(expected.astype(int) - generation.pictures[0]).max() <= 1


@pytest.mark.parametrize("phases, sides", [(1, [32]), (2, [16, 32]), (3, [13, 20, 32])])
def test_a_number_of_phases_is_what_is_made(hires, results, phases, sides):
    hires("Latent", 4.0, on(hires_phases=phases))
    assert [latent.shape[-1] for latent in results[1:]] == sides


def test_the_second_phase_starts_from_the_first_ones_result(hires, results):
    _, trace = hires("Latent", 4.0, on(hires_phases=2, hires_reference="latent"))
    first, second, axes = results[0], results[1], (1, 2, 3)
    restored = (second - second.mean(axes)) / second.std(axes) * first.std(axes) + first.mean(axes)
    assert_close(trace["z_ref"], interpolated(restored, "bilinear"), rtol=1e-4, atol=1e-5)


def test_too_few_phases_are_refused_before_the_run(hires):
    generation, _ = hires("Latent", 8.0, on(hires_phases=2))
    assert generation.same_as(hires("Latent", 8.0)[0])
    message = "hires_phases: 2 is not allowed for 8x; it takes 0, 1, or 3 and more"
    assert message in generation.infotexts[0] and "refused" in generation.infotexts[0]


def test_a_seed_of_its_own_makes_other_noise_in_the_hires_pass_alone(fake, hires, results):
    own, own_trace = hires(mixing=on(), batch_size=2, n_iter=2)
    first = [latent.clone() for latent in results[::2]]
    results.clear()
    other, trace = hires(mixing=on(hires_seed=77), batch_size=2, n_iter=2)
    assert all(torch.equal(a, b) for a, b in zip(first, results[::2]))
    assert torch.equal(trace["noise"], ImageRNG((4, 16, 16), [79, 80]).next())
    assert not torch.equal(trace["noise"], own_trace["noise"])
    assert "Seed: 1," in other.infotexts[0] and other.info["all_seeds"] == [1, 2, 3, 4] == fake.p.all_seeds


def test_the_pictures_own_seed_as_hires_seed_changes_nothing(hires):
    own, _ = hires(mixing=on(), seed=5, batch_size=2)
    named, _ = hires(mixing=on(hires_seed=5), seed=5, batch_size=2)
    assert own.same_as(named)


@pytest.mark.parametrize("interrupted, side", [(1, 128), (2, 128), (3, 256)])
@pytest.mark.parametrize("flag", ["interrupted", "skipped"])
def test_interrupted_it_keeps_the_last_finished_phase(hires, monkeypatch, interrupted, side, flag):
    """8x in three phases of 128, 256 and 512 pixels; what is begun of the first is kept where there is no other."""
    from modules import shared

    calls = []

    def launch(self, steps, func):
        calls.append(1)
        if len(calls) == interrupted + 1:
            setattr(shared.state, flag, True)
        return func()

    monkeypatch.setattr(Sampler, "launch_sampling", launch)
    try:
        generation, _ = hires("Latent", 8.0, on(hires_phases=0))
    finally:
        shared.state.interrupted = shared.state.skipped = False
    assert len(calls) == interrupted + 1 and generation.pictures[0].shape == (side, side, 3)
    if interrupted > 1:
        assert f"stopped in phase {interrupted} of 3; phase {interrupted - 1} is kept" in generation.log[-1]


@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
@pytest.mark.parametrize("failed, side", [(2, 128), (3, 256)])
def test_out_of_memory_in_a_phase_leaves_the_phase_before_it(fake, hires, monkeypatch, upscaler, failed, side):
    calls = []

    def launch(self, steps, func):
        calls.append(1)
        if len(calls) == failed + 1:
            raise torch.cuda.OutOfMemoryError("too large")
        return func()

    monkeypatch.setattr(Sampler, "launch_sampling", launch)
    generation, _ = hires(upscaler, 8.0, on(hires_phases=0))
    assert len(calls) == failed + 1 and generation.pictures[0].shape == (side, side, 3)
    told = f"stopped in phase {failed} of 3 by OutOfMemoryError: too large; phase {failed - 1} is kept"
    assert any(f"phase {failed} of 3 failed; phase {failed - 1} is kept" in line for line in generation.log)
    assert any(told in comment for comment in fake.p.comments)


def test_a_fault_of_ours_behind_a_phase_costs_no_pass(hires, monkeypatch):
    def broken(*args):
        raise RuntimeError("broken")

    monkeypatch.setattr("itermix.webui.upscale.hires.restored", broken)
    generation, _ = hires("Latent", 4.0, on(hires_phases=0))
    assert generation.pictures[0].shape == (256, 256, 3)
    assert sum("could not be given back" in line for line in generation.log) == 2


@pytest.mark.parametrize("upscaler", UPSCALERS)
@pytest.mark.parametrize("source", SOURCES)
def test_the_gallerys_button_encodes_its_picture_as_no_first_pass_is_run(hires, results, picture, source, upscaler):
    generation, trace = hires(upscaler, mixing=on(hires_reference=source), firstpass_image=picture)
    assert len(results) == 1 and "mixed" in generation.log[-1]
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255.0
    small = torch.nn.functional.avg_pool2d(pixels * 2.0 - 1.0, 8)
    small = torch.cat([small, small.mean(1, keepdim=True)], dim=1)
    if source == "latent":
        expected = interpolated(small, "bilinear" if upscaler == "Latent" else "bicubic")
        assert_close(trace["z_ref"], expected, **ENCODED)
    else:
        assert trace["z_ref"].shape == (1, 4, 16, 16) and torch.isfinite(trace["z_ref"]).all()


def test_the_gallerys_button_goes_in_phases_too(hires, results, picture):
    generation, _ = hires("Lanczos", 4.0, on(hires_phases=0, hires_reference="both"), firstpass_image=picture)
    assert [latent.shape[-1] for latent in results] == [16, 32] and generation.pictures[0].shape == (256, 256, 3)


@pytest.mark.parametrize("upscaler", UPSCALERS)
def test_a_host_that_prepares_a_pass_twice_makes_the_same_picture(fake, hires, monkeypatch, upscaler):
    from modules import shared

    settings = on(hires_reference="both", hires_phases=2)
    torch.manual_seed(0)
    once, _ = hires(upscaler, 4.0, settings)
    monkeypatch.setattr(shared, "prepares_twice", True)
    torch.manual_seed(0)
    twice, _ = hires(upscaler, 4.0, settings)
    assert once.same_as(twice)


@pytest.mark.parametrize("upscaler", UPSCALERS)
@pytest.mark.parametrize("phases", [1, 2])
def test_a_size_of_other_proportions_is_cropped_in_the_last_phase(hires, results, upscaler, phases):
    settings = on(hires_reference="both", hires_phases=phases)
    generation, trace = hires(upscaler, mixing=settings, hr_resize_x=128, hr_resize_y=96)
    assert generation.pictures[0].shape == (96, 128, 3) and trace["z_ref"].shape[-2:] == (12, 16)
    assert [tuple(latent.shape[-2:]) for latent in results[1:-1]] == [(11, 11)] * (phases - 1)


def test_a_checkpoint_of_the_hires_pass_gets_the_picture_and_no_foreign_latent(hires, results, monkeypatch):
    """The first pass's latent is another model's: the picture is encoded again."""
    _, trace = hires("Lanczos", mixing=on(hires_reference="latent"), hr_checkpoint_name="other")
    values = torch.stack(list(fake_modules.decode_latent_batch(None, results[0])))
    pixels = torch.stack([torch.from_numpy(np.array(one)) for one in fake_modules.pictures_of(values)])
    small = torch.nn.functional.avg_pool2d(pixels.permute(0, 3, 1, 2) / 255.0 * 2.0 - 1.0, 8)
    small = torch.cat([small, small.mean(1, keepdim=True)], dim=1)
    assert_close(trace["z_ref"], interpolated(small), **ENCODED)


@pytest.mark.parametrize("scale, settings, body", [
    (4.0, {"hires_phases": 0}, {}), (8.0, {"hires_phases": 3, "hires_reference": "both"}, {}),
    (2.0, {"hires_reference": "latent"}, {"hr_checkpoint_name": "other"}),
    (2.0, {"hires_reference": "both"}, {"hr_checkpoint_name": "other"}),
])  # fmt: skip
def test_pictures_of_any_range_that_a_host_has_make_the_same(hires, monkeypatch, scale, settings, body):
    traces = []
    for processing in (Processing, ProcessingOfNeo):
        monkeypatch.setattr(fake, "Processing", processing)
        torch.manual_seed(0)
        made, trace = hires("Lanczos", scale, on(**settings), **body)
        assert made.pictures[0].shape == (int(64 * scale),) * 2 + (3,)
        traces.append(trace["z_ref"])
    assert_close(traces[1], traces[0], **ENCODED)


@pytest.mark.parametrize("source", SOURCES)
def test_a_checkpoint_of_the_hires_pass_takes_the_latent_where_the_host_does(hires, results, source):
    """With a latent upscaler nothing is decoded for it."""
    _, trace = hires("Latent", mixing=on(hires_reference=source), hr_checkpoint_name="other")
    assert_close(trace["z_ref"], expected_reference(source, "Latent", results[0]), **ENCODED)


def test_an_uploaded_reference_leaves_the_start_to_the_host(fake, hires, results, picture):
    from tools.real_host import as_base64

    image = {"reference": "uploaded image", "reference_image": as_base64(picture)}
    generation, trace = hires("Latent", mixing=on(hires_reference="pixel", **image))
    assert_close(trace["z_ref"], interpolated(results[0], "bilinear"))
    assert "reference: uploaded image" in generation.log[-1]


def test_the_progress_counts_the_phases(fake, monkeypatch):
    from itermix.webui.compat import progress

    counted = []
    monkeypatch.setattr(progress, "expect_more", counted.append)
    fake.generate(mixing=on(hires_phases=0), enable_hr=True, hr_scale=8.0, n_iter=3)
    assert counted == [6]


def test_after_the_run_the_request_is_as_it_was(fake, hires):
    hires("Lanczos", 4.0, on(hires_phases=0, hires_reference="both", hires_seed=9))
    p = fake.p
    assert (p.hr_upscale_to_x, p.hr_upscale_to_y, p.truncate_x, p.seeds) == (256, 256, 0, [1])
    assert "sample_hr_pass" not in vars(p) and "itermix" not in vars(p)


def test_a_sequence_goes_on_from_the_last_phase(fake, results):
    generation = fake.generate(
        mixing=on(hires_phases=0), enable_hr=True, hr_scale=4.0, script_name="Latent Sequence",
        script_args=[{"frames": 2, "video_format": "none", "denoise_seq": 0.5}],
    )  # fmt: skip
    assert [latent.shape[-1] for latent in results] == [8, 16, 32, 32]
    assert [picture.shape[0] for picture in generation.pictures[-2:]] == [256, 256]


def test_another_extensions_hires_pass_is_asked_in_every_batch(fake):
    """One that puts its own in the place of the host's once, for all batches of the run."""
    asked = []

    class Other:
        def title(self):
            return "Other"

        def process(self, p):
            own = p.sample_hr_pass
            p.sample_hr_pass = lambda *args: asked.append(p.iteration) or own(*args)

    fake.others = [Other()]
    try:
        fake.generate(mixing={"enabled": True}, enable_hr=True, denoising_strength=0.5, n_iter=2)
    finally:
        fake.others = []
    assert asked == [0, 1]
