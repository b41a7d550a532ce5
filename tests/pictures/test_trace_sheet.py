"""The strip and the plots of a trace."""

import numpy as np
import pytest
import torch

pytest.importorskip("PIL", minversion="10.1")
from PIL import Image, ImageFont  # noqa: E402

from itermix.mixing.trace import DENOISED, MIXED, REFERENCE, STATE, Trace  # noqa: E402
from itermix.pictures import trace_sheet  # noqa: E402

VALUES = {REFERENCE: 0.15, STATE: 0.4, MIXED: 0.65, DENOISED: 0.9}


def looked_at(steps=4, count=2, names=tuple(VALUES)):
    """Every latent is flat, of its own brightness; image 1 of the batch is black."""
    trace = Trace(count, steps)
    for step in range(steps):
        trace.begin(step, 10.0 - step, 1.0)
        for name in names:
            trace.record(step, name, torch.stack([torch.full((4, 8, 8), VALUES[name]), torch.zeros(4, 8, 8)]))
    return trace


def drawn(trace, image=0):
    def decode(latent):
        return Image.fromarray((latent[:3].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())

    return trace_sheet.picture(trace, {0: 0.5}, image, "title", decode, ImageFont.load_default)


def patches(picture, value):
    """How many squares of 256 x 256 pixels have this brightness throughout."""
    grey = round(value * 255)
    pixels = np.asarray(picture)
    return int((pixels == grey).all(axis=-1).sum()) / 256**2


@pytest.mark.parametrize("name", VALUES)
def test_every_latent_of_a_kept_step_is_a_square_of_the_strip(name):
    assert patches(drawn(looked_at()), VALUES[name]) == pytest.approx(2, rel=1e-3)
    assert patches(drawn(looked_at(count=4)), VALUES[name]) == pytest.approx(4, rel=1e-3)


def test_each_image_of_the_batch_has_a_strip_of_its_own():
    assert patches(drawn(looked_at(), image=1), 0.0) >= 8


def test_what_was_not_seen_is_left_empty():
    made = drawn(looked_at(names=(STATE, DENOISED)))
    assert patches(made, VALUES[REFERENCE]) < 0.01 and patches(made, VALUES[STATE]) == pytest.approx(2, rel=1e-3)
    assert made.size == drawn(looked_at()).size


def test_the_plots_have_a_line_for_each_kind_where_its_numbers_lie():
    made = drawn(looked_at())
    pixels = np.asarray(made)[made.height - trace_sheet.PLOT - trace_sheet.GAP :, : made.width // 2]
    heights = {}
    for name, colour in trace_sheet.COLOURS.items():
        rows, columns = np.nonzero((pixels == tuple(bytes.fromhex(colour[1:]))).all(axis=-1))
        assert np.ptp(columns) > 0.5 * pixels.shape[1], name  # from the first step to the last
        heights[name] = np.median(rows)
    tops = [heights[name] for name in VALUES]
    assert tops == sorted(tops, reverse=True)  # larger means lie higher
    assert np.diff(tops) == pytest.approx([np.diff(tops)[0]] * 3, abs=2)  # evenly, as the values are


def test_the_plots_numbers_are_whole_however_many_digits_they_have():
    trace = Trace(2, 4)
    for step in range(4):
        trace.begin(step, 10.0 - step, 1.0)
        trace.record(step, STATE, torch.full((1, 4, 8, 8), -0.0096712 - 0.000123 * step))
    made = np.asarray(trace_sheet._plot(trace, 0, 0, 600, ImageFont.load_default))
    ink = (made != 255).any(axis=(0, 2)).nonzero()[0]
    assert 0 < ink.min() < 2 * trace_sheet.LETTERS  # something stands there, and nothing is cut off at the border


def test_numbers_that_are_not_finite_are_left_out_of_the_plot():
    trace = looked_at()
    trace.record(2, MIXED, torch.full((2, 4, 8, 8), float("nan")))
    assert drawn(trace).size == drawn(looked_at()).size


def test_nothing_seen_is_no_picture():
    assert drawn(Trace(3, 5)) is None
