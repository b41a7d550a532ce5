"""One process at a time, with nothing but the standard library: a lock that the system lets go of when its holder ends.

Of a file, by flock or, on Windows, by msvcrt.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PAUSE = 0.5  # seconds between two tries


@contextmanager
def locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Holds the lock of a file for a block. The file is made, and removed again where the system allows it.

    on_wait: called once where another process holds it. Raises OSError where the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    waits = False
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if _try(file) and _is_still(file, path):
            break
        os.close(file)
        if not waits:
            on_wait()
        waits = True
        time.sleep(PAUSE)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            path.unlink()
        os.close(file)


def _try(file: int) -> bool:
    """Takes the lock, if nobody has it. Where a file system knows no locks everyone has it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return os.name != "nt"
    return True


def _is_still(file: int, path: Path) -> bool:
    """Whether the path is that of the locked file: the holder before may have removed it in between."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False
