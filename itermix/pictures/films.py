"""Frames made into a film: mp4, webp or gif.

Pictures lie on disk and are read one at a time, and no format holds those that are written: memory does not grow with
their number. Nothing here fails a run: what could not be written is said in a message that names the file, and the
single pictures are never touched. mp4 (h264) wants PyAV, imageio-ffmpeg or a system ffmpeg; without one of them it
becomes a webp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from itermix.files import replacing
from itermix.pictures import gif, limits, mp4, webp
from itermix.pictures.exif import as_text
from itermix.pictures.frames import Written, attempted, why
from itermix.pictures.reel import Reel, Timing

Encode = Callable[[Path, Reel, str], None]
BY_PILLOW = {"webp": webp, "gif": gif}
UNVERIFIED = ("JPEG", "MPO")  # of which Pillow says nothing before it has decoded them
INSTEAD = "a webp is made instead"


def save_film(
    pictures: list[Path],
    path: str | Path,
    format: str,
    timing: Timing = Timing(),  # noqa: B008
    infotext: str = "",
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
    for name, encode in _encoders(format, written):
        target = Path(f"{path}.{name}")
        tried = attempted(target, partial(_write, target, encode, Reel(readable, timing), as_text(infotext)))
        written.files += tried.files
        written.messages += [line for line in tried.messages if line not in written.messages]  # of two encoders
        if tried.files:
            written.messages += limits.of_speed(name, timing.fps)
            return written
    return written


def _encoders(format: str, written: Written) -> Iterator[tuple[str, Encode]]:
    """What to try, in this order, each with its suffix; says so where it is not what was asked for."""
    if format != "mp4":
        yield format, BY_PILLOW[format].write
        return
    if mp4.has_pyav():
        yield "mp4", mp4.write_by_pyav
    program = mp4.ffmpeg()
    if program is not None:
        yield "mp4", partial(mp4.write_by_ffmpeg, program)
    written.messages.append(INSTEAD if mp4.has_encoder() else limits.NO_ENCODER)
    yield from ((name, encoder.write) for name, encoder in BY_PILLOW.items())


def _write(path: Path, encode: Encode, reel: Reel, infotext: str) -> None:
    with replacing(path) as part:
        encode(part, reel, infotext)


def _readable(path: Path, written: Written) -> bool:
    try:
        with Image.open(path) as picture:
            if picture.format in UNVERIFIED:
                picture.load()
            else:
                picture.verify()
        return True
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        written.messages.append(f"{path} is left out of the film: it cannot be read ({why(error)})")
        return False
