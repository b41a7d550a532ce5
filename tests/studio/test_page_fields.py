"""The page begins with the command line's defaults."""

from __future__ import annotations

import pytest

gr = pytest.importorskip("gradio")

from itermix.studio.page import fields  # noqa: E402
from itermix.studio.request import Request  # noqa: E402

# Left open for the model or drawn; the page's first picture is an enlarged one.
OWN = {"prompt": "", "width": 128, "height": 128, "seed": -1, "hires": 2}


def test_each_field_begins_with_the_requests_default():
    with gr.Blocks():
        made = {**fields.prompt(""), **fields.sampling((128, 128), 8)}
        fields.hires(made)
        fields.source(made)
    default = Request()
    wanted = {name: OWN.get(name, getattr(default, name)) for name in made}
    assert {name: component.value or wanted[name] for name, component in made.items()} == wanted
    assert made["hires_upscaler"].value == "pixel"


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "RGBA", "I;16", "P"])
def test_a_reference_of_any_kind_is_what_a_reader_makes_of_it(mode):
    from PIL import Image

    from itermix.pictures import uploads
    from itermix.studio.page.asked import base64_of

    bands = len(Image.new(mode, (1, 1)).getbands())
    picture = Image.new(mode, (8, 4), 77 if bands == 1 else (10, 200, 30, 40)[:bands])
    held = uploads.Upload(base64_of(picture, "reference_image"), "reference_image").picture()
    assert uploads.rgb(held, "held").tobytes() == uploads.rgb(picture, "picture").tobytes()


def test_a_reference_of_floats_is_refused_by_name():
    from PIL import Image

    from itermix.settings import SettingsError
    from itermix.studio.page.asked import base64_of

    with pytest.raises(SettingsError, match="reference_image: a picture of floating-point"):
        base64_of(Image.new("F", (8, 4)), "reference_image")


def test_a_picture_that_ends_too_early_is_refused_by_name():
    import io

    from PIL import Image

    from itermix.settings import SettingsError
    from itermix.studio.page.asked import picture_of

    file = io.BytesIO()
    Image.effect_noise((99, 99), 80).save(file, "JPEG")
    cut = Image.open(io.BytesIO(file.getvalue()[: len(file.getvalue()) // 2]))
    with pytest.raises(SettingsError, match="image: the picture is damaged"):
        picture_of(cut, "image")


@pytest.mark.parametrize(
    "page", ["http://127.0.0.1:7870/", "https://example.org/studio/", "https://example.org/a/b/?x=1"]
)
@pytest.mark.parametrize("name", ["sequence.mp4", "sequence.gif"])
def test_a_film_lies_beside_its_page_behind_a_proxy_too(page, name):
    """As the levels of the curve, and all that gradio asks for where it is told its root path."""
    import html
    import re
    from pathlib import Path
    from urllib.parse import urljoin

    from itermix.studio.page import words

    address = html.unescape(re.search('src="([^"]*)"', words.film(Path("/tmp/a b&c") / name))[1])
    assert urljoin(page, address) == f"{page.partition('?')[0]}gradio_api/file=/tmp/a%20b%26c/{name}"
