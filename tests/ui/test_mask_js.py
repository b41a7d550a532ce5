"""The canvas for a mixing mask, run in node: its shape, what of a picture fills it, and how a picture is read there."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from itermix.pictures import uploads
from itermix.pictures.fit import crop_box
from tests.browser import NODE, needs_node

SCRIPT = Path(__file__).parents[2] / "javascript" / "itermix_mask.js"

pytestmark = needs_node


def call(function, *arguments):
    program = f"""
        require({json.dumps(str(SCRIPT))});
        const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
        console.log(JSON.stringify(itermix[{json.dumps(function)}](...given)));
    """
    answer = subprocess.run([NODE, "-e", program], input=json.dumps(arguments), capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.mark.parametrize("picture, canvas", [
    ((512, 512), [512, 512]), ((64, 64), [512, 512]), ((1216, 832), [512, 350]), ((768, 1344), [293, 512]),
    ((8192, 8), [512, 1]),
])  # fmt: skip
def test_the_canvas_has_the_pictures_shape_and_512_pixels(picture, canvas):
    assert call("canvasSize", *picture) == canvas


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (512, 512), (1707, 2560)])
@pytest.mark.parametrize("shape", [(512, 350), (293, 512), (512, 512)])
def test_a_picture_fills_the_canvas_as_a_mask_is_fitted_on_the_server(size, shape):
    x, y, width, height = call("filling", *size, shape, False)
    assert [x, y, x + width, y + height] == pytest.approx(crop_box(size, shape), abs=1e-6)
    assert call("filling", *size, shape, True) == [0, 0, *size]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_picture_is_read_as_a_mask_is_read_on_the_server(mode):
    bands = len(mode)
    values = np.random.default_rng(0).integers(0, 256, (5, 7, bands)).astype(np.uint8)
    picture = Image.fromarray(values)
    wanted = np.asarray(uploads.mask(picture, "mask_image"))
    given = np.asarray(picture.convert("RGBA")).reshape(-1).tolist()
    # What JSON makes of an array is no typed one; both have `fill` and `some`.
    read = np.array(call("toGrey", given)).reshape(5, 7, 4)
    assert np.abs(read[..., :3] - wanted[..., None].astype(int)).max() <= 1  # Pillow's own rounding
    assert read[..., 3].min() == 255
