"""X/Y/Z plots through the API of a real WebUI, with the arguments that its own plot takes."""

from __future__ import annotations

from typing import Any

from tools.real_host import Generation, Host

TITLE = "x/y/z plot"
NOTHING = ("Nothing", "")
CELLS, TEXT = "Include Sub Images", "Use text inputs instead of dropdowns"  # switches of all hosts' plots


def axes_of(host: Host, tab: str = "txt2img") -> list[str]:
    """The labels of all axes, in their order."""
    return _arguments_of(host, tab)[0]["choices"]


def plot(
    host: Host, x: tuple[str, str], y: tuple[str, str] = NOTHING, mixing: Any = None, csv: bool = False, **body: Any
) -> Generation:
    """A plot with its single cells; axes as (label, values). csv: values are read as text, not from drop-downs."""
    arguments = _arguments_of(host, "txt2img")
    labels = arguments[0]["choices"]
    given = []
    for label, values in (x, y, NOTHING):
        given += [labels.index(label), values, [value.strip() for value in values.split(",")]]
    switches = {CELLS: True, TEXT: csv}
    given += [switches.get(argument["label"], argument["value"]) for argument in arguments[len(given) :]]
    return host.generate(mixing=mixing, script_name=TITLE, script_args=given, **body)


def _arguments_of(host: Host, tab: str) -> list[dict[str, Any]]:
    """What the plot takes here, with label and default; reForge's takes three more than A1111's."""
    wanted = TITLE, tab == "img2img"
    infos = host.get("/sdapi/v1/script-info")
    return next(info["args"] for info in infos if (info["name"], info["is_img2img"]) == wanted)
