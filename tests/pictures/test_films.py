"""Films are read back and counted; nothing that goes wrong is raised or loses a picture."""

import builtins
import errno
import importlib.util
import io
import os
import subprocess

import pytest
from PIL import Image

from itermix.pictures import mp4
from itermix.pictures.films import save_film
from itermix.pictures.frames import save_frame
from itermix.pictures.reel import Reel, Timing
from tests.pictures.conftest import TEXT

HAS_PYAV = importlib.util.find_spec("av") is not None
find_spec = importlib.util.find_spec


@pytest.fixture
def no_encoder(monkeypatch):
    monkeypatch.setattr(mp4, "find_spec", lambda name: None)
    monkeypatch.setattr(mp4.shutil, "which", lambda name: None)


def shown(path):
    """Red values in the middle of each picture of a film, and the milliseconds each stays."""
    with Image.open(path) as film:
        red, time = [], []
        for index in range(film.n_frames):
            film.seek(index)
            film.load()  # the decoder says how long a picture stays
            red.append(film.convert("RGB").getpixel((32, 24))[0])
            time.append(film.info["duration"])
    return red, time


@pytest.mark.parametrize(
    "timing, expected",
    [
        (Timing(), [0, 1, 2, 3]),
        (Timing(hold_first=2, hold_last=1), [0, 0, 0, 1, 2, 3, 3]),
        (Timing(ping_pong=True), [0, 1, 2, 3, 2, 1]),
        (Timing(ping_pong=True, hold_last=2), [0, 1, 2, 3, 3, 3, 2, 1]),
    ],
)
def test_the_order_of_frames(timing, expected):
    assert list(timing.order(4)) == expected


def test_one_frame_and_none():
    assert list(Timing(ping_pong=True).order(1)) == [0]
    assert list(Timing(hold_first=3).order(0)) == []


@pytest.mark.parametrize("format, tolerance", [("webp", 6), ("gif", 6)])
def test_webp_and_gif_by_pillow(pictures, tmp_path, format, tolerance):
    written = save_film(pictures, tmp_path / "film", format, Timing(fps=10), TEXT)
    assert (written.files, written.messages) == ([tmp_path / f"film.{format}"], [])
    red, time = shown(written.files[0])
    assert red == pytest.approx([0, 40, 80, 120, 160], abs=tolerance)
    assert time == [100] * 5


def test_infotext_of_webp_and_gif(pictures, tmp_path):
    for format in ("webp", "gif"):
        save_film(pictures, tmp_path / "film", format, Timing(), TEXT)
    with Image.open(tmp_path / "film.webp") as film:
        comment = film.getexif().get_ifd(0x8769)[0x9286]
    assert comment == b"UNICODE\0" + TEXT.encode("utf-16-be")
    with Image.open(tmp_path / "film.gif") as film:
        assert film.info["comment"] == TEXT.encode()


@pytest.mark.skipif(not HAS_PYAV, reason="PyAV is not installed")
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
@pytest.mark.parametrize("fps", [8.0, 24.0, 12.5])
def test_mp4_by_pyav(tmp_path, size, fps):
    paths = [save_frame(tmp_path, i, Image.new("RGB", size, (40 * i, 90, 60))).files[0] for i in range(5)]
    written = save_film(paths, tmp_path / "film", "mp4", Timing(fps=fps, hold_last=2), TEXT)
    assert (written.files, written.messages) == ([tmp_path / "film.mp4"], [])
    red, rate, codec, comment, read_size = read_mp4(written.files[0])
    assert red == pytest.approx([0, 40, 80, 120, 160, 160, 160], abs=8)
    assert (rate, codec, comment) == (fps, "h264", TEXT)
    assert read_size == (64, 48)


def read_mp4(path):
    import av

    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        red = [frame.to_image().getpixel((32, 24))[0] for frame in film.decode(stream)]
        size = (stream.codec_context.width, stream.codec_context.height)
        return red, float(stream.average_rate), stream.codec_context.name, film.metadata["comment"], size


