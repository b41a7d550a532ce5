"""The benchmark of long sequences: what it makes of its readings."""

import pytest

from benchmarks.sequence import EARLY, Course, table


def course(name, seconds, per_frame, frames=200):
    return Course(name, frames, seconds, {frame: 2**30 + per_frame * frame for frame in range(0, frames + 1, 4)})


def test_growth_is_the_slope_per_frame_after_the_early_ones():
    found = course("Latent Sequence", 100.0, 12288)
    found.memory.update({frame: 0 for frame in range(EARLY)})
    assert found.growth == pytest.approx(12288.0)


def test_memory_at_a_frame_that_was_not_looked_at_is_that_before_it():
    assert course("Latent Sequence", 100.0, 1000).at(23) == 2**30 + 20000


def test_the_table_holds_every_course_against_the_first():
    lines = table([course("img2img", 100.0, 0), course("Latent Sequence", 102.0, 1024)]).splitlines()
    assert lines[2].split(" | ")[1:4] == ["200", "0.5000", "+0.0%"]
    assert lines[3].split(" | ")[1:4] == ["200", "0.5100", "+2.0%"] and lines[3].endswith("| 1.0 |")
