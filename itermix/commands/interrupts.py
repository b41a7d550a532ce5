"""The user's Ctrl+C as a question that a run asks between two steps, so that what is finished can be put in order."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any


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
