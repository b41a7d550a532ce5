"""Comparison sheets: every picture whole and unchanged, labels within their cells."""

import numpy as np
import pytest

pytest.importorskip("PIL")
from PIL import Image, ImageFont  # noqa: E402

from itermix.pictures import sheet  # noqa: E402


def noise(size, seed=0):
    values = np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(values)


def contains(whole, part):
    """Whether the picture is found in the sheet, pixel by pixel."""
    whole, part = np.array(whole), np.array(part)
    height, width = part.shape[:2]
    places = np.argwhere((whole == part[0, 0]).all(axis=-1))
    return any(np.array_equal(whole[y : y + height, x : x + width], part) for y, x in places)


def test_every_picture_is_in_it_pixel_by_pixel():
    pictures = [[noise(64, 1), noise(128, 2)], [noise(64, 3), noise(128, 4)]]
    made = sheet.composed("title", "sentence", ["small", "large"], ["one", "two"], pictures)
    assert all(contains(made, picture) for line in pictures for picture in line)


def test_large_pictures_are_shown_at_one_scale():
    pictures = [[noise(512, 1), noise(1024, 2)]]
    made = sheet.composed("t", "s", ["a", "b"], [""], pictures)
    halves = [picture.resize([side // 2 for side in picture.size], Image.Resampling.LANCZOS) for picture in pictures[0]]
    assert all(contains(made, half) for half in halves)
    assert not contains(made, pictures[0][0])


def foreground(picture, colour=sheet.FOREGROUND):
    """The columns and rows that have letters of a colour: left, right, top, bottom."""
    rows, columns = np.nonzero((np.array(picture) == tuple(bytes.fromhex(colour[1:]))).all(axis=-1))
    return columns.min(), columns.max(), rows.min(), rows.max()


def test_a_label_stays_over_its_column_however_long_it_is():
    for label in ("short", "a label of quite a few words that needs lines", "w" * 80):
        made = sheet.written(label, ImageFont.load_default(21), 21, 200, margin=5)
        left, right, _, _ = foreground(made)
        assert 0 <= left and right < 200
        assert abs((left + right) / 2 - 100) <= 6  # in the middle


def test_no_word_is_lost_between_two_lines():
    font, text = ImageFont.load_default(21), "one two three four five six seven eight nine ten"
    lines = sheet._wrapped(text, font, 120)
    assert len(lines) > 2 and " ".join(lines) == text
    assert all(font.getlength(line) <= 120 for line in lines)
    assert "".join(sheet._wrapped("w" * 50, font, 120)) == "w" * 50


def test_a_groups_bar_is_as_wide_as_its_columns():
    pictures = [[noise(256, seed) for seed in range(3)]]
    groups = [sheet.Group("one", 1, "#a33b2a"), sheet.Group("two", 2, "#1f6f43")]
    made = sheet.composed("t", "s", ["a", "b", "c"], ["row"], pictures, groups)
    for colour, wide in (("#a33b2a", 256), ("#1f6f43", 2 * 256 + sheet.GAP)):
        left, right, _, _ = foreground(made, colour)
        assert right - left + 1 == wide


def test_letters_grow_with_the_cells():
    heights = []
    for size in (256, 512):
        made = sheet.composed("HHH", "", ["H"], [""], [[noise(size)]])
        _, _, top, bottom = foreground(made.crop((0, 0, made.width, size // 4)))
        heights.append(bottom - top + 1)
    assert heights[1] / heights[0] == pytest.approx(2.0, rel=0.1)


def test_a_sheet_of_many_pictures_stays_within_what_can_be_shown(monkeypatch):
    monkeypatch.setattr(sheet, "MOST_PIXELS", 4 * 128 * 128)
    pictures = [[noise(256, 1), noise(256, 2)], [noise(256, 3), noise(256, 4)]]
    made = sheet.composed("t", "s", ["a", "b"], ["", ""], pictures)
    halves = [picture.resize((128, 128), Image.Resampling.LANCZOS) for line in pictures for picture in line]
    assert all(contains(made, half) for half in halves)
