"""How many threads torch computes with: as many as there are processors free, chosen before torch is imported.

OpenMP's threads wait for each other at every step of a network, and wait by spinning: beside another busy process two
threads are up to 20 times slower than one.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

COUNT = "OMP_NUM_THREADS"
WAITING = "OMP_WAIT_POLICY"
MEASURED = 0.25  # seconds
TOPOLOGY = Path("/sys/devices/system/cpu")
STATISTICS = Path("/proc/stat")
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def choose() -> None:
    """Sets OpenMP's variables, where the user has not, for this process and what it starts."""
    os.environ.setdefault(WAITING, "PASSIVE")
    if COUNT not in os.environ:
        os.environ[COUNT] = str(free_cores())


def free_cores() -> int:
    """How many physical cores nobody else is using now; at least one."""
    return max(min(cores(), round(idle_processors())), 1)


def cores() -> int:
    """The physical cores that this process may use, as far as the system tells: two threads on one gain nothing."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    allowed = os.sched_getaffinity(0)
    siblings = {_siblings(processor) for processor in allowed}
    quota = _quota()
    return max(min(len(siblings), quota or len(siblings)), 1)


def idle_processors() -> float:
    """How many logical processors have been idle: for a moment where the system says it, else over the last minute."""
    total = os.cpu_count() or 1
    before = _times()
    if before is None:
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        return total - load
    time.sleep(MEASURED)
    after = _times() or before
    passed = sum(after) - sum(before)
    idle = after[3] - before[3] + after[4] - before[4]  # waiting for a disk is idle, too
    return total * idle / passed if passed else float(total)


def _times() -> tuple[int, ...] | None:
    """What all processors together have spent on user, nice, system, idle, iowait ... since the start (Linux)."""
    try:
        first = STATISTICS.read_text(encoding="ascii").split("\n", 1)[0].split()
        return tuple(int(value) for value in first[1:9]) if first[0] == "cpu" and len(first) >= 6 else None
    except (OSError, ValueError, IndexError):
        return None


def _siblings(processor: int) -> str:
    """The logical processors on the same physical core, as text."""
    try:
        return (TOPOLOGY / f"cpu{processor}/topology/thread_siblings_list").read_text(encoding="ascii").strip()
    except OSError:
        return str(processor)


def _quota() -> int | None:
    """What a container may use, in whole processors; None where it is not limited."""
    try:
        most, period = QUOTA.read_text(encoding="ascii").split()[:2]
        return max(int(most) // int(period), 1)
    except (OSError, ValueError, ZeroDivisionError):
        return None