@pytest.mark.skipif(not HAS_PYAV or mp4.ffmpeg() is None, reason="ffmpeg, or PyAV to read with, is not there")
def test_mp4_by_ffmpeg(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(mp4, "find_spec", lambda name: None if name == "av" else find_spec(name))
    written = save_film(pictures, tmp_path / "film", "mp4", Timing(fps=9), TEXT)
    assert (written.files, written.messages) == ([tmp_path / "film.mp4"], [])
    red, rate, codec, _, _ = read_mp4(written.files[0])
    assert red == pytest.approx([0, 40, 80, 120, 160], abs=8)
    assert (rate, codec) == (9.0, "h264")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for ffmpeg is a shell script")
@pytest.mark.parametrize("number", [errno.EPIPE, errno.EINVAL], ids=["elsewhere", "Windows"])
@pytest.mark.parametrize("place", ["write", "close"])
def test_an_ffmpeg_that_ends_early_has_said_why(pictures, tmp_path, monkeypatch, place, number):
    """What is left in the buffer is written when its input is closed, and there is nobody to read it."""

    class Pipe:
        def __init__(self, stdin):
            self.stdin = stdin

        def write(self, data):
            if place == "write":
                raise OSError(number, "nobody reads")

        def close(self):
            if not self.stdin.closed:
                self.stdin.close()
                raise OSError(number, "nobody reads")

    class Popen(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.stdin = Pipe(self.stdin)

    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho 'no such codec' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(mp4.subprocess, "Popen", Popen)
    with pytest.raises(OSError, match="^no such codec$"):
        mp4.write_by_ffmpeg(str(program), tmp_path / "film.mp4", Reel(pictures, Timing()), "")


def test_without_an_encoder_mp4_becomes_webp_and_says_so(pictures, tmp_path, no_encoder):
    written = save_film(pictures, tmp_path / "film", "mp4", Timing(fps=10))
    assert written.files == [tmp_path / "film.webp"]
    assert written.messages == [
        "mp4 needs one of the packages av and imageio-ffmpeg, or ffmpeg; a webp is made instead"
    ]
    assert len(shown(written.files[0])[0]) == 5


def test_no_film_where_none_is_wanted(pictures, tmp_path):
    written = save_film(pictures, tmp_path / "film", "none")
    assert (written.files, written.messages) == ([], [])


@pytest.mark.parametrize("format", ["mp4", "webp", "gif"])
def test_no_frames_is_a_message(tmp_path, format):
    written = save_film([], tmp_path / "film", format)
    assert (written.files, written.messages) == ([], [f"no {format} was made: there are no frames"])


def test_a_broken_picture_is_left_out_by_name(pictures, tmp_path):
    pictures[1].write_bytes(b"no picture")
    pictures[2].unlink()
    written = save_film(pictures, tmp_path / "film", "gif", Timing(fps=10))
    assert [str(path) in message for path, message in zip(pictures[1:3], written.messages)] == [True, True]
    assert shown(written.files[0])[0] == pytest.approx([0, 120, 160], abs=6)


@pytest.mark.parametrize("format", ["mp4", "webp", "gif"])
def test_a_folder_that_cannot_be_written_is_a_message_that_names_it(pictures, tmp_path, format):
    (tmp_path / "file").write_text("not a folder")
    target = tmp_path / "file" / "film"
    written = save_film(pictures, target, format)
    assert written.files == []
    assert any(f"{target}.{format} could not be written" in message for message in written.messages) or (
        format == "mp4" and f"{target}.webp could not be written" in " ".join(written.messages)  # without an encoder
    )
    assert all(path.exists() for path in pictures)


@pytest.mark.parametrize("format", ["webp", "gif"])
def test_a_full_disk_leaves_the_old_film_and_all_frames(pictures, tmp_path, format, monkeypatch):
    old = save_film(pictures[:2], tmp_path / "film", format).files[0].read_bytes()
    monkeypatch.setattr(builtins, "open", FullDisk(builtins.open, 100))
    written = save_film(pictures, tmp_path / "film", format)
    frame = save_frame(tmp_path, 7, Image.effect_noise((64, 64), 50.0), TEXT)
    monkeypatch.undo()
    assert written.files == frame.files == []
    assert written.messages == [f"{tmp_path / 'film'}.{format} could not be written: No space left on device"]
    assert frame.messages == [f"{tmp_path / '00007.png'} could not be written: No space left on device"]
    assert (tmp_path / f"film.{format}").read_bytes() == old
    assert not list(tmp_path.glob("*.part"))
    assert [Image.open(path).size for path in pictures] == [(64, 48)] * 5


class FullDisk:
    """`open` whose files that are written to end after some bytes."""

    def __init__(self, open, left):
        self.open, self.left = open, left

    def __call__(self, file, mode="r", *arguments, **named):
        stream = self.open(file, mode, *arguments, **named)
        if "r" in mode and "+" not in mode:
            return stream
        return Full(stream, self.left)


class Full:
    def __init__(self, stream, left):
        self.stream, self.left = stream, left

    def write(self, data):
        self.left -= len(data)
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.stream.write(data)

    def fileno(self):
        raise io.UnsupportedOperation("writes go through this object")

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stream.close()


def test_what_is_said_where_an_encoder_is_there_and_the_film_cannot_be(pictures, tmp_path):
    """Not that an encoder is missing; and what both of two complain of is said once."""
    if not mp4.has_encoder():
        pytest.skip("there is no encoder here")
    (tmp_path / "film.mp4").mkdir()
    written = save_film(pictures, tmp_path / "film", "mp4", Timing())
    assert written.files == [tmp_path / "film.webp"]
    assert written.messages == [
        f"{tmp_path / 'film.mp4'} could not be written: Is a directory", "a webp is made instead"
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_picture_that_is_cut_short_is_left_out_whatever_its_format(tmp_path, suffix):
    files = [tmp_path / f"{index}.{suffix}" for index in range(3)]
    for file in files:
        Image.effect_noise((64, 64), 90).save(file)
    files[1].write_bytes(files[1].read_bytes()[: files[1].stat().st_size * 2 // 3])
    for format in ("gif", "webp"):
        written = save_film(files, tmp_path / "film", format, Timing(fps=10))
        assert written.files == [tmp_path / f"film.{format}"] and len(shown(written.files[0])[1]) == 2
        (message,) = written.messages
        assert message.startswith(f"{files[1]} is left out of the film: it cannot be read")
