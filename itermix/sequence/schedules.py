"""Which of a sequence's values have a schedule, and what it gives in each frame."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from itermix.mixing.settings import MixingSettings
from itermix.sequence.values import over_time, read_values
from itermix.settings import SettingsError

if TYPE_CHECKING:
    from itermix.sequence.settings import SequenceSettings

SEED = "seed_schedule"
# By the name of its field the least and the greatest value of each; a seed wraps.
SCHEDULES: dict[str, tuple[float, float]] = {
    "denoise_schedule": (0.0, 1.0),
    "cfg_schedule": (1.0, 100.0),
    "alpha_1_schedule": next((f.minimum, f.maximum) for f in MixingSettings.fields() if f.name == "alpha_1"),
    "noise_schedule": (0.0, 1.0),
    "interpolation_schedule": (0.0, 1.0),
    "conditioning_slerp_schedule": (0.0, 1.0),
    SEED: (-math.inf, math.inf),
    # A move looks at six pixels on each side whatever the zoom is: at less than half the size it would leave some out.
    "zoom_schedule": (0.5, 2.0),
    "pan_x_schedule": (-1.0, 1.0),
    "pan_y_schedule": (-1.0, 1.0),
    "rotation_schedule": (-180.0, 180.0),
}
CAMERA = ("zoom_schedule", "pan_x_schedule", "pan_y_schedule", "rotation_schedule")


def values_over_time(settings: SequenceSettings, seed: int | None) -> dict[str, list[float]]:
    """By the name of its field, what each schedule gives in each frame; without those that are empty.

    seed: of the first frame; None leaves out what depends on it. Seeds are whole numbers, not yet wrapped. Raises
    SettingsError.
    """
    from itermix.sequence.deforum import file_of  # late: a host's start waits for every import

    found = {}
    file = file_of(settings)
    borrowed = file.borrowed(settings) if file is not None else {}
    for name, (low, high) in SCHEDULES.items():
        schedule = read_values(name, getattr(settings, name), settings.frames, is_whole=name == SEED)
        if name in borrowed:
            schedule, (low, high) = borrowed[name].schedule, borrowed[name].range(low, high)
        if schedule is None or seed is None and schedule.has_seed:
            continue
        values = over_time(schedule, seed or 0, settings.values_between, low, high)
        found[name] = [borrowed[name].ours(value) for value in values] if name in borrowed else values
    return found


def require_usable(settings: SequenceSettings) -> None:
    """Raises SettingsError for a schedule that cannot be read, has no value, or contradicts another field."""
    for name, field, is_in_the_way in (
        ("denoise_schedule", "denoise_sine", settings.denoise_sine),
        (SEED, "node_seeds", settings.node_seeds != "off"),
    ):
        if getattr(settings, name).strip() and is_in_the_way:
            raise SettingsError(f"{name}: it is not allowed together with {field}; leave one of them out")
    values_over_time(settings, None)


def idle(settings: SequenceSettings) -> list[str]:
    """Why a schedule has no use, in words, one line for each that has none."""
    needs = {
        "alpha_1_schedule": (settings.mixing_reference != "off", "Mixing reference"),
        "noise_schedule": (settings.inject_noise, "Inject noise"),
        "interpolation_schedule": (settings.latent_interpolation != "off", "Latent interpolation"),
        "conditioning_slerp_schedule": (settings.conditioning_slerp, "Conditioning slerp"),
    }
    labels = {field.name: field.label for field in settings.fields()}
    return [
        f"{labels[name]} has no use while {switch} is off"
        for name, (is_used, switch) in needs.items()
        if getattr(settings, name).strip() and not is_used
    ]
