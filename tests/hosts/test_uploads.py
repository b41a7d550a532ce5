"""An uploaded reference on a real WebUI: of any size, and the picture that the host itself makes of the same file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.hosts.sampled import ALL, off_by
from tests.pictures.test_uploads import KINDS, RED, halves, text
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

ENCODED = 1e-2  # an encoder draws its latent, from a narrow distribution
# What a host's own reader has wrong, made by hand: Classic does not turn a phone's, 16 bits of grey are white, and the
# others are opaque.
RIGHT = {
    "grey of 16 bits": Image.fromarray(np.array([[0, 0, 100, 101, 255]], dtype=np.uint8)).convert("RGB"),
    "a phone's": ImageOps.exif_transpose(Image.open(io.BytesIO(KINDS["a phone's"][0]))),
    "grey with alpha": halves((9, 9, 9), (255, 255, 255)),
    "palette with alpha": halves(RED, (255, 255, 255)),
    "palette, one colour transparent": halves(RED, (255, 255, 255)),
    "one colour transparent": halves(RED, (255, 255, 255)),
}


@pytest.fixture(scope="module", autouse=True)
def on_white(host):
    """Where pictures are transparent: grey is Forge Neo's own."""
    own = host.get("/sdapi/v1/options")["img2img_background_color"]
    host.post("/sdapi/v1/options", {"img2img_background_color": "#ffffff"})
    yield
    host.post("/sdapi/v1/options", {"img2img_background_color": own})


@pytest.fixture(autouse=True)
def closed_form(host, disarmed):
    host.arm(denoiser="unit")


def mixed_with(host, picture, fit, **body):
    """The latent that was mixed. With weight 1 the last state is that, noised."""
    mixing = {"enabled": True, "reference": "uploaded image", "reference_image": picture, "reference_fit": fit, **ALL}
    made = host.generate(mixing=mixing, steps=3, **body)
    assert "reference: uploaded image, mixed 3 of 3 steps" in made.log[-1], made.log
    trace = host.trace()
    return trace["evaluations"][-1] - trace["levels"][-1] * trace["noise"]


def encoded(host, picture, **body):
    """The latent that the host's own img2img makes of a picture."""
    host.generate("img2img", init_images=[picture], denoising_strength=0.5, steps=3, **body)
    return host.trace()["z_ref"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_read_as_the_host_reads_the_file(host, kind):
    given = text(KINDS[kind][0])
    right = as_base64(RIGHT[kind]) if kind in RIGHT else given
    assert off_by(mixed_with(host, given, "stretch"), encoded(host, right)) < ENCODED


SIZES = {  # of the upload and of the picture to be made; width and height
    "a common photo": ((1280, 720), (320, 208)),  # of the shape of 1216x832
    "a hair outside": ((98, 98), (128, 128)),
    "upright": ((333, 1000), (128, 64)),
}


@pytest.mark.parametrize("fit", ["crop", "stretch"])
@pytest.mark.parametrize("uploaded, made", SIZES.values(), ids=SIZES)
def test_an_upload_of_any_size_is_mixed(host, uploaded, made, fit):
    step = int(host.get("/sdapi/v1/options").get("res_step", 8))  # Forge Neo: 64
    made = tuple(int(side / step + 0.5) * step for side in made)
    rng = np.random.default_rng(0)
    given = Image.fromarray(rng.integers(0, 256, (9, 16, 3), dtype=np.uint8)).resize(uploaded, Image.Resampling.BICUBIC)
    size = dict(width=made[0], height=made[1])
    shown = [min(whole, new / max(made[0] / uploaded[0], made[1] / uploaded[1])) for whole, new in zip(uploaded, made)]
    box = [(whole - part) / 2 for whole, part in zip(uploaded, shown)]
    box += [min(start + part, whole) for start, part, whole in zip(box, shown, uploaded)]
    resized = given.resize(made, Image.Resampling.LANCZOS, box=tuple(box) if fit == "crop" else None)
    found = mixed_with(host, as_base64(given), fit, **size)
    assert off_by(found, encoded(host, as_base64(resized), **size)) < ENCODED
