"""A film takes as long as it should in every format, whatever unit that counts its time in."""

from types import SimpleNamespace

import pytest
from PIL import Image

from itermix.pictures import gif, webp
from itermix.pictures.films import save_film
from itermix.pictures.frames import save_frame
from itermix.pictures.limits import of_speed
from itermix.pictures.reel import Reel, Timing

RATES = [1, 3, 7, 8, 9, 12, 12.5, 15, 16, 23.976, 24, 25, 29.97, 30, 33, 48, 50, 60, 90, 97.3, 120]
FORMATS = {"gif": gif, "webp": webp}


def reel(count, timing):
    made = object.__new__(Reel)  # without its files
    made.fps, made.order = timing.fps, list(timing.order(count))
    return made


def shots(format, count, timing):
    return list(reel(count, timing).shots(format.UNITS, format.SHORTEST, format.LONGEST))


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("name", FORMATS)
def test_a_film_takes_as_long_as_its_frames_do_to_half_a_unit(name, fps):
    format = FORMATS[name]
    for count in (1, 2, 3, 11, 100, 1024):
        total = sum(duration for _, duration in shots(format, count, Timing(fps)))
        wanted = count * format.UNITS / fps
        assert abs(total - wanted) <= 0.5 or (count < 3 and total == format.SHORTEST)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("name", FORMATS)
def test_every_frame_is_shown_where_the_format_is_fast_enough(name, fps):
    format = FORMATS[name]
    found = shots(format, 600, Timing(fps))
    indices = [index for index, _ in found]
    assert indices == sorted(set(indices)) and all(duration >= format.SHORTEST for _, duration in found)
    assert (indices == list(range(600))) == (fps <= format.FASTEST) == (of_speed(name, fps) == [])
    if fps <= format.FASTEST:  # a frame is never more than half a unit early or late
        assert all(abs(duration - format.UNITS / fps) <= 1.0 for _, duration in found)


def test_what_a_format_cannot_show_is_said_with_the_way_out():
    (line,) = of_speed("gif", 60)
    assert "a gif shows at most 50 frames a second: at 60 some are left out" in line and "mp4" in line
    assert of_speed("mp4", 120) == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_that_stays_longer_than_the_format_can_count_comes_again(name):
    format = FORMATS[name]
    hold = 3 * format.LONGEST // format.UNITS
    found = shots(format, 2, Timing(1.0, hold_first=hold))
    assert sum(duration for _, duration in found) == (hold + 2) * format.UNITS
    assert [index for index, _ in found] == [0] * (len(found) - 1) + [1]
    assert all(0 < duration <= format.LONGEST for _, duration in found)


def test_held_frames_are_one_shot():
    assert shots(gif, 3, Timing(10, hold_first=2, hold_last=1)) == [(0, 30), (1, 10), (2, 20)]
    assert shots(gif, 1, Timing(10, hold_first=4)) == [(0, 50)]


@pytest.mark.parametrize("fps", [12, 24, 30, 60, 120])
@pytest.mark.parametrize("name", FORMATS)
def test_the_file_itself_has_that_speed(tmp_path, name, fps):
    """As Pillow reads it back: 120 fps had durations of 0, 60 fps ran 40 % too slow, 12 fps 4 % too fast."""
    paths = [save_frame(tmp_path, i, Image.new("RGB", (16, 16), (i, 0, 255 - i))).files[0] for i in range(120)]
    written = save_film(paths, tmp_path / "film", name, Timing(fps))
    assert written.messages == of_speed(name, fps)
    total = 0
    with Image.open(written.files[0]) as film:
        for index in range(film.n_frames):
            film.seek(index)
            film.load()
            total += film.info["duration"]
    assert total / 1000 == pytest.approx(120 / fps, rel=0.01)


def test_the_timing_of_a_sequences_settings():
    settings = SimpleNamespace(fps=8.0, hold_first=1, hold_last=2, ping_pong=True)
    assert Timing.of(settings) == Timing(8.0, 1, 2, True)
