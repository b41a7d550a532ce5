"""Parts of the host's page that are not in every host, or not under the same name."""

from __future__ import annotations

from typing import Any

from modules import scripts

PLOTS = ("xyz_grid.py", "scripts.xyz_grid")  # the module of the X/Y/Z plot, as A1111 and as Forge name it


def input_accordion() -> Any | None:
    """The host's accordion that is a switch as well, and shows it when closed; None in hosts from before it."""
    try:
        from modules.ui_components import InputAccordion
    except ImportError:
        return None
    return InputAccordion


def xyz_plot() -> Any | None:
    """The module of the X/Y/Z plot; None where it is not loaded, or not yet."""
    return next((data.module for data in scripts.scripts_data if data.script_class.__module__ in PLOTS), None)
