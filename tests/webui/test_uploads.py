"""An uploaded reference in a WebUI: mixed whatever its size, decoded once a run, and only where a pass uses it."""

import io

import pytest
from PIL import Image

from itermix.pictures import uploads
from tests.pictures.test_uploads import KINDS, text
from tools.real_host import as_base64

UPLOADED = {"enabled": True, "reference": "uploaded image"}
HIRES = dict(enable_hr=True, denoising_strength=0.5)


@pytest.fixture
def decoded(monkeypatch):
    """Grows by one with each picture that is decoded."""
    calls, rgb = [], uploads.rgb
    monkeypatch.setattr(uploads, "rgb", lambda *arguments: calls.append(1) or rgb(*arguments))
    return calls


def picture(size=(64, 64)):
    return Image.linear_gradient("L").resize(size).convert("RGB")


@pytest.mark.parametrize("fit", ["crop", "stretch"])
@pytest.mark.parametrize("size", [(98, 98), (1280, 720), (100, 75), (333, 1000)])
def test_an_upload_of_any_size_is_mixed(fake, size, fit):
    given = {**UPLOADED, "reference_image": as_base64(picture(size)), "reference_fit": fit}
    made = fake.generate(mixing=given, width=128, height=128)
    assert "mixed 6 of 6 steps" in made.log[-1]


def test_an_upload_is_decoded_once_for_all_passes_and_batches(fake, decoded):
    given = {**UPLOADED, "reference_image": as_base64(picture()), "passes": "all"}
    made = fake.generate(mixing=given, n_iter=3, **HIRES)
    assert sum("reference: uploaded image" in line for line in made.log) == 6
    assert len(decoded) == 1


@pytest.mark.parametrize("tab, settings, request_", [
    ("img2img", {"enabled": True}, {"denoising_strength": 0.5}),
    ("txt2img", {"enabled": True, "passes": "hires pass"}, HIRES),
])  # fmt: skip
def test_an_upload_that_no_pass_uses_is_not_decoded(fake, decoded, tab, settings, request_):
    init = {"init_images": [as_base64(picture())]} if tab == "img2img" else {}
    given = {**settings, "reference_image": as_base64(picture())}
    made = fake.generate(tab, mixing=given, **request_, **init)
    assert " of " in made.log[-1] and "uploaded" not in made.log[-1]
    assert not decoded


@pytest.mark.parametrize("content, source", [(1, "init latent"), (2, "uploaded image"), (3, "uploaded image")])
def test_where_the_masked_content_holds_no_picture_an_upload_is_mixed(fake, decoded, content, source):
    """1: the original; 2 and 3: latent noise and latent nothing."""
    body = dict(init_images=[as_base64(picture())], mask=as_base64(Image.new("L", (64, 64), 255)))
    given = {"enabled": True, "reference_image": as_base64(picture((96, 64)))}
    made = fake.generate("img2img", mixing=given, inpainting_fill=content, **body)
    assert f"reference: {source}, mixed" in made.log[-1], made.log
    assert len(decoded) == (source == "uploaded image")


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_a_damaged_upload_is_refused_before_the_run(fake, share):
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50.0).convert("RGB").save(buffer, "PNG")
    data = buffer.getvalue()
    made = fake.generate(mixing={**UPLOADED, "reference_image": text(data[: int(len(data) * share)])})
    assert "are no picture; it takes a PNG, JPEG or WebP as base64 text" in made.infotexts[0]
    assert made.same_as(fake.generate())


@pytest.mark.parametrize("kind", ["a phone's", "alpha 0 over a colour", "palette with alpha"])
def test_an_upload_is_mixed_as_the_host_shows_it(fake, kind):
    data, _ = KINDS[kind]
    shown = uploads.rgb(Image.open(io.BytesIO(data)), "reference_image")
    found, expected = (
        fake.generate(mixing={**UPLOADED, "reference_image": given}) for given in (text(data), as_base64(shown))
    )
    assert found.same_as(expected)


def test_transparent_parts_lie_on_the_colour_that_the_host_has_set(fake, monkeypatch):
    from itermix.webui.compat import options

    data, _ = KINDS["alpha 0 over a colour"]
    monkeypatch.setattr(options.shared.opts, "img2img_background_color", "#0000ff", raising=False)
    laid = uploads.rgb(Image.open(io.BytesIO(data)), "reference_image", "#0000ff")
    found, expected = (
        fake.generate(mixing={**UPLOADED, "reference_image": given}) for given in (text(data), as_base64(laid))
    )
    assert found.same_as(expected)
