from tests.studio.fixtures import *  # noqa: F403
