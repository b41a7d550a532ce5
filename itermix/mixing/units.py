"""Start and stop of the curve in steps or per cent, for those who think in them."""

from __future__ import annotations

from dataclasses import dataclass

from itermix.settings import Settings, choice, number

UNITS = SHARES, PER_CENT, STEPS = ("shares of the run", "per cent", "steps")
LATEST = 2.0  # share of the run: what `stop` may be at most


@dataclass(frozen=True, init=False, repr=False, eq=False)
class UnitFields(Settings):
    """The curve's window in another unit than shares of the run."""

    unit: str = choice(
        "Start and stop in", UNITS,
        "Shares: Curve start and Curve stop. Per cent of the run, or whole steps of it: Start at and Stop at; steps "
        "make the curve go by steps.",
    )  # fmt: skip
    start_at: float = number(
        "Start at", 0.0, 0.0, 1000.0, 1.0, "In per cent or steps: up to here the weight stays at its top.",
        axis="Start at (per cent or steps)",
    )  # fmt: skip
    stop_at: float = number(
        "Stop at", 0.0, 0.0, 1000.0, 1.0,
        "In per cent or steps: from here on the curve is at its end; 0 is the end of the run.",
        axis="Stop at (per cent or steps)",
    )  # fmt: skip


def shares(unit: str, start_at: float, stop_at: float, steps: int) -> tuple[float, float]:
    """(start, stop) as shares of a run of so many steps. A start beyond the run never lets the weight fall."""
    whole = 100.0 if unit == PER_CENT else float(steps)
    start, stop = start_at / whole, min((stop_at or whole) / whole, LATEST)
    return (start, stop) if start < min(stop, 1.0) else (1.0, LATEST)
