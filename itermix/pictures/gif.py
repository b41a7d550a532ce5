"""Animated GIF, written frame by frame: Pillow compresses each picture, and holds none of those before.

GIF89a, https://www.w3.org/Graphics/GIF/spec-gif89a.txt. Time is counted in hundredths of a second.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # limits are asked for before anything heavy is loaded
    from PIL import Image

    from itermix.pictures.reel import Reel

UNITS = 100  # per second
SHORTEST = 2  # units: browsers show a picture of one unit for ten of them
LONGEST = 2**16 - 1
FASTEST = UNITS / SHORTEST  # frames per second
HEADER, DESCRIPTOR, BLOCK = 13, 10, 255  # bytes of the screen's head, of a picture's, and of data in a block at most
TABLE_FLAG, TABLE_SIZE = 0x80, 0x07
EXTENSION, PICTURE, TRAILER = b"!", b",", b";"
FOREVER = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
STAYS = 0x04  # a picture is not taken away before the next


def write(path: Path, reel: Reel, infotext: str) -> None:
    """The film, with the infotext as its comment. Raises OSError."""
    with open(path, "wb") as file:
        file.write(b"GIF89a" + struct.pack("<HHBBB", *reel.size, 0x70, 0, 0) + FOREVER)
        if infotext:
            file.write(b"!\xfe" + b"".join(_blocks(infotext.encode())) + b"\0")
        for index, duration in reel.shots(UNITS, SHORTEST, LONGEST):
            file.write(struct.pack("<BBBBHBB", 0x21, 0xF9, 4, STAYS, duration, 0, 0))
            file.write(_compressed(reel.picture(index)))
        file.write(TRAILER)


def _blocks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), BLOCK):
        block = data[start : start + BLOCK]
        yield bytes([len(block)]) + block


def _compressed(picture: Image.Image) -> bytes:
    """A picture's descriptor, colour table and data, taken out of a file of its own."""
    from PIL import Image

    buffer = io.BytesIO()
    picture.convert("P", palette=Image.Palette.ADAPTIVE).save(buffer, "GIF", interlace=0)
    data = buffer.getvalue()
    flags, place = data[HEADER - 3], HEADER
    table = data[place : place + _table_length(flags)]
    place += len(table)
    while data[place : place + 1] == EXTENSION:
        place += 2
        while data[place]:
            place += data[place] + 1
        place += 1
    if data[place : place + 1] != PICTURE:
        raise OSError("a picture could not be compressed")
    head, place = bytearray(data[place : place + DESCRIPTOR]), place + DESCRIPTOR
    if not head[-1] & TABLE_FLAG:  # its colours are those of the whole file, and here there are none
        head[-1] |= flags & (TABLE_FLAG | TABLE_SIZE)
        return bytes(head) + table + data[place : data.rindex(TRAILER)]
    return bytes(head) + data[place : data.rindex(TRAILER)]


def _table_length(flags: int) -> int:
    """Of a colour table, in bytes."""
    return 3 << ((flags & TABLE_SIZE) + 1) if flags & TABLE_FLAG else 0
