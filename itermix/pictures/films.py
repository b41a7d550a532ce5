"""Frames made into a film: mp4, webp or gif, and the pictures themselves in a numbered folder.

Pictures lie on disk and are read one at a time, so that memory does not grow with their number (but for gif, of which
Pillow holds a byte for each pixel that changes). Nothing here fails a
run: what could not be written is said in a message that names the file, and the single pictures are never touched.
mp4 (h264) wants PyAV, imageio-ffmpeg or a system ffmpeg; without one of them it becomes a webp or gif by Pillow.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from itermix.files import replacing
from itermix.pictures.saving import exif_of, save_picture

QUALITY = 18  # constant rate factor of h264: visually lossless
LONGEST_ERROR = 160  # characters of an encoder's complaint


@dataclass
class Written:
    """files: what is there now. messages: one line for each thing that went otherwise than asked."""

    files: list[Path] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Timing:
    """fps: frames per second. hold_first, hold_last: how many frames longer the first and the last one stay."""

    fps: float = 12.0
    hold_first: int = 0
    hold_last: int = 0
    ping_pong: bool = False

    def order(self, count: int) -> Iterator[int]:
        """Which picture each frame of the film shows. Ping-pong repeats neither end: the film goes round."""
        if not count:
            return
        yield from [0] * self.hold_first
        yield from range(count)
        yield from [count - 1] * self.hold_last
        if self.ping_pong:
            yield from range(count - 2, 0, -1)


def new_folder(parent: str | Path) -> Path:
    """The next of the folders 00000, 00001 ... of parent, made. Raises OSError, which names it."""
    parent = Path(parent)
    parent.mkdir(parents=True, exist_ok=True)
    taken = [int(entry.name) for entry in parent.iterdir() if is_folder_name(entry.name)]
    number = max(taken, default=-1) + 1
    while True:  # another run may take the number in between
        with suppress(FileExistsError):
            (parent / f"{number:05}").mkdir()
            return parent / f"{number:05}"
        number += 1


def is_folder_name(name: str) -> bool:
    """Whether `new_folder` could have given it: no path, whoever wrote it down."""
    return name.isascii() and name.isdigit()


def is_frame_name(name: str) -> bool:
    """Whether `save_frame` could have given it: users put files of their own into the folder."""
    return name.endswith(".png") and is_folder_name(name.removesuffix(".png"))


def save_frame(folder: str | Path, index: int, picture: Image.Image, infotext: str = "") -> Written:
    """One picture as 00012.png with its infotext, whole or not at all."""
    path = Path(folder) / f"{index:05}.png"
    return _attempted(path, lambda: save_picture(path, picture, infotext))


def on_demand(path: str | Path) -> Image.Image:
    """The picture of a file, of which only the head is read now: its pixels follow when somebody asks for them.

    The file is open only while it is read, so that a thousand such pictures are not a thousand open files. Raises
    OSError where the file cannot be read, then or now.
    """
    return Image.open(_OnDemand(Path(path)))


class _OnDemand(io.RawIOBase):
    """A file for reading that is closed between two reads."""

    def __init__(self, path: Path):
        self.path, self.place = path, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        with open(self.path, "rb") as file:
            file.seek(self.place)
            count = file.readinto(buffer)
        self.place += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.path.stat().st_size}[whence]
        self.place = start + offset
        return self.place

    def tell(self) -> int:
        return self.place


def within(pictures: Iterable[Image.Image], most_pixels: int) -> Iterator[Image.Image]:
    """The pictures, all made smaller by the same factor where together they have more pixels than that.

    Smaller ones are copies; the pixels of a picture `on_demand` are not kept for it.
    """
    pictures = list(pictures)
    pixels = sum(picture.width * picture.height for picture in pictures)
    factor = (most_pixels / pixels) ** 0.5 if pixels > most_pixels else 1.0
    for picture in pictures:
        source = getattr(picture, "fp", None)
        if isinstance(source, _OnDemand):
            picture = on_demand(source.path)
        if factor < 1.0:
            size = max(1, int(picture.width * factor)), max(1, int(picture.height * factor))
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        yield picture


def save_film(
    pictures: list[Path],
    path: str | Path,
    format: str,
    timing: Timing = Timing(),
    infotext: str = "",  # noqa: B008
) -> Written:
    """A film of pictures that lie on disk. path: without suffix. format: "mp4", "webp", "gif" or "none".

    Pictures that cannot be read are left out with a message; the others are brought to the size of the first.
    """
    written = Written()
    if format == "none":
        return written
    readable = [picture for picture in pictures if _readable(picture, written)]
    if not readable:
        written.messages.append(f"no {format} was made: there are no frames")
        return written
    order = list(timing.order(len(readable)))
    for name, encode in _encoders(format, written):
        target = Path(f"{path}.{name}")
        tried = _attempted(target, lambda t=target, e=encode: _encode(t, e, _Frames(readable, order), timing, infotext))
        written.files += tried.files
        if tried.files:
            return written
        written.messages += tried.messages
    return written


class _Frames:
    """Pictures of a film in their order, read when they are asked for: RGB, of one size."""

    def __init__(self, pictures: list[Path], order: list[int]):
        self.pictures, self.order = pictures, order
        with Image.open(pictures[0]) as first:
            self.size = first.size

    def __iter__(self) -> Iterator[Image.Image]:
        for index in self.order:
            with Image.open(self.pictures[index]) as picture:
                frame = picture.convert("RGB")
            yield frame if frame.size == self.size else frame.resize(self.size, Image.Resampling.LANCZOS)

    def even(self) -> Iterator[Image.Image]:
        """With even sides, which h264 wants: the last row or column repeated where one is missing."""
        width, height = self.size
        for frame in self:
            if width % 2 or height % 2:
                wider = Image.new("RGB", self.even_size)
                for offset in ((width % 2, height % 2), (0, height % 2), (width % 2, 0), (0, 0)):
                    wider.paste(frame, offset)
                frame = wider
            yield frame

    @property
    def even_size(self) -> tuple[int, int]:
        return self.size[0] + self.size[0] % 2, self.size[1] + self.size[1] % 2


Encode = Callable[[Path, _Frames, float, str], None]


def _encoders(format: str, written: Written) -> Iterator[tuple[str, Encode]]:
    """What to try, in this order, each with its suffix; says so where it is not what was asked for."""
    if format == "mp4":
        if find_spec("av") is not None:
            yield "mp4", _mp4_by_pyav
        program = ffmpeg()
        if program is not None:
            yield "mp4", lambda *arguments: _mp4_by_ffmpeg(program, *arguments)
        written.messages.append("mp4 needs one of the packages av and imageio-ffmpeg, or ffmpeg; made a webp instead")
        yield from ((name, partial(_by_pillow, name)) for name in ("webp", "gif"))
    else:
        yield format, partial(_by_pillow, format)


def ffmpeg() -> str | None:
    """The path of an ffmpeg: that of imageio-ffmpeg, else the system's."""
    if find_spec("imageio_ffmpeg") is not None:
        import imageio_ffmpeg

        with suppress(RuntimeError):  # it came without a program for this machine
            return imageio_ffmpeg.get_ffmpeg_exe()
    return shutil.which("ffmpeg")


