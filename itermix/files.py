"""Files written whole or not at all, and what is wrong with a file's name before anything is written.

A file is written beside its place under a short name of our own, brought to the disk and then put in its place: who
reads it finds the old one or the new one, after a crash, too. It gets the mode of any file that the user makes.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PART = ".part"  # how the name of an unfinished file ends
NO_FILE = "it is a device, and no file that could be replaced"
LONGEST_NAME = 255  # bytes; of all file systems in use
WINDOWS_CHARACTERS = set('<>:"|?*') | {chr(code) for code in range(32)}
WINDOWS_NAMES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{n}" for name in ("COM", "LPT") for n in range(1, 10))}
TRIES, PAUSE = 20, 0.05  # seconds: on Windows a virus scanner holds a new file for a moment


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """An empty file to write to, which takes the place of `path` when the block ends, and is removed where it fails.

    A link is written through. Raises OSError.
    """
    _require_name(path)
    path = Path(os.path.realpath(path))
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(NO_FILE)
    part = path.with_name(f"itermix-{os.urandom(8).hex()}{PART}")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # less what the user's umask takes
        yield part
        _to_disk(part)
        _replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def write_whole(path: str | Path, data: bytes) -> None:
    """Replaces a file, its folder made where there is none. Raises OSError."""
    make_folder_of(path)
    with replacing(path) as part, open(part, "wb") as file:
        file.write(data)


def make_folder_of(path: str | Path) -> None:
    """Makes the folder that a file is to lie in: where its link leads, and none on the way through `..`.

    Raises OSError.
    """
    _require_name(path)
    Path(os.path.realpath(path)).parent.mkdir(parents=True, exist_ok=True)


def write_json(path: str | Path, values: Any, indent: int = 2) -> None:
    """Plain data as a JSON file. Raises OSError."""
    # What another program has written may hold half characters, which no text file can.
    text = json.dumps(values, indent=indent, ensure_ascii=False).encode(errors="backslashreplace")
    write_whole(path, text + b"\n")


def require_writable(path: str | Path, longest_addition: str = "") -> None:
    """Raises OSError where a file could not be written after a long run; its folder may still have to be made.

    longest_addition: the longest text that names made from this one have beyond it.
    """
    path = Path(path)
    _require_name(path, longest_addition)
    _require_links(path.absolute())
    require_replaceable(path)
    path = Path(os.path.realpath(path))
    there = _there(path)
    if not os.access(there, os.W_OK):
        raise OSError("no permission")
    for folder in path.parents[:-1]:
        problem = None if folder.exists() else name_problem(folder.name)
        if problem:
            raise OSError(problem)
    _try_in(there)


def require_replaceable(path: str | Path) -> None:
    """Raises OSError where something lies in a file's place, or in its folder's, that a file cannot take."""
    path = Path(os.path.realpath(path))
    there = _there(path)
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    if path.is_dir():
        raise OSError("it is a folder")
    if path.exists() and not path.is_file():
        raise OSError(NO_FILE)


def _there(path: Path) -> Path:
    """The nearest folder above it that there is. Raises OSError for a drive of Windows that is not there."""
    for folder in path.parents:
        if folder.exists():
            return folder
    raise FileNotFoundError(errno.ENOENT, f"there is no {path.anchor}")


def _try_in(folder: Path) -> None:
    """Raises OSError where no file can be made in a folder, whatever its mode says (/proc, a share that is gone)."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"no file can be made in {folder}: {reason_of(error)}") from None


def _require_links(path: Path) -> None:
    """Raises OSError where a link leads to itself, or a folder's link nowhere. A file may be made through its link."""
    for place in (path, *path.parents):
        if place.is_symlink() and (place != path or _is_loop(place)) and not place.exists():
            raise OSError(f"{place} is a link that leads nowhere")


def _is_loop(link: Path) -> bool:
    try:
        os.stat(link)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def name_problem(name: str, longest_addition: str = "", on_windows: bool = os.name == "nt") -> str | None:
    """Why a file cannot have this name; None where it can."""
    if "\0" in name:
        return "its name holds a null character"
    try:
        length = len(f"{name}{longest_addition}".encode())
    except UnicodeEncodeError:
        return "its name is no proper text; it holds half a character"
    if length > LONGEST_NAME:
        return f"its name is {length - LONGEST_NAME} bytes too long for the files that are made from it"
    if not on_windows:
        return None
    if set(name) & WINDOWS_CHARACTERS:
        return 'on Windows a name holds none of < > : " | ? *'
    if name.split(".")[0].rstrip().upper() in WINDOWS_NAMES:
        return f"on Windows {name.split('.')[0]} is the name of a device"
    return "on Windows a name ends neither with a dot nor with a blank" if name.endswith((".", " ")) else None


def _require_name(path: str | Path, longest_addition: str = "") -> None:
    problem = name_problem(Path(path).name, longest_addition)
    if problem:
        raise OSError(problem)


def reason_of(error: OSError) -> str:
    """Why a file could not be written, without its name."""
    return error.strerror or str(error)


def _to_disk(path: Path) -> None:
    descriptor = _patiently(os.open, path, os.O_RDWR)  # Windows brings to the disk only what it could write
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(part: Path, path: Path) -> None:
    _patiently(os.replace, part, path)


def _patiently(action: Callable[..., Any], *args: Any) -> Any:
    """What it gives; on Windows it is tried again where another program holds the file."""
    for left in reversed(range(TRIES)):
        try:
            return action(*args)
        except PermissionError:
            if os.name != "nt" or not left:
                raise
            time.sleep(PAUSE)
