"""An upscaler of the user's own file, of ESRGAN's kind with random weights, in hires fix and in Iterative Upscale."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from itermix.pictures.uploads import Upload
from tools.real_host import Host, as_base64

pytestmark = pytest.mark.real_host

NAME = "itermix_test_4x"
FILTERS, GROWTH = 8, 32  # the second is the same in all files of the kind
SMALL = 0.05  # deviation of the weights: what is random adds little to the picture


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    data = tmp_path_factory.mktemp("with-upscaler")
    folder = data / "models" / "ESRGAN"
    folder.mkdir(parents=True)
    # In the older format: of a file with parts that only a newer torch writes the WebUIs say that it is not safe.
    torch.save(weights(), folder / f"{NAME}.pth", _use_new_zipfile_serialization=False)
    running = Host(Path(os.environ["ITERMIX_HOST"]).resolve(), data)
    running.generate()
    yield running
    running.stop()


def weights():
    """One residual dense block, enlarging 4 times: a picture goes through enlarged, with some of what is random."""
    draw = torch.Generator().manual_seed(0)
    shapes = {"model.0": (FILTERS, 3), "model.1.sub.1": (FILTERS, FILTERS), "model.10": (3, FILTERS)}
    shapes |= {f"model.{at}": (FILTERS, FILTERS) for at in (3, 6, 8)}
    for part in (1, 2, 3):
        for at in range(5):
            out = FILTERS if at == 4 else GROWTH
            shapes[f"model.1.sub.0.RDB{part}.conv{at + 1}.0"] = (out, FILTERS + at * GROWTH)
    state = {}
    for name, (out, into) in shapes.items():
        weight = SMALL * torch.randn(out, into, 3, 3, generator=draw)
        if name in ("model.0", "model.3", "model.6", "model.8", "model.10"):
            for channel in range(3):
                weight[channel, channel, 1, 1] += 1.0
        state[f"{name}.weight"], state[f"{name}.bias"] = weight, torch.zeros(out)
    return state


def enlarged_by_the_host(host, picture, times):
    body = {"image": as_base64(picture), "upscaler_1": NAME, "upscaling_resize": times}
    return Upload(host.post("/sdapi/v1/extra-single-image", body)["image"], "image").picture()


def test_it_is_offered_and_read(host, picture):
    """A WebUI that cannot read it enlarges plainly, and says so in its log alone."""
    assert NAME in host.upscalers
    plain = np.asarray(picture.resize((128, 128), Image.Resampling.LANCZOS), dtype=float)  # Forge Neo has no such one
    ours = np.asarray(enlarged_by_the_host(host, picture, 2), dtype=float)
    assert ours.shape == plain.shape == (128, 128, 3) and np.abs(ours - plain).mean() > 2


@pytest.mark.parametrize("times", [2, 4])
def test_iterative_upscale_starts_from_what_it_makes(host, picture, times):
    """As img2img does from the picture that the WebUI's own Extras tab makes with it."""
    host.arm(denoiser="unit")
    body = {"init_images": [as_base64(picture)], "steps": 4}
    settings = {"factor": times, "phases": 0 if times == 2 else 2, "upscaler": NAME}
    made = host.generate("img2img", script_name="iterative upscale", script_args=[settings], **body)
    assert made.pictures[0].shape == (64 * times, 64 * times, 3)
    phases = [line.split(":")[0] for line in made.log]
    assert phases == [f"phase {at} of {len(phases)}" for at in range(1, len(phases) + 1)] and len(phases) == times // 2
    if times == 2:
        reference = host.trace()["z_ref"]
        large = enlarged_by_the_host(host, picture, times)
        host.generate("img2img", {"enabled": True}, init_images=[as_base64(large)], width=128, height=128, steps=4)
        np.testing.assert_allclose(reference, host.trace()["z_ref"], rtol=0, atol=1e-3)


@pytest.mark.parametrize("phases", [1, 2])
def test_hires_fix_is_mixed_with_what_it_makes(host, phases):
    host.arm(network="gaussian")
    body = dict(enable_hr=True, hr_scale=4, denoising_strength=0.7)
    ours = host.generate(mixing={"enabled": True, "hires_phases": phases}, hr_upscaler=NAME, **body)
    plain = host.generate(mixing={"enabled": True, "hires_phases": phases}, hr_upscaler="Lanczos", **body)
    assert ours.pictures[0].shape == (256, 256, 3) and len([line for line in ours.log if ", mixed " in line]) == phases
    assert not ours.same_as(plain)