def _mp4_by_pyav(part: Path, frames: _Frames, fps: float, infotext: str) -> None:
    import av

    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        if infotext:
            container.metadata["comment"] = infotext
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height = frames.even_size
        stream.pix_fmt, stream.options = "yuv420p", {"crf": str(QUALITY)}
        for frame in frames.even():
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())


def _mp4_by_ffmpeg(program: str, part: Path, frames: _Frames, fps: float, infotext: str) -> None:
    width, height = frames.even_size
    command = [program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    command += ["-r", f"{fps:g}", "-i", "-", "-c:v", "libx264", "-crf", str(QUALITY), "-pix_fmt", "yuv420p"]
    command += ["-movflags", "+faststart", "-metadata", f"comment={infotext}", "-f", "mp4", str(part)]
    with tempfile.TemporaryFile() as complaint:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaint) as process:
            with suppress(BrokenPipeError):  # it ended early; its complaint says why
                for frame in frames.even():
                    process.stdin.write(frame.tobytes())
                process.stdin.close()
        if process.returncode:
            complaint.seek(0)
            raise OSError(complaint.read(4000).decode(errors="replace").strip() or f"ffmpeg gave {process.returncode}")


def _by_pillow(format: str, part: Path, frames: _Frames, fps: float, infotext: str) -> None:
    """webp (infotext in Exif's user comment) or gif (in its comment).

    Pillow makes one picture of equal neighbours and adds up their time.
    """
    iterator = iter(frames)
    first = next(iterator)
    duration = [round(1000.0 / fps)] * len(frames.order)
    options = {"save_all": True, "append_images": iterator, "duration": duration, "loop": 0}
    if format == "webp":
        first.save(part, format="WEBP", quality=90, exif=exif_of(infotext), **options)
    else:
        first.save(part, format="GIF", comment=infotext.encode() if infotext else b"", **options)


def _readable(path: Path, written: Written) -> bool:
    try:
        with Image.open(path) as picture:
            picture.verify()
        return True
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        written.messages.append(f"{path} is left out of the film: it cannot be read ({_why(error)})")
        return False


def _encode(path: Path, encode: Encode, frames: _Frames, timing: Timing, infotext: str) -> None:
    with replacing(path) as part:
        encode(part, frames, timing.fps, infotext)


def _attempted(path: Path, write: Callable[[], None]) -> Written:
    try:
        write()
        return Written(files=[path])
    except Exception as error:  # an encoder may fail in ways of its own, and none of them is to end a run
        return Written(messages=[f"{path} could not be written: {_why(error)}"])


def _why(error: Exception) -> str:
    text = " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
    return text if len(text) <= LONGEST_ERROR else text[:LONGEST_ERROR] + "..."
