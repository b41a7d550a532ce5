"""As many threads as there are processors free, and never more than physical cores."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from itermix.commands import threads

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("cores, idle, chosen", [
    (8, 8.0, 8), (8, 5.4, 5), (8, 0.2, 1), (2, 0.9, 1), (4, 7.8, 4), (1, 1.0, 1), (4, -3.0, 1),
])  # fmt: skip
def test_threads_are_the_free_cores(cores, idle, chosen, monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: cores)
    monkeypatch.setattr(threads, "idle_processors", lambda: idle)
    assert threads.free_cores() == chosen


def test_idle_processors_are_measured_over_a_moment(tmp_path, monkeypatch):
    """10 jiffies pass on each of 4 processors, of which 25 are idle and 5 wait for a disk."""
    statistics = tmp_path / "stat"
    statistics.write_text("cpu  100 0 50 1000 20 0 0 0 0 0\ncpu0 1 2 3\n")
    monkeypatch.setattr(threads, "STATISTICS", statistics)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 4)
    after = "cpu  108 0 52 1025 25 0 0 0 0 0\n"
    monkeypatch.setattr(threads.time, "sleep", lambda seconds: statistics.write_text(after))
    assert threads.idle_processors() == pytest.approx(4 * 30 / 40)


@pytest.mark.skipif(not hasattr(os, "getloadavg"), reason="this system tells no load")
def test_where_the_system_has_no_such_file_the_load_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "STATISTICS", tmp_path / "nothing")
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(threads.os, "getloadavg", lambda: (2.5, 0.0, 0.0))
    assert threads.idle_processors() == 5.5


@pytest.mark.parametrize("siblings, quota, cores", [
    (["0,2", "1,3", "0,2", "1,3"], None, 2), (["0", "1", "2", "3"], None, 4), ([None] * 4, None, 4),
    (["0", "1", "2", "3"], "250000 100000", 2), (["0", "1", "2", "3"], "max 100000", 4),
    (["0", "1", "2", "3"], "20000 100000", 1),
])  # fmt: skip
def test_cores_are_physical_ones_within_what_a_container_may_use(siblings, quota, cores, tmp_path, monkeypatch):
    for number, text in enumerate(siblings):
        if text is not None:
            (tmp_path / f"cpu{number}" / "topology").mkdir(parents=True)
            (tmp_path / f"cpu{number}" / "topology" / "thread_siblings_list").write_text(f"{text}\n")
    if quota:
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
    monkeypatch.setattr(threads, "TOPOLOGY", tmp_path)
    monkeypatch.setattr(threads, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: set(range(4)), raising=False)
    assert threads.cores() == cores


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv(threads.COUNT, "3")
    monkeypatch.setenv(threads.WAITING, "ACTIVE")
    threads.choose()
    assert (os.environ[threads.COUNT], os.environ[threads.WAITING]) == ("3", "ACTIVE")


def test_they_are_chosen_before_torch_is_imported():
    """By the command itself: the last thing that it does is to find that there is no such checkpoint."""
    code = (
        "import os, sys\n"
        "from itermix.__main__ import main\n"
        "from itermix.commands import threads\n"
        "threads.free_cores = lambda: 'torch' in sys.modules or 1\n"
        "main(['demo', '--no-browser', '--checkpoint', 'nowhere', '--out', 'out/never.png'])\n"
        "print(os.environ['OMP_NUM_THREADS'], os.environ['OMP_WAIT_POLICY'])"
    )
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    variables["ITERMIX_ENVIRONMENT"] = "none"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True)
    assert result.stdout == "1 PASSIVE\n", result.stderr
