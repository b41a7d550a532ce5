"""What the tests on the stand-in host share. It is imported late: whoever imports it has the stand-in's `modules`."""

import pytest

from tests.hosts.conftest import picture  # noqa: F401


@pytest.fixture(scope="module")
def fake():
    from tests.webui.fake import FakeHost

    return FakeHost()


@pytest.fixture
def results(monkeypatch):
    """Grows by each pass's clean latent."""
    from tests.webui.fake_sampling import Sampler

    found = []
    monkeypatch.setattr(Sampler, "launch_sampling", lambda self, steps, func: found.append(func().clone()) or found[-1])
    return found
