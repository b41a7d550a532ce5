"""What the host shows of the work under way, and whether the user wants it to end."""

from __future__ import annotations

import re
from typing import Any

from modules import shared

from itermix.webui.compat.processing import is_img2img


def is_interrupted() -> bool:
    return shared.state.interrupted or shared.state.skipped


def is_stopping() -> bool:
    """Whether the user wants no further picture; "Don't interrupt in the middle" lets the one under way be finished."""
    return shared.state.interrupted or getattr(shared.state, "stopping_generation", False)


def is_cut_short() -> bool:
    """Whether an interrupt ends the sampling before its end."""
    return shared.state.interrupted


def take_skip() -> bool:
    """Whether the user has skipped the picture under way; the next one is not skipped."""
    was, shared.state.skipped = shared.state.skipped, False
    return was


def show_frame(number: int, total: int) -> None:
    """number: from 1."""
    shared.state.job = f"Frame {number} of {total}"
    shared.state.textinfo = f"Latent Sequence: frame {number} of {total}"


def show_phase(name: str, size: tuple[int, int]) -> None:
    """size: (height, width) of its pictures."""
    shared.state.textinfo = f"Iterative Upscale: {name}, {size[1]}x{size[0]}"


def show_nothing() -> None:
    """Takes back the text of what was shown."""
    shared.state.textinfo = None


def expect_passes(count: int) -> None:
    """So many sampling passes are to come from now on, in place of those that the host has counted itself."""
    state = shared.state
    state.job_count = state.job_no + count
    state.processing_has_refined_job_count = True  # hires fix would double it, but only first frames have two passes


def expect_more(count: int) -> None:
    """So many sampling passes are to come beside those that the host has counted."""
    if shared.state.job_count > 0:
        shared.state.job_count += count


def next_pass() -> None:
    """A pass has ended that the host does not count itself."""
    shared.state.nextjob()


def cells_of_plot(pictures: int) -> int | None:
    """How many cells of so many pictures each the X/Y/Z plot has announced; None where it has begun with them."""
    return shared.state.job_count // max(pictures, 1) if shared.state.job_no == 0 else None


def picture_of_batch_tab(p: Any) -> str | None:
    """A name for the picture that img2img's batch tab is at; None elsewhere.

    The host says which one it is in its progress alone; the file's name where it is to name the results.
    """
    found = re.fullmatch(r"(\d+) out of (\d+)", str(shared.state.job or "")) if is_img2img(p) else None
    if found is None:
        return None
    pattern = (p.override_settings or {}).get("samples_filename_pattern", "")
    # Windows finds no folder whose name ends so, and ".." is one above.
    name = pattern.removesuffix("-[generation_number]").rstrip(". ")
    return name or f"picture-{found[1]}"


def pictures_left_in_batch_tab(p: Any) -> int:
    """This one included; 1 elsewhere."""
    found = re.fullmatch(r"(\d+) out of (\d+)", str(shared.state.job or "")) if is_img2img(p) else None
    return 1 if found is None else max(int(found[2]) - int(found[1]) + 1, 1)
