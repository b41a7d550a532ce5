"""Where the steps of a run are, for the live curve, asked of the studio's own schedules: as `itermix.webui.levels`."""

from __future__ import annotations

from typing import Any

from itermix.studio.errors import StudioError, one_line
from itermix.studio.networks import Network
from itermix.studio.request import AUTOMATIC, steps_left
from itermix.studio.schedules import schedule_of

ROUTE = "/itermix/v1/page/levels"
FIRST_PASS = "first pass"


def answer(
    network: Network, sampler: str, scheduler: str, steps: int, strength: float, of: str, width: int, height: int
) -> dict[str, Any]:
    """{"steps", "progress", "repeats", "why"}: how many steps the pass makes, and u at the start of each.

    of: "first pass", "hires pass" or "img2img"; strength: of the latter two. width, height: the picture's, in pixels.
    """
    try:
        tokens = network.tokens(height // network.reduction, width // network.reduction)
        sampler = network.sampler if sampler == AUTOMATIC else sampler
        schedule = schedule_of(sampler, network.scheduler_config, steps, scheduler, network.is_flow, tokens)
        total = len(schedule.levels)
        schedule = schedule.from_step(0 if of == FIRST_PASS else total - steps_left(total, strength))
    except StudioError as error:
        return {"steps": None, "progress": None, "repeats": False, "why": one_line(error)}
    progress = [schedule.noising.progress(level) for level in schedule.levels]
    return {"steps": len(progress), "progress": progress, "repeats": False, "why": ""}
