"""What each surface shows of the settings, as JSON on the standard output: run in a process of its own.

With the real gradio where it is installed, and a stand-in for the host's modules; see test_surfaces.py.
"""

import contextlib
import importlib.util
import json
import sys
from types import ModuleType, SimpleNamespace

if importlib.util.find_spec("gradio") is not None:
    import gradio  # noqa: F401

from tests.webui import fake_modules

fake_modules.install()
if importlib.util.find_spec("fastapi") is None:
    sys.modules["fastapi"] = ModuleType("fastapi")
    sys.modules["fastapi"].HTTPException = Exception

from modules import scripts  # noqa: E402

from itermix.webui import api, xyz  # noqa: E402
from itermix.webui.compat.page import PLOTS  # noqa: E402
from itermix.webui.mixing.script import IterativeMixing  # noqa: E402
from itermix.webui.sequence.script import LatentSequence  # noqa: E402
from itermix.webui.upscale.script import IterativeUpscale  # noqa: E402


def labels(script):
    """The labels of a script's components, in their order, and of those that a pasted picture sets."""
    page = getattr(sys.modules["gradio"], "Blocks", contextlib.nullcontext)
    with page():
        components = script.ui(False)
    return [_label(part) for part in components], [_label(part) for part, _ in script.infotext_fields]


def axes():
    """The labels of the axes that are added to an X/Y/Z plot."""
    option = lambda label, *args, **kwargs: SimpleNamespace(label=label)  # noqa: E731
    plot = SimpleNamespace(axis_options=[], AxisOption=option, process_images=lambda p: None)
    script_class = type("Script", (), {"__module__": PLOTS[0]})
    scripts.scripts_data.append(SimpleNamespace(module=plot, script_class=script_class))
    for _ in range(2):  # the host calls once more before the page is built
        xyz.register()
    return [option.label for option in plot.axis_options]


def schema():
    routes = {}
    api.add_routes(
        SimpleNamespace(routes=[], add_api_route=lambda path, function, **more: routes.update({path: function}))
    )
    return routes[f"{api.PREFIX}/schema"]()


def _label(component):
    return getattr(component, "label", None) or component.kwargs["label"]


def main():
    scripts_of = {"mixing": IterativeMixing(), "upscale": IterativeUpscale(), "sequence": LatentSequence()}
    shown = {part: labels(script) for part, script in scripts_of.items()}
    return {
        "page": {part: page for part, (page, _) in shown.items()},
        "pasted": {part: pasted for part, (_, pasted) in shown.items()},
        "axes": axes(),
        "schema": schema(),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
