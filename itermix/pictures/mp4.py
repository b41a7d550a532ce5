"""h264 in mp4, by PyAV or by an ffmpeg program: converted by the matrix of BT.709, and saying so.

Without the tags a player guesses, most of them BT.709 for large pictures and BT.601 for small ones.
"""

from __future__ import annotations

import errno
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:  # whether there is an encoder is asked before anything heavy is loaded
    from PIL import Image

    from itermix.pictures.reel import Reel

QUALITY = 18  # constant rate factor of h264: visually lossless
LARGEST_DENOMINATOR = 1001  # of a frame rate: 24000/1001 is one in use
NOBODY_READS = (errno.EPIPE, errno.EINVAL)  # of a pipe; the latter on Windows
BT709 = 1  # its number in all three of h264's tags
TV = 1  # levels from 16 to 235, as players expect them
TAGS = "colorprim=bt709:transfer=bt709:colormatrix=bt709:fullrange=off"  # as x264 calls them
MATRIX = "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int"
FFMPEG_TAGS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"


def has_pyav() -> bool:
    return find_spec("av") is not None


def ffmpeg() -> str | None:
    """The path of an ffmpeg: that of imageio-ffmpeg, else the system's."""
    if find_spec("imageio_ffmpeg") is not None:
        import imageio_ffmpeg

        with suppress(RuntimeError):  # it came without a program for this machine
            return imageio_ffmpeg.get_ffmpeg_exe()
    return shutil.which("ffmpeg")


def has_encoder() -> bool:
    return has_pyav() or ffmpeg() is not None


def write_by_pyav(path: Path, reel: Reel, infotext: str) -> None:
    """The film, with the infotext as its comment. Raises whatever PyAV raises."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        if infotext:
            container.metadata["comment"] = infotext
        stream = container.add_stream("libx264", rate=Fraction(reel.fps).limit_denominator(LARGEST_DENOMINATOR))
        stream.width, stream.height = _even_size(reel)
        stream.pix_fmt, stream.options = "yuv420p", {"crf": str(QUALITY), "x264-params": TAGS}
        context = stream.codec_context  # for the container; x264 writes its own into the pictures' data
        for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
            with suppress(AttributeError):  # an older PyAV cannot
                setattr(context, name, TV if name == "color_range" else BT709)
        for picture in _even(reel):
            frame = av.VideoFrame.from_image(picture)
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_by_ffmpeg(program: str, path: Path, reel: Reel, infotext: str) -> None:
    """The film, with the infotext as its comment. Raises OSError with what ffmpeg complains of."""
    width, height = _even_size(reel)
    command = [program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    command += ["-r", str(Fraction(reel.fps).limit_denominator(LARGEST_DENOMINATOR)), "-i", "-"]
    command += ["-vf", f"{MATRIX},format=yuv420p,{FFMPEG_TAGS}", "-c:v", "libx264", "-crf", str(QUALITY)]
    command += ["-x264-params", TAGS]
    command += ["-movflags", "+faststart", "-metadata", f"comment={infotext}", "-f", "mp4", str(path.absolute())]
    with tempfile.TemporaryFile() as complaint:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaint) as process:
            with _until_it_ends(process.stdin) as stdin:
                for picture in _even(reel):
                    stdin.write(picture.tobytes())
        if process.returncode:
            complaint.seek(0)
            raise OSError(complaint.read(4000).decode(errors="replace").strip() or f"ffmpeg gave {process.returncode}")


@contextmanager
def _until_it_ends(stdin: IO[bytes]) -> Iterator[IO[bytes]]:
    """The input of a program, closed at the end. One that has ended early is no error: its complaint says why."""
    try:
        yield stdin
        stdin.close()
    except OSError as error:
        if error.errno not in NOBODY_READS:
            raise
        with suppress(OSError):  # what is left in the buffer
            stdin.close()


def _even_size(reel: Reel) -> tuple[int, int]:
    return tuple(side + side % 2 for side in reel.size)


def _even(reel: Reel) -> Iterator[Image.Image]:
    """Frames with even sides, which h264 wants: the last row or column repeated where one is missing."""
    from PIL import Image

    width, height = (side % 2 for side in reel.size)
    for picture in reel:
        if width or height:
            wider = Image.new("RGB", _even_size(reel))
            for offset in ((width, height), (0, height), (width, 0), (0, 0)):
                wider.paste(picture, offset)
            picture = wider
        yield picture
