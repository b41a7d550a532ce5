"""Times the loading of each script, before the first is loaded: in processor seconds, which other work leaves alone.

The host's own profile has the time on the clock. `scripts/itermix_start.py` hands these out.
"""

import functools
import time

from modules import script_loading


def preload(parser):
    load = script_loading.load_module
    seconds = script_loading.itermix_seconds = {}

    @functools.wraps(load)
    def timed(path):
        start = time.thread_time()
        try:
            return load(path)
        finally:
            seconds[str(path)] = time.thread_time() - start

    script_loading.load_module = timed
