"""The colours of a film are those of its frames: mp4 by the matrix of BT.709, with the tags that say so."""

import subprocess

import numpy as np
import pytest
from PIL import Image

from itermix.pictures import mp4
from itermix.pictures.films import save_film
from itermix.pictures.frames import save_frame
from itermix.pictures.reel import Timing

av = pytest.importorskip("av", reason="PyAV, which the films are read with, is not installed")
FFMPEG = mp4.ffmpeg()
COLOURS = [(40, 200, 60), (200, 30, 40), (20, 40, 210), (255, 255, 255), (0, 0, 0), (128, 128, 128), (250, 200, 30)]


def bt709(colour):
    """Y, Cb, Cr of 8 bits in TV range: ITU-R BT.709-6, items 3.2 to 3.5."""
    red, green, blue = (value / 255 for value in colour)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return np.array([16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748])


def rgb(planes):
    """Its inverse."""
    y, cb, cr = (planes - [16, 128, 128]) / [219, 224, 224]
    red, blue = y + 1.5748 * cr, y + 1.8556 * cb
    return np.array([red, (y - 0.2126 * red - 0.0722 * blue) / 0.7152, blue]) * 255


def by_pyav(monkeypatch):
    monkeypatch.setattr(mp4, "ffmpeg", lambda: None)


def by_ffmpeg(monkeypatch):
    if FFMPEG is None:
        pytest.skip("there is no ffmpeg")
    monkeypatch.setattr(mp4, "has_pyav", lambda: False)


@pytest.fixture(params=[by_pyav, by_ffmpeg])
def film(request, tmp_path, monkeypatch):
    request.param(monkeypatch)
    paths = [save_frame(tmp_path, i, Image.new("RGB", (64, 48), colour)).files[0] for i, colour in enumerate(COLOURS)]
    written = save_film(paths, tmp_path / "film", "mp4", Timing(fps=8))
    assert written.messages == []
    return written.files[0]


def test_each_frame_is_converted_by_bt709_to_two_levels(film):
    with av.open(str(film)) as opened:
        decoded = list(opened.decode(video=0))
    assert len(decoded) == len(COLOURS)
    for colour, frame in zip(COLOURS, decoded):
        assert frame.format.name == "yuv420p"
        values = frame.to_ndarray()  # the planes as they are: luma, then the two of the colour, a quarter each
        luma, rest = values[:48], values[48:].reshape(2, -1)
        found = np.array([luma[24, 32], rest[0].mean(), rest[1].mean()], dtype=float)
        assert found == pytest.approx(bt709(colour), abs=1.0)
        assert rgb(found) == pytest.approx(np.array(colour), abs=2.5)


def test_the_film_says_so(film):
    with av.open(str(film)) as opened:
        context = opened.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)


def test_a_player_shows_the_colours(film):
    """ffmpeg's own player's way: the matrix that the tags name."""
    if FFMPEG is None:
        pytest.skip("there is no ffmpeg")
    command = [FFMPEG, "-loglevel", "error", "-i", str(film), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    frames = np.frombuffer(data, dtype=np.uint8).reshape(-1, 48, 64, 3)
    for colour, frame in zip(COLOURS, frames, strict=True):
        assert frame[24, 32].tolist() == pytest.approx(colour, abs=2)


@pytest.mark.parametrize("format", ["webp", "gif"])
def test_webp_and_gif_hold_the_colours_too(tmp_path, format):
    paths = [save_frame(tmp_path, i, Image.new("RGB", (64, 48), colour)).files[0] for i, colour in enumerate(COLOURS)]
    (file,) = save_film(paths, tmp_path / "film", format, Timing(fps=8)).files
    with Image.open(file) as film:
        for index, colour in enumerate(COLOURS):
            film.seek(index)
            assert film.convert("RGB").getpixel((32, 24)) == pytest.approx(colour, abs=6 if format == "webp" else 0)
