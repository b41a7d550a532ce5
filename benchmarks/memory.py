"""Peak memory of a piece of code, as torch's CPU allocator sees it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

from torch.profiler import ProfilerActivity, profile


def peak_bytes(action: Callable[[], object]) -> int:
    """The most that the action holds at once, in bytes, of what it allocates itself; tensors made before are free.

    Temporaries inside torch's operations count as well; scratch memory of the maths library under them does not.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        action()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        recorded.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    changes = sorted((event["ts"], event["args"]["Bytes"]) for event in events if event["name"] == "[memory]")
    return max(accumulate((size for _, size in changes), initial=0))
