"""Windows by memory: none where the whole fits, else as large as fits, and 4096 px on 8 GB."""

import pytest

from itermix.upscale.memory import BYTES_PER_PIXEL, LEAST_WINDOW, largest_window, needed

GB = 2**30


def test_what_is_needed_grows_with_pixels_latents_and_the_size_of_a_number():
    assert needed((64, 64), 2) == 64 * 64 * 2 * BYTES_PER_PIXEL
    assert needed((64, 128), 2) == 2 * needed((64, 64), 2) == needed((64, 64), 4)
    assert needed((64, 64), 2, itemsize=4) == 2 * needed((64, 64), 2)


def test_the_whole_is_taken_where_it_fits_or_nobody_knows():
    assert largest_window((64, 64), 2, 24 * GB) is None
    assert largest_window((512, 512), 2, None) is None


@pytest.mark.parametrize("free", [2 * GB, 4 * GB, 6 * GB])
@pytest.mark.parametrize("itemsize", [2, 4])
def test_a_window_fits_into_the_share_of_the_free_memory_and_the_next_larger_one_does_not(free, itemsize):
    side = largest_window((512, 512), 2, free, itemsize)
    assert side % 8 == 0 and needed((side, side), 2, itemsize) <= 0.7 * free
    assert needed((side + 8, side + 8), 2, itemsize) > 0.7 * free


def test_4096_pixels_with_the_5_gb_that_8_have_left_beside_a_model_are_windows_of_2368():
    side = largest_window((512, 512), 2, 5 * GB)
    assert side * 8 == 2368 and side < 512


def test_there_is_a_least_window():
    assert largest_window((512, 512), 2, 1.0) == LEAST_WINDOW
