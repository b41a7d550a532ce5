"""The user's Ctrl+C, and what else ends a run, so that what is finished can be put in order."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

ENDS = ("SIGTERM", "SIGHUP")  # the system's wish to end, and a closed terminal; Windows lacks the latter


@contextlib.contextmanager
def as_interrupts() -> Iterator[None]:
    """What else ends a command ends it as Ctrl+C does, so that temporary folders are cleared away.

    Signals that are ignored (nohup) or have a handler are left as they are.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():  # elsewhere there are no signals
        asked = [getattr(signal, name) for name in ENDS if hasattr(signal, name)]
        for number in asked:
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interrupts:
    """While it is entered the first Ctrl+C is only noted; the second one ends the run at once, as KeyboardInterrupt."""

    def __init__(self) -> None:
        self._asked = False
        self._before: Any = None

    def asked(self) -> bool:
        """Whether the user wants the run to end."""
        return self._asked

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():  # elsewhere there are no signals
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: Any) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        print("\nstopping after this step; Ctrl+C once more ends at once", file=sys.stderr, flush=True)
