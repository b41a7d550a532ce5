"""A cell of an X/Y/Z plot that is a whole sequence: the sheet of its frames, with the infotext of the sequence."""

from __future__ import annotations

from typing import Any

from PIL import Image

from itermix.pictures.frames import within
from itermix.sequence.settings import SequenceSettings
from itermix.webui.compat import pictures, processing, progress
from itermix.webui.sequence import request
from itermix.webui.sequence.arguments import settings_of
from itermix.webui.sequence.results import GRID_PIXELS

_left = 0  # cells of the plot under way
TAKEN_OVER = ("all_prompts", "all_negative_prompts", "all_seeds", "all_subseeds", "extra_generation_params")


def make(p: Any, axes: dict[str, Any], longest: int) -> Any:
    """The host's Processed, its first picture the sheet. p: the cell's own; axes: the cell's values by field name.

    longest: of the plot's sequences, in frames; shorter sheets are filled up to its size, as a plot has cells of one
    size. Raises SettingsError.
    """
    settings = SequenceSettings.from_dict({**_fields_of(p), **axes, "resume": False})
    cells, batch = _cells_left(p), processing.images_of_batch(p)
    p.n_iter = 1
    made = request.run(p, settings, cells=cells)
    processed = made.processed
    for name in TAKEN_OVER:  # the plot writes its grids' infotexts from the cell's p
        setattr(p, name, getattr(processed, name))
    first = processed.index_of_first_image
    frames = processed.images[first : first + made.frames]
    if frames:
        text = processed.infotexts[first]
        processed.images, processed.infotexts = [_sheet(frames, longest * batch, batch)], [text]
        processed.index_of_first_image = 0
    return processed


def _cells_left(p: Any) -> int:
    """How many cells the plot has still to make, this one included, for the host's progress."""
    global _left
    announced = progress.cells_of_plot(p.n_iter)
    _left = _left - 1 if announced is None else announced
    return max(_left, 1)


def _fields_of(p: Any) -> dict[str, Any]:
    """What the fields of Latent Sequence say, which are there though another script is chosen."""
    script = next(script for script in p.scripts.selectable_scripts if script.title() == SequenceSettings.title)
    return settings_of(tuple(p.script_args[script.args_from : script.args_to])).to_dict()


def _sheet(frames: list[Image.Image], count: int, batch: int) -> Image.Image:
    """All frames on one picture; with room for as many as `count`. Those of a long sequence are shown smaller."""
    frames = list(within(frames, GRID_PIXELS, count))
    blank = Image.new(frames[0].mode, frames[0].size)
    filled = [*frames, *[blank] * (count - len(frames))]
    return filled[0] if len(filled) == 1 else pictures.arranged(filled, batch)
