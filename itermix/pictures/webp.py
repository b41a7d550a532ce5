"""Animated WebP, written frame by frame: Pillow compresses each picture, and holds none of those before.

The container is RIFF, https://developers.google.com/speed/webp/docs/riff_container. Time is counted in milliseconds.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from itermix.pictures.exif import exif_of

if TYPE_CHECKING:  # limits are asked for before anything heavy is loaded
    from PIL import Image

    from itermix.pictures.reel import Reel


QUALITY = 90
UNITS = 1000  # per second
SHORTEST = 11  # units: browsers show a picture of ten or less for a hundred
LONGEST = 2**24 - 1
FASTEST = UNITS / SHORTEST  # frames per second
LARGEST_SIDE = 2**14 - 1  # of a picture's data; the container has room for more
LARGEST_FILE = 2**32 - 10  # bytes: its length has 32 bits
EXIF_FLAG, ANIMATION_FLAG = 0x08, 0x02
DATA = (b"VP8 ", b"VP8L", b"ALPH")
EXIF_HEAD = b"Exif\0\0"  # of JPEG's alone


def write(path: Path, reel: Reel, infotext: str) -> None:
    """The film, with the infotext as its EXIF user comment. Raises OSError."""
    exif = exif_of(infotext).removeprefix(EXIF_HEAD)
    width, height = reel.size
    if max(reel.size) > LARGEST_SIDE:
        raise OSError(f"a webp has at most {LARGEST_SIDE} pixels a side")
    flags = ANIMATION_FLAG | (EXIF_FLAG if exif else 0)
    with open(path, "wb") as file:
        file.write(b"RIFF\0\0\0\0WEBP")
        file.write(_chunk(b"VP8X", struct.pack("<I", flags) + _24(width - 1) + _24(height - 1)))
        file.write(_chunk(b"ANIM", struct.pack("<IH", 0, 0)))  # on nothing, for ever
        for index, duration in reel.shots(UNITS, SHORTEST, LONGEST):
            place = _24(0) + _24(0) + _24(width - 1) + _24(height - 1) + _24(duration) + b"\x02"  # opaque
            file.write(_chunk(b"ANMF", place + b"".join(_compressed(reel.picture(index)))))
        if exif:
            file.write(_chunk(b"EXIF", exif))
        _write_length(file)


def _write_length(file: BinaryIO) -> None:
    length = file.tell() - 8
    if length > LARGEST_FILE:
        raise OSError("a webp has at most 4 GB")
    file.seek(4)
    file.write(struct.pack("<I", length))


def _compressed(picture: Image.Image) -> Iterator[bytes]:
    """The chunks of a picture's data, taken out of a file of its own."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY)
    data = buffer.getvalue()
    place = 12
    while place + 8 <= len(data):
        name, length = data[place : place + 4], struct.unpack_from("<I", data, place + 4)[0]
        if name in DATA:
            yield _chunk(name, data[place + 8 : place + 8 + length])
        place += 8 + length + length % 2


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _24(value: int) -> bytes:
    return value.to_bytes(3, "little")
