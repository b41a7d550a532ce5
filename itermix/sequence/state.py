"""What a sequence needs to go on after an interrupt, in one file that is replaced whole after every frame.

A file is a magic line, the length of a header, the header (JSON: version, fingerprint of the sequence, next frame,
folder, names, dtypes and shapes of the tensors), the tensors' bytes and the SHA-256 of all before it. Nothing in it is
ever executed.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from itermix.files import reason_of, write_whole
from itermix.sequence.magic import MAGIC

VERSION = 4
LARGEST_HEADER = 2**20  # bytes
LARGEST_TENSORS = 2**32  # bytes
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (torch.float32, torch.float64, torch.float16)}
DTYPES["bfloat16"] = torch.bfloat16


class StateError(Exception):
    """A file that a sequence cannot go on from, or that cannot be written. The message names it and what to do."""


@dataclass(frozen=True)
class State:
    """Where a sequence stands.

    fingerprint: of all that decides the frames. next: the first frame that is not there yet. previous, first: clean
    latents [B, C, H, W] of the frame before that and of the first frame. path: [B], how far a closed loop has gone.
    folder: name of the one with the pictures; "" where there is none. init: the latent that it began with, or None.
    """

    fingerprint: str
    next: int
    previous: Tensor
    first: Tensor
    path: Tensor
    folder: str = ""
    init: Tensor | None = None


def fingerprint(*parts: Any) -> str:
    """A name for a sequence: the same plain data and tensors give the same one. None stands for no tensor."""
    digest = hashlib.sha256()
    for part in parts:
        data = _bytes(part) if isinstance(part, Tensor) else repr(part).encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def save(file: str | Path, state: State) -> None:
    """Replaces the file, or leaves the old one as it was and raises StateError."""
    file = Path(file)
    tensors = {"previous": state.previous, "first": state.first, "path": state.path}
    if state.init is not None:
        tensors["init"] = state.init
    payload = b"".join(_bytes(tensor) for tensor in tensors.values())
    header = {
        "version": VERSION,
        "fingerprint": state.fingerprint,
        "next": state.next,
        "folder": state.folder,
        "tensors": [[name, str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in tensors.items()],
    }
    text = json.dumps(header).encode()
    data = MAGIC + len(text).to_bytes(8, "big") + text + payload
    try:
        write_whole(file, data + hashlib.sha256(data).digest())
    except OSError as error:
        raise StateError(f"{file} cannot be written: {reason_of(error)}; the sequence cannot be resumed") from None


def load(file: str | Path) -> State:
    """Raises StateError for a file that is missing, foreign, cut short, damaged or from another version of itermix."""
    try:
        with open(file, "rb") as stream:
            return _parsed(Path(file), stream)
    except FileNotFoundError:
        raise StateError(f"there is no sequence to resume: {file} is not there") from None
    except OSError as error:
        raise StateError(f"{file} cannot be read: {error.strerror or error}") from None


def _parsed(file: Path, stream: Any) -> State:
    head = stream.read(len(MAGIC) + 8)
    if head[: len(MAGIC)] != MAGIC:
        raise StateError(f"{file} is no saved sequence; start a new one")
    length = int.from_bytes(head[len(MAGIC) :], "big")
    try:
        text = stream.read(length) if length <= LARGEST_HEADER else b""
        header = json.loads(text)
        _require_version(file, header["version"])
        shapes = {name: (DTYPES[dtype], _shape(shape)) for name, dtype, shape in header["tensors"]}
        sizes = {name: _itemsize(dtype) * math.prod(shape) for name, (dtype, shape) in shapes.items()}
        expected, digest = sum(sizes.values()), hashlib.sha256()
        left = file.stat().st_size - stream.tell()
        if expected > LARGEST_TENSORS or left != expected + digest.digest_size:  # before memory is taken
            raise ValueError
        payload = stream.read(expected)
        for part in (head, text, payload):
            digest.update(part)
        if stream.read() != digest.digest():
            raise ValueError
        tensors, start = {}, 0
        for name, (dtype, shape) in shapes.items():
            data = bytearray(payload[start : start + sizes[name]])
            tensors[name] = torch.frombuffer(data, dtype=dtype).reshape(shape)
            start += sizes[name]
        kept = (tensors[name] for name in ("previous", "first", "path"))
        named = str(header["fingerprint"]), _count(header["next"])
        return State(*named, *kept, str(header["folder"]), tensors.get("init"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise StateError(f"{file} is cut short or damaged; start a new sequence") from None


def _require_version(file: Path, version: Any) -> None:
    """Raises StateError for a version that is another, and ValueError for what is none."""
    if _count(version) > VERSION:
        raise StateError(f"{file} is from a newer itermix (version {version}); update itermix to resume it")
    if version < VERSION:
        raise StateError(f"{file} is from an older itermix (version {version}); start a new sequence")


def _itemsize(dtype: torch.dtype) -> int:
    """In bytes; torch 2.0, which some hosts still have, does not say it of a dtype."""
    return torch.empty((), dtype=dtype).element_size()


def _shape(shape: Any) -> tuple[int, ...]:
    return tuple(_count(side) for side in shape)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError
    return value


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
