"""The infotext as EXIF data, as WebUIs write and read it in JPEG and WebP files."""

from __future__ import annotations

import struct

EXIF, USER_COMMENT = 0x8769, 0x9286
LONG, UNDEFINED = 4, 7  # types of values
IFD = ">HHHIII"  # number of entries; tag, type, count and place of the one; place of the next directory
IFD_LENGTH = struct.calcsize(IFD)


def exif_of(infotext: str) -> bytes:
    """EXIF data with the infotext as the user comment; none for an empty one.

    Pillow would write the comment as bytes, which the hosts do not read: EXIF 2.3, 4.6.5, wants it undefined, its first
    eight bytes naming the encoding.
    """
    if not infotext:
        return b""
    comment = b"UNICODE\0" + as_text(infotext).encode("utf-16-be")
    first, second = 8, 8 + IFD_LENGTH  # where the two directories lie, of one entry each
    return b"".join((
        b"Exif\0\0MM\0*", struct.pack(">I", first),
        struct.pack(IFD, 1, EXIF, LONG, 1, second, 0),
        struct.pack(IFD, 1, USER_COMMENT, UNDEFINED, len(comment), second + IFD_LENGTH, 0), comment,
    ))  # fmt: skip


def as_text(infotext: str) -> str:
    """The text as a file can hold it: a question mark in place of half a character."""
    return infotext.encode(errors="replace").decode()
