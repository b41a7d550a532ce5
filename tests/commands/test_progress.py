"""Progress bars: on a terminal one line that fills up, elsewhere a line for each picture that is done."""

import io

import pytest

from itermix.commands import progress


class Terminal(io.StringIO):
    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


@pytest.fixture
def written(monkeypatch):
    def of(is_terminal, run):
        terminal = Terminal(is_terminal)
        monkeypatch.setattr(progress.sys, "stderr", terminal)
        run()
        return terminal.getvalue()

    return of


def a_run():
    bar = progress.Bar([1, 1])
    for label in ("first", "a second one with a label that is far too long for the line of a terminal of 80"):
        bar.begin(label)
        for step in (1, 2):
            bar.step("first pass", step, 2)
        bar.end()


def test_on_a_terminal_it_is_one_line_of_at_most_79_characters(written):
    lines = written(True, a_run).split("\r")[1:]
    assert {len(line.rstrip("\n")) for line in lines} == {79}
    assert lines[1].startswith("[" + " " * 30 + "] 1/2 first: step 1/2")
    assert lines[4].startswith("[" + "#" * 15 + " " * 15 + "] 2/2 a second one")
    assert lines[-1].startswith("[" + "#" * 30 + "] 2 pictures in ") and lines[-1].endswith("\n")


def test_elsewhere_it_is_a_line_for_each_picture(written):
    lines = written(False, a_run).splitlines()
    assert [line.rpartition(" (")[0] for line in lines][0] == "1/2 first" and len(lines) == 2


@pytest.mark.parametrize("share, seconds, left", [
    (0.0, 10, "70 s left"), (0.5, 10, "30 s left"), (0.5, 60, "3 min left"), (0.0, 1, ""), (0.0, 10.01, "71 s left"),
])  # fmt: skip
def test_the_time_left_follows_from_the_work(share, seconds, left, monkeypatch):
    """One unit of eight is done, and a share of the next picture, which is two."""
    monkeypatch.setattr(progress.time, "monotonic", lambda: 0.0)
    bar = progress.Bar([1, 2, 5])
    bar.done, bar.share = 1, share
    monkeypatch.setattr(progress.time, "monotonic", lambda: seconds)
    assert bar.left() == left


def test_the_time_left_stands_at_the_end_of_the_line(written, monkeypatch):
    times = iter([0.0, *[10.0] * 100])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    lines = written(True, a_run).split("\r")[1:]
    assert {len(line.rstrip("\n")) for line in lines} == {79}
    assert "1/2 first: step 1/2 " in lines[1] and lines[1].endswith(" 30 s left")
    assert lines[4].endswith(" 4 s left")


@pytest.mark.parametrize("is_terminal, text", [
    (False, ""), (True, f"\rhires pass [{'#' * 10:30}] 1/3\rhires pass [{'#' * 30}] 3/3\n"),
])  # fmt: skip
def test_a_passs_bar(is_terminal, text, written):
    assert written(is_terminal, lambda: [progress.show("hires pass", done, 3) for done in (1, 3)]) == text
