"""What a real WebUI's saving options say is what a sequence leaves on the disk."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.hosts.test_sequence import frames_of, sequence
from tests.pictures.test_film_memory import FRAME, GROWTH, grown
from tools.real_host import python_of

pytestmark = pytest.mark.real_host

SETTINGS = {"frames": 3, "video_format": "webp"}
USER_COMMENT = 0x9286


@pytest.fixture(autouse=True)
def quick(host, disarmed):
    host.arm(network="gaussian")


@pytest.fixture
def options(host):
    """Sets options of the host for one test. As override_settings A1111 would not put back every default."""
    before = {}

    def set_to(**wanted):
        known = host.get("/sdapi/v1/options")
        before.update({name: known[name] for name in wanted})
        host.post("/sdapi/v1/options", wanted)

    yield set_to
    host.post("/sdapi/v1/options", before)


def files_of(host):
    return {path for path in host.outputs.rglob("*") if path.is_file() and path.suffix != ".state"}


def written_by(host, settings=SETTINGS, **body):
    before = files_of(host)
    made = sequence(host, settings, **body)
    return made, sorted(files_of(host) - before)


def has_infotext(path):
    with Image.open(path) as picture:
        comment = picture.getexif().get_ifd(0x8769).get(USER_COMMENT)
        return "parameters" in picture.info or "comment" in picture.info or bool(comment)


@pytest.mark.parametrize("form", ["png", "jpg", "webp"])
@pytest.mark.parametrize("wanted", [True, False])
def test_metadata_are_written_where_the_host_writes_them(host, options, form, wanted):
    options(enable_pnginfo=wanted, samples_format=form, grid_save=True, grid_format=form)
    _, files = written_by(host)
    frames = [path for path in files if path.stem.isdecimal()]
    assert [path.name for path in frames] == [f"0000{index}.{form}" for index in range(3)]
    grids = [path for path in files if "grid" in path.name]
    assert len(grids) == 1 and len(files) == 3 + 1 + 1
    assert [has_infotext(path) for path in [*frames, *grids]] == [wanted] * 4
    if not wanted:
        assert not any(has_infotext(path) for path in files)


@pytest.mark.parametrize("quality", [95, 20])
def test_frames_have_the_hosts_quality(host, options, quality):
    plain, _ = written_by(host)
    options(samples_format="jpg", jpeg_quality=quality)
    _, files = written_by(host)
    buffer = io.BytesIO()
    Image.fromarray(frames_of(plain)[2]).save(buffer, "JPEG", quality=quality)
    with Image.open(next(path for path in files if path.name == "00002.jpg")) as frame:
        assert np.array_equal(np.array(frame), np.array(Image.open(buffer)))


@pytest.mark.parametrize("body", [{"save_images": False}, {"override_settings": {"samples_save": False}}])
def test_no_frame_is_saved_where_the_host_saves_no_picture(host, body):
    made, files = written_by(host, **body)
    assert len(frames_of(made)) == 3
    assert [path.name for path in files] == ["sequence-0.webp"]  # it is asked for by the sequence itself


@pytest.mark.parametrize("grid_save, save_images", [(True, True), (False, True), (True, False)])
def test_the_grid_is_saved_where_the_host_saves_grids(host, options, grid_save, save_images):
    options(grid_save=grid_save, grid_format="png")  # Forge Neo's is jpg
    made, files = written_by(host, save_images=save_images)
    grids = [path for path in files if "grid" in path.name]
    assert len(grids) == (grid_save and save_images)
    for path in grids:
        with Image.open(path) as grid:
            assert np.array_equal(np.array(grid), made.pictures[0])


@pytest.mark.parametrize("format, few, more", GROWTH)
def test_memory_does_not_grow_with_a_films_frames_by_the_hosts_own_libraries(host, tmp_path, format, few, more):
    assert grown(tmp_path, format, few, more, python_of(host.tree)) < more * FRAME / 4
