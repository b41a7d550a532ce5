"""Whose turn it is on the standalone's page, without a page."""

from __future__ import annotations

import pytest

pytest.importorskip("diffusers")

from itermix.studio.page import turns as turns_of_page  # noqa: E402
from itermix.studio.page.turns import Tab, Turns  # noqa: E402


@pytest.fixture
def turns(monkeypatch):
    monkeypatch.setattr(turns_of_page, "LOOK_EVERY", 0.0)
    return Turns()


class Press:
    """A press of a button on a page, which goes on when it is asked to."""

    def __init__(self, turns, tab=None):
        self.tab = tab or Tab()
        self.events = self._events(turns)
        self.says()

    def _events(self, turns):
        with turns.taken(self.tab) as turn:
            yield "begun"
            for _ in turns.waited(turn):
                yield "waits"
            while turn.is_running:
                yield "runs"
            yield "stopped"

    def says(self):
        return next(self.events)

    def end(self):
        self.events.close()


def test_those_that_wait_have_their_turns_as_they_came(turns):
    first, second, third = (Press(turns) for _ in range(3))
    assert [one.says() for one in (first, third, second)] == ["runs", "waits", "waits"]
    first.end()
    late = Press(turns)
    assert [one.says() for one in (late, third, second, third)] == ["waits", "waits", "runs", "waits"]
    second.end()
    assert [one.says() for one in (late, third)] == ["waits", "runs"]


def test_one_that_is_stopped_or_whose_page_is_gone_is_waited_for_no_more(turns, monkeypatch):
    first, stopped, closed, forgotten, last = (Press(turns) for _ in range(5))
    assert first.says() == "runs"
    stopped.tab.stop()
    closed.end()
    first.end()
    assert last.says() == "waits"
    monkeypatch.setattr(turns_of_page, "GONE_AFTER", 0.0)  # since it has looked
    assert last.says() == "runs" and forgotten.says() == "waits" and stopped.says() == "stopped"


def test_a_run_that_fails_leaves_its_turn_to_the_next(turns):
    first, second = Press(turns), Press(turns)
    assert first.says() == "runs" and second.says() == "waits"
    with pytest.raises(RuntimeError):
        first.events.throw(RuntimeError("out of memory"))
    assert second.says() == "runs" and not first.tab.turns
