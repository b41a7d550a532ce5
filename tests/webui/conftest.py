from tests.hosts.conftest import picture  # noqa: F401
