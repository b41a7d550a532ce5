"""Films are read back and counted; nothing that goes wrong is raised or loses a picture."""

import builtins
import errno
import importlib.util
import io
import subprocess
import sys

import pytest
from PIL import Image

from itermix.pictures import films as media
from itermix.pictures.films import Timing, new_folder, save_film, save_frame

HAS_PYAV = importlib.util.find_spec("av") is not None
TEXT = "a rose, größer 月\nSteps: 20, Seed: 5"
find_spec = importlib.util.find_spec


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(5):
        written = save_frame(folder, index, Image.new("RGB", (64, 48), (40 * index, 90, 200 - 40 * index)), TEXT)
        assert written.messages == []
    return sorted(folder.iterdir())


@pytest.fixture
def no_encoder(monkeypatch):
    monkeypatch.setattr(media, "find_spec", lambda name: None)
    monkeypatch.setattr(media.shutil, "which", lambda name: None)


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


def test_a_picture_on_demand_is_that_of_its_file(pictures):
    with Image.open(pictures[3]) as whole:
        whole.load()
        read = media.on_demand(pictures[3])
        assert (read.size, read.mode) == (whole.size, whole.mode)
        assert read.tobytes() == whole.tobytes() and read.info["parameters"] == whole.info["parameters"] == TEXT


def test_pictures_on_demand_keep_no_file_open_and_no_pixels(pictures, monkeypatch):
    opened = []

    def noted(*arguments, **more):
        opened.append(real(*arguments, **more))
        return opened[-1]

    real = builtins.open
    monkeypatch.setattr(builtins, "open", noted)
    read = [media.on_demand(path) for path in pictures * 20]
    assert len(opened) >= len(read) and all(file.closed for file in opened)
    before = len(opened)
    assert [picture.getpixel((0, 0))[0] for picture in read[:5]] == [0, 40, 80, 120, 160]
    assert len(opened) > before and all(file.closed for file in opened)  # the pixels were not there yet


def test_a_picture_on_demand_whose_file_is_gone_says_so_when_it_is_asked_for(pictures):
    read = media.on_demand(pictures[0])
    pictures[0].unlink()
    assert read.size == (64, 48)
    with pytest.raises(FileNotFoundError, match="00000.png"):
        read.load()
    with pytest.raises(FileNotFoundError):
        media.on_demand(pictures[0])


@pytest.mark.parametrize("most, size", [(5 * 64 * 48, (64, 48)), (5 * 32 * 24, (32, 24)), (1, (1, 1))])
def test_pictures_within_a_number_of_pixels(pictures, most, size):
    read = [media.on_demand(path) for path in pictures]
    found = list(media.within(read, most))
    assert [picture.size for picture in found] == [size] * 5
    assert [picture.getpixel((0, 0))[0] for picture in found] == [0, 40, 80, 120, 160]
    for path in pictures:
        path.unlink()
    with pytest.raises(FileNotFoundError):  # its pixels were read for the copy, and not kept
        read[0].load()
    assert list(media.within([found[0]], 64 * 48)) == [found[0]]


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


def test_a_frame_holds_its_pixels_and_its_infotext(pictures):
    assert [path.name for path in pictures] == [f"{index:05}.png" for index in range(5)]
    with Image.open(pictures[3]) as picture:
        assert picture.text["parameters"] == TEXT
        assert picture.getpixel((5, 5)) == (120, 90, 80)


def test_folders_are_numbered_on(tmp_path):
    assert [new_folder(tmp_path / "a" / "b").name for _ in range(3)] == ["00000", "00001", "00002"]
    (tmp_path / "a" / "b" / "00041").mkdir()
    (tmp_path / "a" / "b" / "notes").mkdir()
    assert new_folder(tmp_path / "a" / "b").name == "00042"


@pytest.mark.parametrize("name, is_frame", [
    ("00000.png", True), ("100000.png", True), ("00001 (1).png", False), ("00001-edited.png", False), (".png", False),
    ("00001.jpg", False), ("\u0663.png", False),
])  # fmt: skip
def test_files_of_the_user_in_the_folder_are_no_frames(name, is_frame):
    assert media.is_frame_name(name) == is_frame


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


@pytest.mark.skipif(not HAS_PYAV or media.ffmpeg() is None, reason="ffmpeg, or PyAV to read with, is not there")
def test_mp4_by_ffmpeg(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(media, "find_spec", lambda name: None if name == "av" else find_spec(name))
    written = save_film(pictures, tmp_path / "film", "mp4", Timing(fps=9), TEXT)
    assert (written.files, written.messages) == ([tmp_path / "film.mp4"], [])
    red, rate, codec, _, _ = read_mp4(written.files[0])
    assert red == pytest.approx([0, 40, 80, 120, 160], abs=8)
    assert (rate, codec) == (9.0, "h264")


def test_without_an_encoder_mp4_becomes_webp_and_says_so(pictures, tmp_path, no_encoder):
    written = save_film(pictures, tmp_path / "film", "mp4", Timing(fps=10))
    assert written.files == [tmp_path / "film.webp"]
    assert written.messages == ["mp4 needs one of the packages av and imageio-ffmpeg, or ffmpeg; made a webp instead"]
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


PEAK = """
import resource, sys
from itermix.pictures.films import save_film
save_film([sys.argv[1]] * int(sys.argv[2]), sys.argv[3], "webp")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path):
    """A picture of this size takes 0.8 MB, 90 of them 71 MB."""
    pytest.importorskip("resource")
    path = save_frame(tmp_path, 0, Image.linear_gradient("L").resize((512, 512)).convert("RGB")).files[0]

    def peak(count):
        command = [sys.executable, "-c", PEAK, str(path), str(count), str(tmp_path / "film")]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024.0

    assert peak(100) < peak(10) + 20.0
