"""The benchmark of long sequences: what it makes of its readings."""

import pytest

from benchmarks.sequence import EARLY, ROUND, Course, table, time_table, timed


def course(name, per_frame, frames=200):
    return Course(name, frames, {frame: 2**30 + per_frame * frame for frame in range(0, frames + 1, 4)})


def test_growth_is_the_slope_per_frame_after_the_early_ones():
    found = course("Latent Sequence", 12288)
    found.memory.update({frame: 0 for frame in range(EARLY)})
    assert found.growth == pytest.approx(12288.0)


def test_memory_at_a_frame_that_was_not_looked_at_is_that_before_it():
    assert course("Latent Sequence", 1000).at(23) == 2**30 + 20000


def test_the_table_of_memory_has_a_line_for_every_course():
    lines = table([course("img2img", 0), course("Latent Sequence", 1024)]).splitlines()
    assert lines[2].split(" | ")[1:] == ["200", "1024.0", "1024.0", "0.0 |"]
    assert lines[3].split(" | ")[1:] == ["200", "1024.0", "1024.2", "1.0 |"]


def test_a_way_is_held_against_the_first_of_its_own_round():
    busy = {"img2img": [ROUND, 2.0 * ROUND, 4.0 * ROUND], "Latent Sequence": [1.02 * ROUND, 2.04 * ROUND, 9.0 * ROUND]}
    lines = time_table(busy).splitlines()
    assert lines[2:] == ["| img2img | 2.0000 | +0.0% |", "| Latent Sequence | 2.0400 | +2.0% |"]


def test_the_ways_take_turns():
    made = []
    seconds = timed({name: lambda name=name: made.append(name) for name in "abc"}, 2)
    assert made == list("abcabc") and [len(own) for own in seconds.values()] == [2, 2, 2]
