"""The WebUI of these tests: a real one where ITERMIX_HOST names its folder, else the fake one.

Tests that only a real one can pass are marked `real_host` and skipped on the fake.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hosts.of_models import model, models  # noqa: F401
from tests.hosts.pages import browser, page  # noqa: F401

VARIABLE = "ITERMIX_HOST"


def pytest_configure(config):
    config.addinivalue_line("markers", "real_host: needs a real WebUI")


def pytest_collection_modifyitems(items):
    if os.environ.get(VARIABLE):
        return
    reason = f"{VARIABLE} is not set; set it to the folder of an installed WebUI (A1111 or Forge) to run this"
    for item in items:
        if item.get_closest_marker("real_host"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    if os.environ.get(VARIABLE):
        from tools.real_host import Host

        running = Host(Path(os.environ[VARIABLE]).resolve(), tmp_path_factory.mktemp("host"))
    else:
        from tests.webui.fake import FakeHost

        running = FakeHost()
    running.generate()  # the first request loads the model, and draws from the global generator on the way
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def disarmed(request):
    """Each test begins with the host's own denoiser."""
    if "host" in request.fixturenames:
        request.getfixturevalue("host").arm()


@pytest.fixture
def saving(host):
    """The host saves pictures, which those of the tests else do not."""
    host.post("/sdapi/v1/options", {"samples_save": True})
    yield
    host.post("/sdapi/v1/options", {"samples_save": False})


@pytest.fixture(scope="session")
def picture():
    """64 x 64 pixels of noise with some structure."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64] / 64
    wave = 0.5 + 0.3 * np.sin(7 * x + 3 * y)[..., None] * [1.0, 0.5, -0.5]
    return Image.fromarray(((wave + 0.1 * rng.standard_normal((64, 64, 3))).clip(0, 1) * 255).astype("uint8"))
