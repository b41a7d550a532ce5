"""What the tests of frames and of films share."""

import pytest
from PIL import Image

from itermix.pictures.frames import save_frame

TEXT = "a rose, größer 月\nSteps: 20, Seed: 5"


@pytest.fixture
def pictures(tmp_path):
    """Five frames on the disk, each with TEXT as its infotext."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(5):
        written = save_frame(folder, index, Image.new("RGB", (64, 48), (40 * index, 90, 200 - 40 * index)), TEXT)
        assert written.messages == []
    return sorted(folder.iterdir())
